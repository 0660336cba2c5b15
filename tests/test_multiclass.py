"""Targets with several classes: reading, splitting, training, scoring and predicting."""

import csv
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from commands import MULTICLASS_METRICS, fails, isolate, result
from hypothesis import given, settings
from hypothesis import strategies as st
from ids import cases

import rnnfast
from rnnfast.catalogue import TASKS
from rnnfast.cli import run
from rnnfast.data import Schema, read_table, split
from rnnfast.metrics.loss import mean_loss

MOVES = ("circle", "rest", "shake, hard")  # a name with a comma must survive CSV


@pytest.fixture(autouse=True)
def _directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    isolate(monkeypatch, tmp_path)


def moves(path: str | Path, sequences: int = 90, steps: int = 6, numbers: bool = False, seed: int = 0) -> str:
    """Write sequences whose class is told by the level of a and the slope of b; one label per sequence."""
    generator = np.random.default_rng(seed)
    label = np.arange(sequences) % len(MOVES)
    t = np.tile(np.arange(steps), sequences)
    each = np.repeat(label, steps)
    frame = pd.DataFrame(
        {
            "id": np.repeat([f"s{i}" for i in range(sequences)], steps),
            "t": t,
            "a": (each == 1) + 0.1 * generator.normal(size=t.size),
            "b": (each - 1) * t + 0.1 * generator.normal(size=t.size),
            "move": each + 3 if numbers else np.array(MOVES)[each],
        }
    )
    frame.to_csv(path, index=False)
    return str(path)


