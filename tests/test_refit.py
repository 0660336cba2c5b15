"""Training again on training and validation part: what it trains on, what it scores, when it is left out."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from commands import fails, isolate, result
from ids import cases
from test_presets import visits

import rnnfast
from rnnfast.data import read_table, split
from rnnfast.errors import UsageError
from rnnfast.model.tables import evaluate_table
from rnnfast.training.tables import merged_part

QUICK = {"preset": "fast", "hidden": 4, "epochs": 4, "id": "id", "target": "y", "cache": False, "seed": 1}
SPLITS = {
    "validation alone": {"split": 0.7},
    "a test part": {"split": (0.5, 0.25)},
    "by time": {"split_by": "time", "time": "t", "split": (0.5, 0.25)},
    "by time without test": {"split_by": "time", "time": "t"},
    "by a column": {"split_by": "column:part"},
    "windows": {"window": 3, "stride": 1, "split": (0.5, 0.25)},
    "a horizon": {"horizon": 2, "split": (0.5, 0.25), "id": None, "window": 5, "time": "t"},
}


@pytest.fixture(autouse=True)
def _directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    isolate(monkeypatch, tmp_path)


def table(sequences=24):
    frame = visits(sequences)
    frame["t"] = np.arange(len(frame))
    part = np.array(["train", "train", "valid", "test"])[np.arange(sequences) % 4]
    return frame.assign(part=np.repeat(part, len(frame) // sequences), y=frame.x.round(2))


def rows(part):
    return set() if part is None else set(part.row.tolist())


@pytest.mark.parametrize("options", cases(SPLITS))
def test_it_trains_on_both_parts_and_on_no_row_of_the_test_part(options):
    options = {**QUICK, "features": "x", **options}
    result = rnnfast.train(table(), refit=True, **options)
    reading = {name: value for name, value in options.items() if name in rnnfast.ReadOptions.__annotations__}
    data = read_table(table(), **reading)
    shares, by = result.model.config.data.split, result.model.config.data.split_by
    parts = split(data, shares, 1, by)
    merged = merged_part(data, parts, result.model.config)
    assert rows(merged) >= rows(parts.train) | rows(parts.valid)
    assert not rows(merged) & rows(parts.test)
    assert merged.labelled_steps >= parts.train.labelled_steps + parts.valid.labelled_steps
    assert result.refitted == result.best_epoch


def test_it_is_a_run_on_everything_for_the_epochs_that_were_best():
    plain = rnnfast.train(table(), **QUICK, features="x")
    refit = rnnfast.train(table(), **QUICK, features="x", refit=True)
    whole = rnnfast.train(table(), **{**QUICK, "epochs": plain.best_epoch, "split": 1.0}, features="x", patience=0)
    assert refit.metrics == plain.metrics  # of the network before
    assert refit.history == plain.history
    for name, tensor in whole.model.parameters.items():
        assert np.array_equal(refit.model.parameters[name], tensor)
    assert refit.model.target_scaler.names == whole.model.target_scaler.names


def test_the_test_part_is_scored_with_the_second_network_in_memory_and_on_disk():
    table().to_csv("t.csv", index=False)
    options = {**QUICK, "features": "x", "split": (0.5, 0.25), "refit": True}
    memory, disk = rnnfast.train("t.csv", **options), rnnfast.train("t.csv", **options, memory="900M")
    assert memory.metrics == disk.metrics
    test = split(read_table("t.csv", id="id", target="y", features="x", cache=False), (0.5, 0.25), 1).test
    assert memory.model.evaluate(test).metrics == memory.metrics["test"]


def test_a_run_says_that_it_trained_again_and_eval_that_validation_tells_nothing(capsys):
    table().to_csv("t.csv", index=False)
    columns = ["--id", "id", "--target", "y", "--features", "x"]
    words = ["train", "t.csv", *columns, "--epochs", "3", "--refit", "-o", "run"]
    trained = result(words, capsys)
    assert trained["refitted"] == trained["best_epoch"]
    notes = evaluate_table("run", ["t.csv"], "valid").notes
    assert any("in the end on its validation part too" in note for note in notes)
    again = result(["train", "--config", "run/config.toml", "-o", "again"], capsys)
    assert again["metrics"] == trained["metrics"]


@pytest.mark.parametrize(
    ("options", "match"),
    cases(
        {
            "a validation table": ({"valid": table()}, "--valid gives a table of its own"),
            "a schedule that watches": ({"schedule": "plateau"}, "no validation part that --schedule plateau"),
        }
    ),
)
def test_what_does_not_go_with_it_is_refused(options, match):
    with pytest.raises(UsageError, match=match):
        rnnfast.train(table(), **QUICK, features="x", refit=True, **options)


def test_without_a_validation_part_there_is_nothing_to_add():
    alone = rnnfast.train(table(), **QUICK, features="x", split=1.0, refit=True)
    assert alone.refitted == 0
    assert "refitted" not in alone.to_json()


def test_a_bad_table_is_refused_as_ever(capsys):
    pd.DataFrame({"id": [1], "x": [1.0], "y": [2.0]}).to_csv("t.csv", index=False)
    fails(["train", "t.csv", "--id", "id", "--target", "y", "--refit"], 3, capsys)
