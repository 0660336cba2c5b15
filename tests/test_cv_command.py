"""`rnnfast cv`: its JSON, its files, what is refused before training, and Ctrl-C."""

import signal
import threading
from pathlib import Path

import pandas as pd
import pytest
from commands import fails, files_of, isolate, result
from folded_tables import TINY, table

import rnnfast
from rnnfast.cli import run
from rnnfast.console.folds import FoldConsole
from rnnfast.records import plain


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    isolate(monkeypatch, tmp_path)
    table().to_csv("t.csv", index=False)
    return tmp_path


START = ["cv", "--data", "t.csv", "--target", "y", "--hidden", "3", "--epochs", "3", "--batch-size", "4"]


def test_json(files, capsys):
    report = result([*START, "--folds", "3", "--folds-by", "column:group", "-o", "oof.csv"], capsys)
    assert report["schema_version"] == 1
    assert report["output"] == "oof.csv"
    assert [fold["fold"] for fold in report["folds"]] == [1, 2, 3]
    assert (report["rows"], report["sequences"], report["labelled_steps"], report["untested"]) == (120, 20, 120, 0)
    assert set(report["mean"]) == set(report["std"]) == set(report["baseline"]) - {"threshold"}
    assert report["options"]["folds_by"] == "column:group"
    assert report["options"]["train"]["lr"] == 0.05, "resolved"
    outcome = rnnfast.cv("t.csv", target="y", folds=3, folds_by="column:group", **TINY)
    assert {name: report[name] for name in ("mean", "std", "pooled")} == {
        name: value for name, value in plain(outcome.report()).items() if name in ("mean", "std", "pooled")
    }
    assert pd.read_csv("oof.csv")["id"].tolist() == pd.read_csv("t.csv")["id"].tolist()


def test_a_stored_configuration_and_its_output_directory(files, capsys):
    assert run(["train", *START[1:], "--ignore", "group", "-o", "run", "-q"]) == 0
    report = result(["cv", "--config", "run/config.toml", "--folds", "3"], capsys)
    assert report["options"]["train"]["epochs"] == 3
    assert files_of(Path()) >= {"t.csv", "run"}
    assert not {name for name in files_of(Path()) if name.startswith("runs")}


def test_parquet_has_types(files):
    assert run([*START, "--ignore", "group", "--folds", "3", "-o", "oof.parquet", "-q"]) == 0
    types = pd.read_parquet("oof.parquet").dtypes.astype(str).to_dict()
    assert types == {"id": "str", "t": "int64", "fold": "int64", "y": "int64", "y_pred": "int64", "y_prob": "float32"}


def test_the_output_is_checked_before_anything_is_trained(files, capsys):
    Path("oof.csv").write_text("mine")
    assert "oof.csv" in fails([*START, "--ignore", "group", "-o", "oof.csv"], 2, capsys)
    assert Path("oof.csv").read_text() == "mine"
    assert run([*START, "--ignore", "group", "--folds", "3", "-o", "oof.csv", "-f", "-q"]) == 0


def test_ctrl_c_shows_the_folds_that_are_complete(files, capsys, monkeypatch):
    done, answered, fold = [], threading.Event(), FoldConsole.fold

    def press_after_two(self, outcome):
        fold(self, outcome)
        done.append(outcome.number)
        if len(done) == 2:
            signal.raise_signal(signal.SIGINT)
            assert answered.wait(20), "the main thread hears of it later"

    monkeypatch.setattr(FoldConsole, "fold", press_after_two)
    monkeypatch.setattr(FoldConsole, "interrupted", lambda self, phase: answered.set())
    arguments = [*START, "--ignore", "group", "--folds", "4", "--threads", "1", "-o", "oof.csv"]
    report = result(arguments, capsys, code=130)
    assert [fold["fold"] for fold in report["folds"]] == [1, 2]
    assert report["count"] == 4
    assert set(pd.read_csv("oof.csv")["fold"]) == {1, 2}


def test_ctrl_c_while_the_table_is_read(files, capsys, monkeypatch):
    monkeypatch.setattr(FoldConsole, "table", lambda self, data: signal.raise_signal(signal.SIGINT))
    assert run([*START, "--ignore", "group", "-o", "oof.csv"]) == 130
    assert "nothing is written" in capsys.readouterr().err
    assert files_of(Path()) == {"t.csv"}