TRAIN = ["--target", "move", "--epochs", "40", "--lr", "0.1", "--patience", "0"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with moves.csv and a model of it, run/."""
    directory = tmp_path_factory.mktemp("multiclass")
    assert run(["train", moves(directory / "moves.csv"), *TRAIN, "-o", str(directory / "run"), "-q"]) == 0
    return directory


def rows_of(path: str | Path) -> list[dict[str, str]]:
    with Path(path).open(newline="") as file:
        return list(csv.DictReader(file))


def table(tmp_path: Path, cells: list[str], **options: object) -> rnnfast.SequenceData:
    path = tmp_path / "table.csv"
    path.write_text("a,y\n" + "".join(f"{i},{cell}\n" for i, cell in enumerate(cells)))
    return read_table(path, target="y", **options)


# Reading


@pytest.mark.parametrize(
    ("cells", "options", "task", "classes", "labels"),
    cases(
        {
            "texts": ("b a c b", {}, "multiclass", ("a", "b", "c"), [1, 0, 2, 1]),
            "texts and a gap": ("b NA c a", {}, "multiclass", ("a", "b", "c"), [1, math.nan, 2, 0]),
            "whole numbers": ("3 5 9 5", {}, "regression", (), [3, 5, 9, 5]),
            "whole numbers as classes": ("3 5 9 5", {"task": "multiclass"}, "multiclass", (3, 5, 9), [0, 1, 2, 1]),
            "fractions as classes": ("0.5 1 -2 1", {"task": "multiclass"}, "multiclass", (-2, 0.5, 1), [1, 2, 0, 2]),
            "bits as classes": ("1 0 1 0", {"task": "multiclass"}, "multiclass", (0, 1), [1, 0, 1, 0]),
            "booleans as classes": (
                "True False True False",
                {"task": "multiclass"},
                "multiclass",
                (False, True),
                [1, 0, 1, 0],
            ),
            "numbers and a text": ("x 1 2 x", {"task": "multiclass"}, "multiclass", ("1", "2", "x"), [2, 0, 1, 2]),
            "two texts": ("yes no yes no", {}, "binary", ("no", "yes"), [1, 0, 1, 0]),
        }
    ),
)
def test_tasks_and_classes(tmp_path, cells, options, task, classes, labels):
    data = table(tmp_path, cells.split(), **options)
    schema = data.schema
    assert (schema.task, schema.classes) == (task, classes)
    assert [type(value) for value in schema.classes] == [type(value) for value in classes]
    assert schema.outputs == (len(classes) if task == "multiclass" else 1)
    np.testing.assert_array_equal(data.y, np.array(labels, float)[:, None])
    assert Schema.from_json(schema.to_json()) == schema
    # a later table of one class may look different to the parser
    (tmp_path / "later.csv").write_text(f"a,y\n1,{cells.split()[0]}\n2,NA\n")
    np.testing.assert_array_equal(read_table(tmp_path / "later.csv", schema=schema).y[:, 0], [labels[0], math.nan])


def test_an_unseen_class_is_an_error_with_its_place(tmp_path):
    data = table(tmp_path, ["a", "b", "c"])
    (tmp_path / "later.csv").write_text("a,y\n1,b\n2,d\n")
    with pytest.raises(rnnfast.DataError, match=r"later.csv, line 3, column 'y': 'd' is not one of .*'a', 'b', 'c'"):
        read_table(tmp_path / "later.csv", schema=data.schema)
    without = read_table(tmp_path / "later.csv", schema=data.schema, require_target=False)
    assert without.y.shape == (2, 0)


# Splitting


def test_each_class_gets_its_share_of_the_parts(tmp_path):
    cells = ["a"] * 100 + ["b"] * 50 + ["c"] * 10
    data = table(tmp_path, cells, window=1)
    parts = split(data, (0.6, 0.2), seed=3)
    assert "stratified" in parts.rule
    counts = [
        np.bincount(part.y[:, 0].astype(int), minlength=3).tolist() for part in (parts.train, parts.valid, parts.test)
    ]
    assert counts == [[60, 30, 6], [20, 10, 2], [20, 10, 2]]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.integers(0, 6), min_size=4, max_size=40), st.sampled_from([(0.8,), (0.5,), (0.4, 0.3), (0.1, 0.8)]))
def test_classes_rarer_than_parts_are_split_without_a_loss(labels, shares):
    cells = [f"class{label}" for label in [*labels, 0, 1, 2]]
    data = read_table(pd.DataFrame({"a": range(len(cells)), "y": cells}), target="y", window=1)
    parts = split(data, shares, seed=1)
    pieces = [part for part in (parts.train, parts.valid, parts.test) if part is not None]
    assert sorted(np.concatenate([part.row for part in pieces]).tolist()) == list(range(len(cells)))
    assert all(part.sequences for part in pieces)


def test_a_sequence_counts_for_its_rarest_class(tmp_path):
    # 40 sequences of two steps; the last four hold the only steps of c beside a common one
    cells = ["a", "b"] * 36 + ["a", "c"] * 4
    data = table(tmp_path, cells, window=2)
    parts = split(data, (0.5,), seed=0)
    assert [(part.y == 2).sum() for part in (parts.train, parts.valid)] == [2, 2]


# The model


def test_a_model_answers_with_probabilities_and_survives_saving(trained, tmp_path):
    data = read_table(trained / "moves.csv", target="move")
    made = rnnfast.train(data, epochs=5, hidden=4, seed=1)
    model = made.model
    assert model.loss == "ce"
    assert model.parameters["head.weight"].shape == (3, 4)
    assert model.target_mean == pytest.approx((1 / 3, 1 / 3, 1 / 3), abs=0.03)
    p = model.predict(data)
    assert p.shape == (data.rows, 3)
    np.testing.assert_allclose(p.sum(axis=1), 1.0, rtol=1e-6)
    likelihood = np.exp(model.outputs(data).astype(np.float64))
    np.testing.assert_allclose(p, likelihood / likelihood.sum(axis=1, keepdims=True), rtol=1e-5, atol=1e-7)
    extreme = model.task.answers(np.array([[1e4, 0.0, -1e4], [-3e38, -3e38, -3e38]], np.float32))
    np.testing.assert_allclose(extreme, [[1, 0, 0], [1 / 3, 1 / 3, 1 / 3]], rtol=1e-6)
    model.save(tmp_path / "m.safetensors")
    again = rnnfast.load(tmp_path / "m.safetensors")
    assert again.schema == model.schema
    assert again.target_mean == model.target_mean
    np.testing.assert_array_equal(again.predict(data), p)
    scores, naive = again.evaluate(data), again.evaluate(data).baseline
    assert scores.metrics["loss"] == pytest.approx(scores.metrics["log_loss"], rel=1e-5)
    assert naive["loss"] == pytest.approx(naive["log_loss"], rel=1e-9)
    assert made.history[-1].keys() >= {"loss", "accuracy", "macro_f1"}


def test_classes_of_the_whole_table_that_no_training_step_has(tmp_path, capsys):
    Path("rare.csv").write_text("a,y\n" + "".join(f"{i % 7},{'abc'[i % 3] if i < 30 else 'rare'}\n" for i in range(31)))
    assert run(["train", "rare.csv", "--target", "y", "--window", "1", "--split", "0.1", "--epochs", "2"]) == 0
    assert "cannot be learned: rare" in " ".join(capsys.readouterr().err.split())
    rare = result(["eval", "--model", "runs/rare-rnn10", "--data", "rare.csv"], capsys)
    assert math.isfinite(rare["baseline"]["loss"])


@pytest.mark.parametrize("loss", ["mse", "mae", "huber"])
def test_other_losses_of_a_binary_target_give_the_raw_output_as_score(loss, tmp_path):
    data = table(tmp_path, ["0", "1"] * 20, window=2)
    model = rnnfast.train(data, loss=loss, epochs=3).model
    np.testing.assert_array_equal(model.predict(data), np.clip(model.outputs(data), 0.0, 1.0))
    assert model.evaluate(data).metrics["loss"] == pytest.approx(mean_loss(loss, model.outputs(data), data.y), rel=1e-6)


@pytest.mark.parametrize(
    ("cells", "options", "loss"),
    cases(
        {
            "mse of texts": ("a b c", {}, "mse"),
            "mae of texts": ("a b c", {}, "mae"),
            "huber of texts": ("a b c", {}, "huber"),
            "bce of texts": ("a b c", {}, "bce"),
            "ce of bits": ("0 1 0", {}, "ce"),
            "bce of classes": ("0 1 0", {"task": "multiclass"}, "bce"),
            "ce of numbers": ("0.5 1.5 2", {}, "ce"),
            "bce of numbers": ("0.5 1.5 2", {}, "bce"),
        }
    ),
)
def test_the_loss_of_another_task_is_an_error_that_says_what_to_use(cells, options, loss, tmp_path):
    data = table(tmp_path, cells.split() * 4, window=3, **options)
    with pytest.raises(rnnfast.UsageError, match=f"--loss {loss}: .*use --loss {TASKS[data.schema.task].loss}"):
        rnnfast.train(data, loss=loss, split=1.0)


# The commands


def test_train_eval_and_predict_with_classes_of_text(trained, capsys):
    data, model = str(trained / "moves.csv"), str(trained / "run")
    scores = result(["eval", "--model", model, "--data", data, "--part", "valid"], capsys)
    assert scores["task"] == "multiclass"
    assert scores["classes"] == sorted(MOVES)
    assert set(scores["metrics"]) == set(scores["baseline"]) == MULTICLASS_METRICS
    confusion = np.array(scores["confusion"])
    assert confusion.shape == (3, 3)
    assert confusion.sum() == scores["labelled_steps"] == 18  # last steps
    assert confusion.sum(axis=1).tolist() == [6, 6, 6]  # stratified
    assert scores["metrics"]["accuracy"] == np.trace(confusion) / 18 > 0.9
    assert scores["baseline"]["accuracy"] == pytest.approx(1 / 3)
    saved = result(["inspect", model], capsys)
    assert (saved["classes"], saved["loss"], saved["threshold"]) == (sorted(MOVES), "ce", None)
    assert saved["metrics"]["valid"] == pytest.approx(scores["metrics"], rel=1e-6)
    assert saved["target_scaler"]["kinds"] == ["none"]
    gate = ["--fail-under", "macro_f1=0.9", "--fail-under", "log_loss=5"]
    result(["eval", "--model", model, "--data", data, *gate], capsys)
    result(["eval", "--model", model, "--data", data, "--fail-under", "macro_f1=1.1"], capsys, code=5)
    assert "no metric 'f1'" in fails(["eval", "--model", model, "--data", data, "--fail-under", "f1=0.5"], 2, capsys)


def test_predictions_name_classes_as_in_the_file(trained, capsys):
    data, model = str(trained / "moves.csv"), str(trained / "run")
    assert result(["predict", "--model", model, "--data", data, "-o", "out.csv"], capsys)["rows"] == 90
    written, names = rows_of("out.csv"), sorted(MOVES)
    assert list(written[0]) == ["id", "t", "move_pred", *(f"move_prob_{name}" for name in names)]
    truth = {row["id"]: row["move"] for row in rows_of(data)}
    assert np.mean([truth[row["id"]] == row["move_pred"] for row in written]) > 0.9
    for row in written:
        p = [float(row[f"move_prob_{name}"]) for name in names]
        assert sum(p) == pytest.approx(1.0, abs=1e-6)
        assert row["move_pred"] == names[int(np.argmax(p))]
        assert row["t"] == "5"  # one row per sequence, its last


def test_numbers_are_classes_and_named_as_such(capsys):
    data = moves("numbers.csv", numbers=True)
    assert result(["inspect", data, "--target", "move", "--task", "regression"], capsys)["task"] == "regression"
    table = result(["inspect", data, "--target", "move"], capsys)
    assert any(
        "'move' has 3 different whole numbers (3 to 5) and is read as classes" in note for note in table["notes"]
    )
    assert (table["task"], table["classes"]) == ("multiclass", [3, 4, 5])
    assert table["class_balance"] == {"3": 30, "4": 30, "5": 30}
    made = result(["train", data, *TRAIN, "--task", "multiclass", "--predict", "every", "-o", "run"], capsys)
    assert made["task"] == "multiclass"
    assert all(set(scores) == MULTICLASS_METRICS for scores in made["metrics"].values())
    assert run(["predict", "--model", "run", "--data", data, "-o", "out.csv", "-q"]) == 0
    written = rows_of("out.csv")
    assert len(written) == 540
    assert {row["move_pred"] for row in written} <= {"3", "4", "5"}
    assert list(written[0])[3:] == ["move_prob_3", "move_prob_4", "move_prob_5"]


def test_two_classes_may_be_trained_as_several(capsys):
    Path("two.csv").write_text("a,y\n" + "".join(f"{i % 2},{'no' if i % 2 else 'yes'}\n" for i in range(80)))
    made = result(["train", "two.csv", "--target", "y", "--task", "multiclass", "--lr", "0.1", "-o", "run"], capsys)
    assert made["task"] == "multiclass"
    assert made["metrics"]["valid"]["accuracy"] == 1.0
    shapes = {tensor["name"]: tensor["shape"] for tensor in result(["inspect", "run"], capsys)["tensors"]}
    assert shapes["head.bias"] == [2]


def test_class_weights(trained, capsys):
    data = str(trained / "moves.csv")
    options = ["--target", "move", "--epochs", "2"]
    plain = result(["train", data, *options], capsys)
    weighted = result(["train", data, *options, "--class-weight", "1,1,20"], capsys)
    assert weighted["metrics"]["valid"]["loss"] != plain["metrics"]["valid"]["loss"]
    assert "or 3 numbers from 0 up" in fails(["train", data, *options, "--class-weight", "1,2"], 2, capsys)


def test_errors_of_the_commands(trained, capsys):
    data = str(trained / "moves.csv")
    lines = Path(data).read_text().splitlines()
    lines[4] = lines[4].replace("circle", "cirle")
    Path("typo.csv").write_text("\n".join(lines) + "\n")
    for command in (
        ["eval", "--model", str(trained / "run"), "--data", "typo.csv"],
        ["train", data, *TRAIN, "--valid", "typo.csv"],
    ):
        message = fails(command, 3, capsys)
        for part in ("typo.csv, line 5", "'move'", "'cirle'", "'circle'"):
            assert part in message
    assert "--loss mse" in fails(["train", data, *TRAIN, "--loss", "mse"], 2, capsys)
    assert "3 in all" in fails(["train", data, *TRAIN, "--task", "binary"], 3, capsys)
    assert "is not a number" in fails(["train", data, *TRAIN, "--task", "regression"], 3, capsys)
    one = "id,t,a,y\n" + "".join(f"{i},{t},{i},{'b' if i == 3 else 'ac'[i == 4]}\n" for i in range(5) for t in range(2))
    Path("one.csv").write_text(one)
    assert "several classes" in fails(["train", "one.csv", "--target", "y", "--split", "0.2"], 3, capsys)
    assert not Path("runs").exists()
