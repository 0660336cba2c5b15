"""`rnnfast stream`: rows in, answers out, control lines, refused rows, and states that outlive the process."""

import io
import json
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing

import numpy as np
import pandas as pd
import pytest
from commands import start
from ids import cases

import rnnfast
from rnnfast.errors import DataError, ModelError, UsageError
from rnnfast.model.linear_part import LinearPart
from rnnfast.online.command import Limits, Past, answer_stream
from rnnfast.online.session import Shown

ROWS = 40
PROGRAM = """
import sys
from rnnfast.cli import run
from rnnfast.online import states
states.EVERY = 0
run(sys.argv[1:])
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """The path of a model of one feature, which knows ids and times."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"id": np.tile(list("abcd"), 10), "t": np.arange(40), "v": rng.normal(size=40)})
    frame["hot"] = (frame.v > 0).astype(int)
    path = tmp_path_factory.mktemp("stream") / "m.safetensors"
    options = {"id": "id", "time": "t", "target": "hot", "hidden": (4,), "epochs": 1, "preset": "fast"}
    rnnfast.train(frame, **options).model.save(path)
    return path


@pytest.fixture(scope="module")
def rows():
    """Rows of five ids as CSV: a header and lines."""
    rng = np.random.default_rng(1)
    return ["id,t,v", *(f"{'abcde'[k % 5]},{k},{value:.4f}" for k, value in enumerate(rng.normal(size=ROWS)))]


def as_json(rows):
    """The same rows as JSON lines."""
    cells = (row.split(",") for row in rows[1:])
    return [json.dumps({"id": id, "t": int(t), "v": float(v)}) for id, t, v in cells]


def answers(model, lines, *, json=None, max_ids=100, interval=None, **past):
    """The lines of the answers, and the report; past: fields of Past."""
    reading, writing = os.pipe()
    os.write(writing, "\n".join(lines).encode())  # less than a pipe holds
    os.close(writing)
    out = io.StringIO()
    try:
        shown = Shown(json, interval)
        report = answer_stream(model, reading, out.write, shown=shown, limits=Limits(max_ids), past=Past(**past))
    finally:
        os.close(reading)
    return out.getvalue().splitlines(), report


def no_age(lines):
    """Lines of CSV without the age of the state, which the clock decides."""
    return [",".join(cell for k, cell in enumerate(line.split(",")) if k != 5) for line in lines]


