"""Comparing runs: on the rows that all of them answer, paired, and refused where these are not the same."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from commands import fails, isolate, result
from ids import cases

import rnnfast
from rnnfast.cli import run as rnnfast_cli
from rnnfast.errors import UsageError
from rnnfast.metrics.bootstrap import RESAMPLES
from rnnfast.model.tables import evaluate_table

STEPS = 6
QUICK = {"preset": "fast", "hidden": 3, "epochs": 2, "batch_size": 4, "optimizer": "adam", "patience": 0}
COLUMNS = {"id": "id", "time": "t", "target": "y"}


def table(kind="binary", count=60, seed=0):
    """A label that the sum of the last three steps tells, and another one that x alone tells."""
    random = np.random.default_rng(seed)
    x = random.normal(size=count * STEPS)
    memory = np.convolve(x, np.ones(3))[: count * STEPS]
    labels = {"binary": (memory > 1).astype(int), "multiclass": np.digitize(memory, [-1, 1]), "regression": memory}
    t = np.tile(np.arange(STEPS), count)
    return pd.DataFrame({"id": np.repeat(np.arange(count), STEPS), "t": t, "x": x, "y": labels[kind]})


@pytest.fixture(autouse=True)
def _directory(tmp_path, monkeypatch):
    isolate(monkeypatch, tmp_path)
    table().to_csv("t.csv", index=False)


def run(name, capsys, data="t.csv", **options):
    """Train by the command, so that a directory of a run is there."""
    chosen = {key.replace("_", "-"): str(value) for key, value in (COLUMNS | QUICK | options).items()}
    words = [f"--{key}={value}" if value != "True" else f"--{key}" for key, value in chosen.items()]
    result(["train", "--data", data, *words, "-o", f"runs/{name}"], capsys)
    return f"runs/{name}"


def test_runs_stand_best_first_with_the_scores_of_eval(capsys):
    runs = [run("short", capsys, epochs="1"), run("long", capsys, epochs="40")]
    compared = result(["compare", *runs], capsys)
    assert [one["run"] for one in compared["runs"]] == ["long", "short"]
    assert (compared["part"], compared["metric"], compared["of"]) == ("valid", "auprc", "id")
    for one in compared["runs"]:
        scores = evaluate_table(f"runs/{one['run']}", ["t.csv"], "valid").evaluation
        assert one["metrics"] == {name: scores.metrics[name] for name in one["metrics"]}
        assert one["labelled_steps"] == scores.labelled_steps == compared["labelled_steps"]
        assert one["parameters"] == rnnfast.load(f"runs/{one['run']}").parameter_count
        assert one["seconds"] > 0
        assert one["ms_per_1000_rows"] > 0
    assert compared["baseline"] == scores.baseline["auprc"]


def test_the_first_two_are_compared_in_the_same_resamples(capsys):
    runs = [run("short", capsys, epochs="1"), run("long", capsys, epochs="40")]
    compared = rnnfast.compare(runs)
    versus = compared.versus
    long, short = (one.metrics["auprc"] for one in compared.runs)
    assert versus.difference == long - short
    assert versus.certain
    assert versus.words.startswith("long is better than short by ")
    # Drawn apart, the interval of the difference would be as wide as both together.
    widths = [high - low for low, high in (one.ci for one in compared.runs)]
    assert versus.ci[1] - versus.ci[0] < np.hypot(*widths)
    assert compared.resamples == RESAMPLES


def test_the_same_network_twice_cannot_be_told_apart(capsys):
    runs = [run("one", capsys), run("two", capsys)]
    versus = rnnfast.compare(runs).versus
    assert (versus.difference, versus.ci, versus.certain) == (0.0, (0.0, 0.0), False)
    assert "one and two cannot be told apart on these 12 ids" in versus.words


@pytest.mark.parametrize("kind", ["binary", "multiclass", "regression"])
def test_every_task_is_compared_by_its_most_telling_metric_or_another(kind):
    frame = table(kind)
    models = {f"{epochs} epochs": trained(frame, kind, epochs=epochs) for epochs in (1, 30)}
    compared = rnnfast.compare(models, table(kind, seed=1))
    metric, lower = {"binary": ("auprc", 0), "multiclass": ("macro_f1", 0), "regression": ("r2", 0)}[kind]
    assert (compared.metric, compared.lower_is_better) == (metric, bool(lower))
    assert [run.run for run in compared.runs] == ["30 epochs", "1 epochs"]
    other = {"binary": "log_loss", "multiclass": "log_loss", "regression": "rmse"}[kind]
    by = rnnfast.compare(models, table(kind, seed=1), by=other)
    assert by.lower_is_better
    assert by.runs[0].metrics[other] < by.runs[1].metrics[other]
    assert by.versus.difference < 0
    assert by.versus.words.startswith("30 epochs is better than 1 epochs by ")


def trained(frame, kind="binary", **options):
    return rnnfast.train(frame, **COLUMNS | {"task": kind} | QUICK | options).model


def test_windows_cells_and_scaling_may_differ():
    frame = table()
    models = [trained(frame, window=2), trained(frame, cell="gru", scale="zscore", ensemble=2)]
    compared = rnnfast.compare(models, table(seed=1))
    assert compared.labelled_steps == 360
    assert compared.owners == 60
    assert {run.run for run in compared.runs} == {"model 1", "model 2"}


def test_rows_that_not_all_runs_answer_are_left_out_and_told():
    frame = table()
    every, last = trained(frame), trained(frame, predict="last")
    compared = rnnfast.compare({"every": every, "last": last}, table(seed=1))
    assert compared.labelled_steps == 60
    assert "scored on the 60 labelled steps that all runs answer; each has: every 360, last 60" in compared.notes
    # In another order of the rows the same ones are compared.
    shuffled = table(seed=1).sample(frac=1, random_state=0)
    again = rnnfast.compare({"every": every, "last": last}, shuffled)
    assert again.frame["auprc"].tolist() == pytest.approx(compared.frame["auprc"].tolist())


def test_the_last_step_of_each_sequence_alone():
    models = {"a": trained(table()), "b": trained(table(), hidden=4)}
    compared = rnnfast.compare(models, table(seed=1), last=True)
    assert (compared.labelled_steps, compared.owners) == (60, 60)


def test_weights_of_rows_count():
    frame = table().assign(w=np.tile([0, 0, 0, 1, 1, 5], 60))
    models = [trained(frame, weight="w"), trained(frame, weight="w", hidden=4)]
    compared = rnnfast.compare(models, frame)
    for one in compared.runs:
        number = int(one.run.split()[1]) - 1
        assert one.metrics["auprc"] == pytest.approx(models[number].evaluate(frame).metrics["auprc"])


def test_a_table_on_disk_gives_the_same(monkeypatch, capsys):
    runs = [run("one", capsys), run("two", capsys, hidden="4")]
    in_memory = result(["compare", *runs], capsys)
    monkeypatch.setattr("rnnfast.data.reading.opening.needs_store", lambda *arguments: True)
    on_disk = result(["compare", *runs, "--memory", "600M"], capsys)
    for ours, theirs in zip(in_memory["runs"], on_disk["runs"], strict=True):
        assert ours["metrics"] == pytest.approx(theirs["metrics"], rel=1e-4)


def test_the_test_part_is_taken_where_each_run_has_one(capsys):
    runs = [run(name, capsys, split="0.6,0.2", hidden=units) for name, units in (("a", "3"), ("b", "4"))]
    assert result(["compare", *runs], capsys)["part"] == "test"
    assert result(["compare", *runs, "--part", "valid"], capsys)["part"] == "valid"


def test_tables_of_their_own_are_parts(capsys):
    table(seed=1).to_csv("held.csv", index=False)
    table(seed=2).to_csv("more.csv", index=False)
    runs = [run("a", capsys, valid="held.csv"), run("b", capsys, "more.csv", valid="held.csv")]
    compared = result(["compare", *runs], capsys)
    assert (compared["data"], compared["labelled_steps"]) == (["held.csv"], 360)


def test_a_table_that_trained_is_told(capsys):
    runs = [run("a", capsys), run("b", capsys, hidden="4")]
    assert result(["compare", *runs, "--data", "t.csv"], capsys)["notes"] == [
        "this is the table that a and b were trained on: new rows will be answered worse"
    ]


def test_few_owners_are_told():
    frame = table()
    models = {"a": trained(frame), "b": trained(frame, hidden=4)}
    assert any("too narrow" in note for note in rnnfast.compare(models, table(count=3)).notes)
    alone = rnnfast.compare(models, table(count=1))
    assert alone.versus.ci is None
    assert "cannot be said" in alone.versus.words


def test_the_frame_has_a_line_for_each_run():
    frame = table()
    compared = rnnfast.compare({"a": trained(frame), "b": trained(frame, epochs=20)}, table(seed=1))
    assert list(compared.frame["run"]) == [run.run for run in compared.runs]
    assert {"auprc", "auprc_low", "auprc_high", "parameters", "seconds", "ms_per_1000_rows", "f1"} <= set(
        compared.frame
    )
    assert "verdict" in repr(compared)


def test_runs_of_one_name_are_told_apart_by_their_paths(capsys):
    runs = [run("x/net", capsys), run("y/net", capsys, hidden="4")]
    assert {one["run"] for one in result(["compare", *runs], capsys)["runs"]} == {"runs/x/net", "runs/y/net"}
    files = [f"{path}/model.safetensors" for path in runs]
    assert {one["run"] for one in result(["compare", *files], capsys)["runs"]} == {"runs/x/net", "runs/y/net"}


@pytest.mark.parametrize(
    ("options", "message"),
    cases(
        {
            "seed": ({"seed": 1}, "the splits differ: 0.8 by sequence, seed 0 (a), 0.8 by sequence, seed 1 (b)"),
            "share": ({"split": 0.7}, "0.8 by sequence, seed 0 (a), 0.7 by sequence, seed 0 (b)"),
            "table": ({"data": "u.csv"}, "the tables of the runs differ: t.csv (a), u.csv (b)"),
            "task": ({"task": "regression"}, "runs that differ in task cannot be compared: binary (a), regression (b)"),
            "target": ({"target": "z"}, "differ in target cannot be compared: y (a), z (b)"),
            "horizon": ({"horizon": 1}, "differ in horizon cannot be compared: 0 (a), 1 (b)"),
            "refitted": ({"refit": True}, "--part valid: b has no such part that did not train"),
        }
    ),
)
def test_other_rows_or_questions_are_refused(options, message, capsys):
    table(seed=3).assign(z=0).to_csv("u.csv", index=False)
    table().assign(z=lambda frame: frame["y"]).to_csv("t.csv", index=False)
    runs = [run("a", capsys, features="x"), run("b", capsys, features="x", **options)]
    assert message in fails(["compare", *runs], 2, capsys)


def test_the_same_data_for_all_is_the_way_out(capsys):
    runs = [run("a", capsys), run("b", capsys, seed="1")]
    table(seed=5).to_csv("new.csv", index=False)
    assert result(["compare", *runs, "--data", "new.csv"], capsys)["labelled_steps"] == 360


@pytest.mark.parametrize(
    ("words", "message"),
    cases(
        {
            "one run": (["runs/a"], "compare takes two runs or more, not 1; runs/* names all"),
            "the same twice": (["runs/a", "runs/a/model.safetensors"], "is there twice"),
            "no such metric": (["runs/a", "runs/b", "--by", "auprk"], "no metric 'auprk' of these runs"),
            "metric of another task": (["runs/a", "runs/b", "--by", "rmse"], "no metric 'rmse' of these runs"),
            "no level": (["runs/a", "runs/b", "--ci", "100"], "a level is above 0 and below 100"),
            "part and table": (["runs/a", "runs/b", "--part", "valid", "--data", "t.csv"], "--data takes all"),
            "no test part": (["runs/a", "runs/b", "--part", "test"], "--part test: a and b"),
        }
    ),
)
def test_wrong_requests_are_refused(words, message, capsys):
    run("a", capsys)
    run("b", capsys, hidden="4")
    assert message in fails(["compare", *words], 2, capsys)


def test_a_run_that_is_missing_is_named_without_an_option_that_compare_lacks(capsys):
    told = fails(["compare", run("a", capsys), "runs/none"], 4, capsys)
    assert "runs/none: no such model file" in told
    assert "--model" not in told


def test_a_model_of_a_frame_needs_a_table():
    frame = table()
    with pytest.raises(UsageError, match="which cannot be read again; --data FILE scores"):
        rnnfast.compare([trained(frame), trained(frame, hidden=4)])


def test_a_table_that_moved_is_named(capsys):
    runs = [run("a", capsys), run("b", capsys, hidden="4")]
    Path("t.csv").unlink()
    assert "t.csv" in fails(["compare", *runs], 3, capsys)


def test_long_names_keep_their_ends(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    runs = [run(f"creditcard_sample_of_all_{cell}10", capsys, cell=cell) for cell in ("rnn", "gru")]
    capsys.readouterr()
    assert rnnfast_cli(["compare", *runs]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["run", "auprc", "low", "high", "parameters", "trained", "ms/1,000", "rows"]
    assert all(len(line) <= 80 for line in lines)
    assert {line.split()[0][-6:] for line in lines[1:3]} == {"_rnn10", "_gru10"}
