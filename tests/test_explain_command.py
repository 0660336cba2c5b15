"""`rnnfast explain` and `predict --explain`: what they write, show and refuse."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from commands import fails, isolate, result
from ids import cases

import rnnfast.data.reading.opening
from rnnfast.cli import run


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of two classes and one of a quantity, and a model of each."""
    random = np.random.default_rng(0)
    directory = tmp_path_factory.mktemp("explain")
    frame = pd.DataFrame({"id": np.repeat(np.arange(60), 6), "t": np.tile(np.arange(6), 60)})
    frame["x1"], frame["x2"] = random.normal(size=360), random.normal(size=360)
    frame["Class"] = (frame["x1"] > 0.5).astype(int)
    frame.to_csv(directory / "classes.csv", index=False)
    frame.assign(y=2 * frame["x1"]).drop(columns="Class").to_csv(directory / "numbers.csv", index=False)
    for table, target in (("classes", "Class"), ("numbers", "y")):
        arguments = ["--data", str(directory / f"{table}.csv"), "--id", "id", "--time", "t", "--target", target]
        model = [
            "--cell",
            "gru",
            "--hidden",
            "5",
            "--epochs",
            "30",
            "--lr",
            "0.05",
            "--preset",
            "fast",
            "-o",
            str(directory / table),
        ]
        assert run(["train", *arguments, *model, "-q", "--no-cache"]) == 0
    return directory


@pytest.fixture
def from_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables are read in blocks where --memory says how much, though they would fit."""
    monkeypatch.setattr(rnnfast.data.reading.opening, "needs_store", lambda names, budget, options: True)


@pytest.fixture
def classes(directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Arguments that name the model of two classes and its table."""
    isolate(monkeypatch, tmp_path)
    return ["--model", str(directory / "classes"), "--data", str(directory / "classes.csv")]


@pytest.fixture
def numbers(directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    isolate(monkeypatch, tmp_path)
    return ["--model", str(directory / "numbers"), "--data", str(directory / "numbers.csv")]


def test_the_file_has_a_line_for_each_step_and_feature(classes, capsys):
    report = result(["explain", *classes, "-o", "a.csv"], capsys)
    frame = pd.read_csv("a.csv")
    assert list(frame) == ["id", "t", "row", "explained", "at", "feature", "value", "attribution"]
    assert len(frame) == report["lines"] == 60 * 6 * 2
    assert report["explained"] == 60
    assert report["error"] <= 1e-3
    assert report["features"][0]["feature"] == "x1"
    assert sum(one["share"] for one in report["features"]) == pytest.approx(1)
    mean = frame["attribution"].sum() / 60
    assert mean == pytest.approx(report["end"] - report["start"], rel=1e-3)
    assert report["steps"] == [-5, -4, -3, -2, -1, 0]
    assert report["row"] if report["explained"] == 1 else "row" not in report


@pytest.mark.usefixtures("from_disk")
def test_a_table_on_disk_is_explained_as_in_memory(classes):
    for name, more in (("memory.csv", []), ("disk.csv", ["--memory", "900M"])):
        assert run(["explain", *classes, "--id", "5", "--id", "50", "-o", name, *more, "-q"]) == 0
    pd.testing.assert_frame_equal(pd.read_csv("disk.csv"), pd.read_csv("memory.csv"), rtol=1e-6)


def test_some_sequences_are_drawn_and_the_same_again(classes, capsys):
    for name in ("a.csv", "b.csv"):
        assert result(["explain", *classes, "--sequences", "7", "-o", name], capsys)["explained"] == 7
    assert Path("a.csv").read_bytes() == Path("b.csv").read_bytes()


def test_a_single_answer_is_named(classes, capsys):
    report = result(["explain", *classes, "--row", "10"], capsys)
    assert (report["id"], report["row"], report["explained"]) == ("1", 10, 1)
    assert run(["explain", *classes, "--row", "10"]) == 0
    out = capsys.readouterr().out
    assert "row 10 of '1': Class" in out
    assert "x1" in out


def test_part_valid_is_explained_alone(classes, capsys):
    assert result(["explain", *classes, "--part", "valid"], capsys)["explained"] == 12


@pytest.mark.usefixtures("from_disk")
def test_importance_of_a_table_on_disk_is_that_in_memory(classes, capsys):
    memory = result(["explain", *classes, "--importance"], capsys)
    assert result(["explain", *classes, "--importance", "--memory", "900M"], capsys) == memory


def test_importance_is_written_and_shown(classes, capsys):
    report = result(["explain", *classes, "--importance", "--groups", "x1+x2", "-o", "i.csv"], capsys)
    assert report["metric"] == "auprc"
    assert {one["kind"] for one in report["entries"]} == {"feature", "group", "order"}
    frame = pd.read_csv("i.csv")
    assert frame["feature"].tolist() == [one["feature"] for one in report["entries"]]
    assert frame["drop"].tolist() == [one["drop"] for one in report["entries"]]
    assert run(["explain", *classes, "--importance"]) == 0
    out = capsys.readouterr().out
    assert "auprc" in out
    assert "order of the steps" in out


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    cases(
        {
            "groups without importance": (["--groups", "x1"], 2, "--groups has no effect without --importance"),
            "step with importance": (["--importance", "--step", "2"], 2, "--step has no effect with --importance"),
            "to stdout": (["-o", "-"], 2, "name a file"),
            "unknown group": (["--importance", "--groups", "x3"], 2, "no feature 'x3'"),
            "unknown id": (["--id", "999"], 3, "no sequence with the id '999'"),
            "unknown answer": (["--answer", "Clas"], 2, "did you mean 'Class'"),
            "unwritten format": (["-o", "a.json"], 2, ".json is not written"),
        }
    ),
)
def test_what_has_no_effect_or_meaning_is_refused(classes, capsys, arguments, code, words):
    capsys.readouterr()
    assert run(["explain", *classes, *arguments]) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert words in captured.err