def test_answers_are_the_lines_of_predict(model, rows, tmp_path):
    (tmp_path / "rows.csv").write_text("\n".join(rows))
    lines, report = answers(model, rows)
    assert lines[0] == "id,t,hot_pred,hot_prob,state_steps,state_age,state_note"
    predicted = rnnfast.load(model).predict(tmp_path / "rows.csv")
    streamed = pd.read_csv(io.StringIO("\n".join(lines)))
    assert streamed.id.tolist() == predicted.id.tolist()
    assert streamed.hot_pred.tolist() == predicted.hot_pred.tolist()
    assert streamed.hot_prob.astype(np.float32).tolist() == predicted.hot_prob.tolist()
    assert streamed.state_steps.tolist() == [k // 5 + 1 for k in range(ROWS)]
    assert report.stats["rows"] == ROWS


def test_json_lines_are_answered_by_json_lines(model, rows):
    lines, _ = answers(model, as_json(rows))
    csv, _ = answers(model, rows)
    first = json.loads(lines[0])
    assert (first["id"], first["t"], first["state_steps"]) == ("a", 0, 1)
    assert [json.loads(line)["hot_prob"] for line in lines] == [float(line.split(",")[3]) for line in csv[1:]]


def test_json_answers_to_csv(model, rows):
    lines, _ = answers(model, rows, json=True)
    assert json.loads(lines[0])["id"] == "a"


@pytest.mark.parametrize("form", ["csv", "json"])
def test_lines_that_are_no_rows(model, rows, form):
    drop, question = {"csv": ("#drop a", "#stats"), "json": ('{"control":"drop","id":"a"}', '{"control":"stats"}')}[
        form
    ]
    lines = rows[1:] if form == "csv" else as_json(rows)
    lines = [*lines[:5], drop, *lines[5:10], question]
    if form == "csv":
        lines.insert(0, rows[0])
    shown, _ = answers(model, lines)
    figures = json.loads(shown[-1].removeprefix("#stats ")) if form == "csv" else json.loads(shown[-1])["stats"]
    assert (figures["rows"], figures["resets"]) == (10, 1)
    steps = (
        [line.split(",")[4] for line in shown[1:-1]]
        if form == "csv"
        else [json.loads(line)["state_steps"] for line in shown[:-1]]
    )
    assert list(map(int, steps)) == [1, 1, 1, 1, 1, 1, 2, 2, 2, 2]


@pytest.mark.parametrize("cell", ["much", ""], ids=["text", "nothing"])
def test_a_bad_row_is_refused_and_the_others_are_answered(model, rows, cell):
    lines, report = answers(model, [*rows[:8], f"a,8,{cell}", *rows[8:]])
    good, _ = answers(model, rows)
    assert lines[8].startswith(",,,,,,")
    assert "line 9, column 'v'" in lines[8]
    assert no_age([*lines[:8], *lines[9:]]) == no_age(good)
    assert (report.refused, report.stats["rows"]) == (1, ROWS)


@pytest.mark.parametrize("blank", ["", "  ", "\t\t"], ids=["nothing", "spaces", "tabs"])
@pytest.mark.parametrize("form", ["csv", "json"])
def test_blank_lines_are_no_rows(model, rows, form, blank):
    lines = rows if form == "csv" else as_json(rows)
    expected, _ = answers(model, lines)
    got, report = answers(model, [*lines[:3], blank, *lines[3:8], "much", blank, *lines[8:], blank])
    refusal = next(k for k, line in enumerate(got) if "refused" in line)
    assert "line 10" in got[refusal]
    if form == "csv":
        got, expected = no_age(got), no_age(expected)
    else:
        got, expected = ([{**json.loads(one), "state_age": 0} for one in lines] for lines in (got, expected))
    assert [*got[:refusal], *got[refusal + 1 :]] == expected
    assert (report.refused, report.stats["rows"]) == (1, ROWS)


def test_a_late_row_is_told_from_others(model, rows):
    lines, report = answers(model, [*rows, "a,1,0.5"])
    assert lines[-1].split(",")[-1] == "late"
    assert report.stats["late"] == 1


def test_a_header_without_a_feature_is_refused(model):
    _, report = answers(model, ["id,t", "a,1"])
    assert "there is no column 'v'" in report.message


def test_a_restart_goes_on_exactly(model, rows, tmp_path):
    whole, _ = answers(model, rows, max_ids=4)
    kept = {"states": tmp_path / "s.sqlite", "max_ids": 4}
    first, _ = answers(model, rows[:18], **kept)
    second, _ = answers(model, [rows[0], *rows[18:]], **kept)
    assert no_age([*first, *second[1:]]) == no_age(whole)


def test_rows_that_the_states_have_seen_are_left_out(model, rows, tmp_path):
    kept = {"states": tmp_path / "s.sqlite"}
    whole, _ = answers(model, rows)
    answers(model, rows[:18], **kept)
    rest, _ = answers(model, rows, skip_seen=True, **kept)
    assert no_age(rest[1:]) == no_age(whole[18:])


def test_a_restart_without_new_rows_keeps_the_states(model, rows, tmp_path):
    past = {"states": tmp_path / "s.sqlite", "skip_seen": True}
    answers(model, rows[:18], **past)
    nothing, report = answers(model, rows[:18], **past)
    assert (nothing, report.stats["ids"]) == ([], 5)


def test_new_states_are_warmed_up(model, rows, tmp_path):
    (tmp_path / "old.csv").write_text("\n".join(rows[:18]))
    whole, _ = answers(model, rows)
    lines, _ = answers(model, [rows[0], *rows[18:]], replay=tmp_path / "old.csv")
    assert no_age(lines[1:]) == no_age(whole[18:])


def other_bias(model):
    model.parameters["head.bias"] = model.parameters["head.bias"] + 1


def other_linear_part(model):
    weights = ((0.0,) * len(model.encoder.names),) * model.schema.outputs
    model.linear_part = LinearPart(0.5, weights, weights, (0.0,) * model.schema.outputs)


@pytest.mark.parametrize("change", [other_bias, other_linear_part])
def test_states_of_another_model_are_refused(change, model, rows, tmp_path):
    answers(model, rows, states=tmp_path / "s.sqlite")
    other = rnnfast.load(model)
    change(other)
    other.save(tmp_path / "other.safetensors")
    with pytest.raises(ModelError, match="another model"):
        answers(tmp_path / "other.safetensors", rows, states=tmp_path / "s.sqlite")


def test_a_file_that_holds_no_states_is_refused(model, rows, tmp_path):
    (tmp_path / "s.sqlite").write_text("no database, but a text that is long enough to be taken for one " * 20)
    with pytest.raises(UsageError, match="no file of states"):
        answers(model, rows, states=tmp_path / "s.sqlite")


def test_only_states_know_what_they_have_seen(model, rows):
    with pytest.raises(UsageError, match="--states"):
        answers(model, rows, skip_seen=True)


def test_a_replay_with_a_bad_row_is_refused(model, rows, tmp_path):
    (tmp_path / "old.csv").write_text("id,t,v\na,1,much\n")
    with pytest.raises(DataError, match="--replay"):
        answers(model, rows, replay=tmp_path / "old.csv")


def test_killed_processes_leave_what_a_restart_goes_on_with(model, rows, tmp_path):
    whole, _ = answers(model, rows)
    seen, path = dict[int, str](), tmp_path / "s.sqlite"
    command = [sys.executable, "-c", PROGRAM, "stream", "--model", str(model), "--states", str(path), "--skip-seen"]
    for count in (12, 30):
        with subprocess.Popen([*command, "-q"], stdin=-1, stdout=-1, text=True) as process:
            process.stdin.write("\n".join(rows[: count + 1]) + "\n")
            process.stdin.flush()
            while not seen or max(seen) < count - 1:
                line = no_age([process.stdout.readline().strip()])[0]
                if not line.startswith("id,"):
                    number = int(line.split(",")[1])
                    assert seen.get(number, line) == line
                    seen[number] = line
            process.kill()
    rest, _ = answers(model, rows, states=path, skip_seen=True)
    seen |= {int(line.split(",")[1]): line for line in no_age(rest[1:])}
    assert [seen[k] for k in range(ROWS)] == no_age(whole[1:])


def test_a_row_that_comes_alone_is_answered_at_once_and_sigterm_keeps_the_states(model, rows, tmp_path):
    with start(["stream", "--model", str(model), "--states", str(tmp_path / "s.sqlite"), "-q"], stdin=-1) as process:
        process.stdin.write(f"{rows[0]}\n{rows[1]}\n")
        process.stdin.flush()
        assert process.stdout.readline().startswith("id,")
        assert process.stdout.readline().startswith("a,0,")
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 143
    with closing(sqlite3.connect(tmp_path / "s.sqlite")) as file:
        assert file.execute("SELECT id FROM states").fetchall() == [("a",)]


@pytest.mark.parametrize("members", [1, 2], ids=["a network", "an ensemble"])
@pytest.mark.parametrize("target", ["hot", "v"], ids=["classes", "a quantity"])
def test_intervals_are_those_of_predict(rows, tmp_path, target, members):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"id": np.tile(list("abcd"), 20), "t": np.arange(80), "v": rng.normal(size=80)})
    frame["hot"] = (frame.v > 0).astype(int)
    options = {"features": ("v",), "hidden": (4,), "epochs": 1, "preset": "fast", "split": (0.5,), "ensemble": members}
    model = rnnfast.train(
        frame.assign(w=frame.v), id="id", time="t", target="hot" if target == "hot" else "w", **options
    ).model
    model.save(tmp_path / "m.safetensors")
    (tmp_path / "rows.csv").write_text("\n".join(rows))
    level = model.intervals.levels[0]
    lines, _ = answers(tmp_path / "m.safetensors", rows, interval=level)
    predicted = model.predict(tmp_path / "rows.csv", interval=level)
    streamed = pd.read_csv(io.StringIO("\n".join(lines)))
    for name in predicted.columns[2:]:
        if predicted[name].dtype.kind == "f":
            np.testing.assert_allclose(streamed[name], predicted[name], rtol=1e-6)
        else:
            assert streamed[name].astype(str).tolist() == predicted[name].astype(str).tolist()


