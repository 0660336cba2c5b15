"""Scores of slices: how steps are grouped, and that each group is scored as its rows by themselves."""

from io import StringIO

import numpy as np
import pandas as pd
import pytest
from commands import fails, isolate, result
from ids import cases
from rich.console import Console
from tolerances import ANSWERS

import rnnfast
from rnnfast.console.slices import _slices
from rnnfast.metrics.slices import Slice, Slicing, by_numbers, by_place, by_share, by_texts
from rnnfast.model.breakdown import Breakdown, Broken
from rnnfast.model.tables import evaluate_table

FAST = {"preset": "fast", "hidden": 3, "epochs": 1, "dtype": "float64"}


def named(groups):
    return {name: np.flatnonzero(groups.code == k).tolist() for k, name in enumerate(groups.names)}


def test_texts_are_grouped_by_value_the_most_frequent_first():
    assert named(by_texts(["b", "a", "", "b"])) == {"b": [0, 3], "a": [1], "(empty)": [2]}
    many = by_texts([str(k) for k in range(30)])
    assert len(many.names) == 21
    assert many.names[-1] == "(10 others)"
    assert (many.code == 20).sum() == 10


@pytest.mark.parametrize(
    ("values", "groups"),
    cases(
        {
            "few numbers": ([2.0, 1.5, 2.0], {"1.5": [1], "2": [0, 2]}),
            "an empty cell": ([2.0, np.nan], {"2": [0], "(empty)": [1]}),
            "none": ([np.nan, np.nan], {"(empty)": [0, 1]}),
        }
    ),
)
def test_few_numbers_are_a_group_each(values, groups):
    assert named(by_numbers(np.array(values))) == groups


def test_many_numbers_are_cut_at_quantiles():
    values = np.append(np.random.default_rng(0).permutation(100), np.nan)
    groups = by_numbers(values)
    assert groups.names == ("0 to 19", "20 to 39", "40 to 59", "60 to 79", "80 to 99", "(empty)")
    assert [np.nanmin(values[groups.code == k]) for k in range(5)] == [0, 20, 40, 60, 80]


def test_a_value_of_most_rows_is_a_group_of_its_own():
    groups = by_numbers(np.append(np.zeros(90), np.arange(1, 12)))
    assert groups.names == ("0", "1 to 11")


def printed(*counts):
    slices = tuple(Slice(str(k), count, count, {"accuracy": 0.5}) for k, count in enumerate(counts))
    screen = Console(file=StringIO(), width=100)
    screen.print(*_slices(Slicing("steps seen", len(slices), slices), 100))
    return screen.file.getvalue()


def test_slices_of_few_steps_are_marked_where_others_have_more():
    assert "1*" in printed(40, 1)
    assert "fewer than 10 labelled steps" in printed(40, 1)
    assert "*" not in printed(40, 10)
    assert "*" not in printed(1, 1)


def test_places_are_grouped_by_doubling():
    groups = by_place(np.arange(9))
    assert named(groups) == {"1": [0], "2": [1], "3 to 4": [2, 3], "5 to 8": [4, 5, 6, 7], "9 to 16": [8]}


def test_quarters_of_sequences():
    groups = by_share(np.arange(8), np.full(8, 8))
    assert named(groups) == {"to 25 %": [0, 1], "to 50 %": [2, 3], "to 75 %": [4, 5], "to 100 %": [6, 7]}
    assert by_share(np.zeros(1, int), np.ones(1, int)).names == ("to 100 %",)


def steps(count=24, classes=True):
    """Sequences of 4 to 7 steps with a label each, a column that no model reads, and weights."""
    rng = np.random.default_rng(0)
    lengths = rng.integers(4, 8, count)
    frame = pd.DataFrame({"id": np.repeat([f"s{k}" for k in range(count)], lengths)})
    frame["t"] = frame.groupby("id").cumcount()
    frame["x"] = rng.normal(size=len(frame))
    frame["y"] = (frame["x"] + rng.normal(size=len(frame)) > 0).astype(int) if classes else frame["x"] * 2
    frame["site"] = rng.choice(["north", "south"], len(frame))
    frame["w"] = rng.integers(0, 3, len(frame))
    return frame


@pytest.fixture
def table(tmp_path, monkeypatch):
    isolate(monkeypatch, tmp_path)
    steps().to_csv("t.csv", index=False)
    return "t.csv"