def test_predict_says_what_raised_the_rows_above_the_threshold(classes, capsys):
    assert run(["predict", *classes, "-o", "plain.csv", "-q"]) == 0
    assert run(["predict", *classes, "--explain", "-o", "explained.csv", "-q"]) == 0
    plain, explained = pd.read_csv("plain.csv"), pd.read_csv("explained.csv")
    pd.testing.assert_frame_equal(explained[list(plain)], plain)
    reasons = [f"Class_because_{k}" for k in (1, 2, 3)]
    assert list(explained) == [*plain, *reasons]
    positive = plain["Class_pred"] == 1
    assert 0 < positive.sum() < len(plain)
    assert explained.loc[positive, reasons[0]].str.fullmatch(r"x[12] at (0|-\d): \+\d.*").all()
    assert explained.loc[~positive, reasons].isna().all(axis=None)
    first = explained.loc[positive, reasons[0]]
    assert first.str.startswith("x1 at 0").mean() > 0.9


@pytest.mark.usefixtures("from_disk")
def test_reasons_on_disk_are_those_in_memory(classes):
    for name, more in (("memory.csv", []), ("disk.csv", ["--memory", "900M"])):
        assert run(["predict", *classes, "--explain", "-o", name, *more, "-q"]) == 0
    assert Path("memory.csv").read_bytes() == Path("disk.csv").read_bytes()


def test_reasons_need_a_threshold(numbers, capsys):
    assert "two classes" in fails(["predict", *numbers, "--explain"], 2, capsys)


def test_json_is_one_object(numbers, capsys):
    assert run(["explain", *numbers, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["schema_version"] == 1


def test_categories_in_learned_numbers_and_constant_columns_are_explained_too(tmp_path, monkeypatch, capsys):
    isolate(monkeypatch, tmp_path)
    random = np.random.default_rng(2)
    frame = pd.DataFrame({"id": np.repeat(np.arange(60), 6), "t": np.tile(np.arange(6), 60)})
    frame["colour"], frame["age"] = random.choice(["a", "b", "c"], 360), frame["id"] % 5
    frame["Class"] = ((frame["colour"] == "a") & (frame["age"] > 1)).astype(int)
    frame.to_csv("t.csv", index=False)
    arguments = ["--data", "t.csv", "--id", "id", "--time", "t", "--target", "Class", "--embed", "colour=2"]
    model = ["--static", "age", "--cell", "gru", "--hidden", "5", "--epochs", "40", "--lr", "0.05", "--preset", "fast"]
    assert run(["train", *arguments, *model, "-o", "run", "-q"]) == 0
    capsys.readouterr()
    explained = result(["explain", "--model", "run", "--data", "t.csv"], capsys)
    assert {one["feature"] for one in explained["features"]} == {"colour", "age"}
    assert explained["error"] < 1e-3
    assert run(["predict", "--model", "run", "--data", "t.csv", "--explain", "-o", "p.csv", "-q"]) == 0
    predicted = pd.read_csv("p.csv")
    reasons = predicted.loc[predicted["Class_pred"] == 1, "Class_because_1"]
    assert len(reasons)
    assert reasons.str.fullmatch(r"(colour at (0|-\d)|age at (0|-\d)): \+\d.*").all()