def test_an_interval_that_the_model_lacks_is_refused_before_the_first_row(model, rows):
    with pytest.raises(UsageError, match="--interval 12"):
        answers(model, rows, interval=12)


def as_number(text):
    """A number, which 7.5 and 7.50 are, or the text of a date."""
    return float(text) if text.replace(".", "", 1).isdigit() and len(text) < 8 else text


HOURS = pd.Timestamp("2024-01-30 20:00") + pd.to_timedelta(np.arange(30), "h")


@pytest.mark.parametrize(
    "times",
    cases(
        {
            "numbers": np.arange(0, 90, 3),
            "fractions": np.arange(30) / 4,
            "hours": HOURS.strftime("%d.%m.%Y %H:%M"),
            "zones": HOURS.strftime("%Y-%m-%dT%H:%M:%S+01:00"),
            "compact days": pd.date_range("2024-02-20", periods=30).strftime("%Y%m%d"),
            "months": pd.date_range("2024-01-31", periods=30, freq="ME").strftime("%Y-%m-%d"),
            "working days": pd.bdate_range("2024-01-05", periods=30).strftime("%Y-%m-%d"),
        }
    ),
)
@pytest.mark.parametrize("horizon", [(2,), (1, 3)], ids=["one horizon", "several"])
def test_answers_that_lie_ahead_say_when(tmp_path, times, horizon):
    frame = pd.DataFrame(
        {"id": np.repeat(list("ab"), 30), "t": [*times, *times], "v": np.arange(60.0), "y": np.arange(60.0)}
    )
    options = {
        "id": "id",
        "time": "t",
        "target": "y",
        "hidden": (4,),
        "epochs": 1,
        "preset": "fast",
        "horizon": horizon,
    }
    frame.to_csv(tmp_path / "t.csv", index=False)
    model = rnnfast.train(tmp_path / "t.csv", features=("v",), **options).model
    model.save(tmp_path / "m.safetensors")
    predicted = model.predict(tmp_path / "t.csv").astype(str)
    lines, _ = answers(tmp_path / "m.safetensors", (tmp_path / "t.csv").read_text().splitlines())
    streamed = pd.read_csv(io.StringIO("\n".join(lines)), dtype=str, keep_default_na=False)
    assert list(streamed.columns[:-3]) == list(predicted.columns)
    known = streamed.groupby("id").cumcount() >= 7  # rows whose week shows the step
    for name in (name for name in streamed if name.endswith("_for")):
        assert list(map(as_number, streamed[name][known])) == list(map(as_number, predicted[name][known]))
        assert (streamed[name] == "").sum() == 2  # the first row of an id shows none


def test_times_ahead_outlive_a_restart(tmp_path):
    frame = pd.DataFrame({"id": "a", "t": np.arange(0, 60, 2), "v": np.arange(30.0), "y": np.arange(30.0)})
    options = {
        "id": "id",
        "time": "t",
        "target": "y",
        "hidden": (4,),
        "epochs": 1,
        "preset": "fast",
        "horizon": 1,
        "split": (1.0,),
    }
    rnnfast.train(frame, features=("v",), **options).model.save(tmp_path / "m.safetensors")
    kept = {"states": tmp_path / "s.sqlite"}
    rows = ["id,t,v", "a,0,1", "a,2,1", "a,4,1"]
    answers(tmp_path / "m.safetensors", rows[:3], **kept)
    lines, _ = answers(tmp_path / "m.safetensors", [rows[0], rows[3]], **kept)
    assert lines[1].startswith("a,4,6,")