def trained(table, **options):
    columns = {"id": "id", "time": "t", "target": "y", "ignore": ("site", "w"), **options}
    columns["ignore"] = tuple(name for name in columns["ignore"] if name not in options.values())
    rnnfast.train(table, **FAST, **columns).model.save("m.safetensors")
    return "m.safetensors"


@pytest.mark.parametrize("memory", [False, True], ids=["in memory", "on disk"])
def test_a_slice_is_scored_as_its_rows(table, memory, monkeypatch, capsys):
    model = trained(table)
    arguments = ["eval", "--model", model, "--data", table, "--by", "site", "--by-id", "--top", "2", "--ci", "90"]
    if memory:
        monkeypatch.setattr("rnnfast.data.reading.opening.needs_store", lambda *arguments: True)
        arguments += ["--memory", "600M"]
    report = result(arguments, capsys)
    by_site, by_id = report["by"]
    assert (by_site["by"], by_site["of"], by_id["of"], len(by_id["slices"])) == ("site", 2, 24, 2)
    frame, net = pd.read_csv(table), rnnfast.load(model)
    answers = net.predict(frame)["y_prob"].to_numpy()
    for part in by_site["slices"]:
        rows = (frame["site"] == part["value"]).to_numpy()
        assert part["labelled_steps"] == rows.sum()
        expected = net.task.figures(frame["y"].to_numpy()[rows, None], answers[rows, None])
        assert part["metrics"] == pytest.approx(expected, rel=ANSWERS)
        low, high = part["ci"]["auprc"]
        assert low < part["metrics"]["auprc"] < high
    losses = -np.log(np.where(frame["y"] == 1, answers, 1 - answers))
    worst = pd.Series(losses).groupby(frame["id"]).mean().sort_values(ascending=False).index[:2]
    assert [part["value"] for part in by_id["slices"]] == list(worst)
    assert report["bootstrap"] == {"level": 90, "resamples": 1000, "owners": 24, "of": "id", "seed": 0}
    assert report["ci"]["auroc"][0] < report["metrics"]["auroc"] < report["ci"]["auroc"][1]


@pytest.mark.parametrize("classes", [True, False], ids=["classes", "quantities"])
def test_a_weight_is_so_many_rows_in_every_metric(tmp_path, monkeypatch, classes):
    isolate(monkeypatch, tmp_path)
    frame = steps(classes=classes)
    frame.to_csv("t.csv", index=False)
    weighted = rnnfast.load(trained("t.csv", weight="w", task="binary" if classes else "regression"))
    scores = weighted.evaluate(frame)
    rows = np.repeat(np.arange(len(frame)), frame["w"])
    answer = weighted.predict(frame)["y_prob" if classes else "y_pred"].to_numpy()
    expected = weighted.task.figures(frame["y"].to_numpy()[rows, None], answer[rows, None])
    assert scores.metrics.figures == pytest.approx(expected, rel=ANSWERS)
    naive = weighted.task.naive_figures(frame["y"].to_numpy()[rows, None])
    assert scores.baseline.scores.figures == pytest.approx(naive, rel=ANSWERS)


def test_steps_and_lengths(table):
    scored = evaluate_table(trained(table), [table], breakdown=Breakdown(by=("length",), by_step=True))
    by_length, by_step, by_quarter = scored.parts.by
    frame = pd.read_csv(table)
    lengths = frame.groupby("id")["t"].transform("size")
    assert {part.value: part.labelled_steps for part in by_length.slices} == {
        str(length): int((lengths == length).sum()) for length in sorted(lengths.unique())
    }
    assert [part.value for part in by_step.slices] == ["1", "2", "3 to 4", "5 to 8"]
    assert by_step.slices[0].labelled_steps == 24
    assert sum(part.labelled_steps for part in by_quarter.slices) == len(frame)


def test_a_column_called_length_counts_before_the_length(table):
    frame = pd.read_csv(table).assign(length="all")
    frame.to_csv("t.csv", index=False)
    scored = evaluate_table(
        trained(table, ignore=("site", "w", "length")), [table], breakdown=Breakdown(by=("length",))
    )
    assert [part.value for part in scored.parts.by[0].slices] == ["all"]
    assert any("column" in note for note in scored.notes)


@pytest.mark.parametrize(
    "options",
    cases({"one way": {}, "both ways": {"bidirectional": True}, "mean": {"head": "mean"}, "two": {"ensemble": 2}}),
)
def test_a_model_of_the_last_step_answers_beginnings(table, options):
    frame = pd.read_csv(table)
    frame["y"] = frame.groupby("id")["y"].transform("first")
    model = rnnfast.train(frame, id="id", time="t", target="y", ignore=("site", "w"), **FAST, **options).model
    data = rnnfast.read_table(frame, schema=model.schema)
    assert data.schema.predict == "last"
    outcomes = model.outcomes(data)
    early, shares = Broken(model, outcomes, Breakdown(by_step=True)).parts().by
    assert [part.value for part in early.slices] == ["1", "2", "4"]
    assert shares.slices[-1].metrics == pytest.approx(outcomes.task.figures(outcomes.y, outcomes.answers))
    first = frame[frame["t"] < 2]
    assert early.slices[1].metrics == pytest.approx(model.evaluate(first).metrics.figures, rel=ANSWERS)


def summed(tmp_path, monkeypatch, ordered):
    """A table whose label is the sign of the sum of the steps, or of the change from the first step to the last."""
    isolate(monkeypatch, tmp_path)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(150, 5))
    label = x[:, -1] > x[:, 0] if ordered else x.sum(axis=1) > 0
    frame = pd.DataFrame({"id": np.repeat(np.arange(150), 5), "t": np.tile(np.arange(5), 150), "x": x.ravel()})
    frame.assign(y=np.repeat(label, 5).astype(int)).to_csv("t.csv", index=False)
    return "t.csv"


@pytest.mark.parametrize("ordered", [True, False], ids=["order matters", "order carries nothing"])
def test_shuffled_steps_tell_whether_the_order_matters(tmp_path, monkeypatch, capsys, ordered):
    table = summed(tmp_path, monkeypatch, ordered)
    options = {**FAST, "epochs": 40, "hidden": 8, "activation": "tanh" if ordered else "identity"}
    model = rnnfast.train(
        table, id="id", time="t", target="y", lr=0.05, optimizer="adam", batch_size=16, **options
    ).model
    if not ordered:  # the state is the sum of the inputs
        for name, tensor in model.parameters.items():
            tensor[...] = np.eye(8) if "weight_hh" in name else 1.0 if "weight" in name else 0.0
    model.save("m.safetensors")
    shuffled = result(["eval", "--model", "m.safetensors", "--data", table, "--shuffle-steps"], capsys)["shuffled"]
    assert shuffled["metric"] == "auprc"
    assert shuffled["order_matters"] is ordered
    low, high = shuffled["interval"]
    assert low <= shuffled["difference"] <= high
    assert shuffled["difference"] == pytest.approx(shuffled["in_order"]["auprc"] - shuffled["metrics"]["auprc"])


def test_without_positives_shuffled_steps_are_not_judged_by_f1(tmp_path, monkeypatch, capsys):
    table = summed(tmp_path, monkeypatch, ordered=True)
    rnnfast.train(table, id="id", time="t", target="y", **FAST).model.save("m.safetensors")
    pd.read_csv(table).assign(y=0).to_csv("negatives.csv", index=False)
    scored = ["--model", "m.safetensors", "--data", "negatives.csv"]
    assert result(["eval", *scored, "--shuffle-steps"], capsys)["shuffled"]["metric"] == "accuracy"
    assert result(["explain", *scored, "--importance"], capsys)["metric"] == "accuracy"


@pytest.mark.parametrize("predict", ["every", "last"])
def test_shuffled_steps_stay_in_their_sequence_with_their_label(table, predict):
    from rnnfast.model.shuffled import shuffled

    data = rnnfast.read_table(table, id="id", time="t", target="y", ignore=("site", "w"), predict=predict)
    mixed = shuffled(data, 0)
    moved = False
    for first, stop in zip(data.offsets[:-1], data.offsets[1:], strict=True):
        order = [int(np.flatnonzero(data.row[first:stop] == row)[0]) for row in mixed.row[first:stop]]
        np.testing.assert_array_equal(mixed.x[first:stop], data.x[first:stop][order])
        labels = data.y[first:stop][order] if predict == "every" else data.y[first:stop]
        np.testing.assert_array_equal(mixed.y[first:stop], labels)
        moved |= order != sorted(order)
    assert moved


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    cases(
        {
            "unknown column": (["--by", "sites"], 3, "sites"),
            "level": (["--ci", "120"], 2, "--ci 120"),
            "no id": (["--by-id", "--top", "0"], 2, "--top 0"),
        }
    ),
)
def test_wrong_requests_are_refused(table, capsys, arguments, code, text):
    assert text in fails(["eval", "--model", trained(table), "--data", table, *arguments], code, capsys)
