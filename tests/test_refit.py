"""Training again on training and validation part: what it trains on, what it scores, when it is left out."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from commands import fails, isolate, result
from ids import cases
from notices import Notices
from test_presets import visits

import rnnfast
from rnnfast.cli import run
from rnnfast.config.forms import seconds
from rnnfast.console.text import UNBROKEN
from rnnfast.console.weights import weights_row
from rnnfast.data import read_table, split
from rnnfast.errors import UsageError
from rnnfast.model.provenance import Member, Training
from rnnfast.model.tables import evaluate_table
from rnnfast.training import refit
from rnnfast.training.ensemble import Networks
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
            "no validation part": (
                {"split": 1.0},
                "--refit trains again on the validation part too, and there is none",
            ),
            "the mean of epochs": ({"average": 2}, "--average 2 takes the mean weights of several epochs"),
            "a schedule that watches": ({"schedule": "plateau"}, "no validation part that --schedule plateau"),
        }
    ),
)
def test_what_does_not_go_with_it_is_refused(options, match):
    with pytest.raises(UsageError, match=match):
        rnnfast.train(table(), **QUICK, features="x", refit=True, **options)


@pytest.mark.parametrize(
    ("options", "reason"),
    cases({"no time": ({"max_time": "1e-6"}, "the time of --max-time is over"),
           "no epoch": ({"epochs": 0}, "no epoch was run")}),
)  # fmt: skip
def test_a_run_that_was_cut_short_says_that_it_does_not_train_again(options, reason):
    listener = Notices()
    short = rnnfast.train(table(), **{**QUICK, **options}, features="x", refit=True, reporter=listener)
    assert f"not trained again (--refit): {reason}" in listener.notices
    assert short.refitted == 0
    assert "refitted" not in short.to_json()


@pytest.mark.parametrize(("left", "again"), [("1e9s", True), ("1e-9s", False)], ids=["time left", "none left"])
def test_the_second_training_has_what_is_left_of_the_time(left, again, monkeypatch):
    limits, listener = [], Notices()

    class Second(Networks):
        def __init__(self, model, *arguments):
            limits.append(seconds(model.config.train.max_time))
            train = replace(model.config.train, max_time=left)
            super().__init__(replace_in(model, train), *arguments)

    def replace_in(model, train):
        model.config = replace(model.config, train=train)
        return model

    monkeypatch.setattr(refit, "Networks", Second)
    options = {**QUICK, "epochs": 8, "features": "x", "refit": True, "max_time": "1000s"}
    outcome = rnnfast.train(table(), **options, reporter=listener)
    assert 0 < limits[0] < 1000
    assert bool(outcome.refitted) is again
    assert any("--max-time is over; the network before is the answer" in text for text in listener.notices) is not again
    assert outcome.model.config.train.max_time == "1000s"


def said(*facts):
    return weights_row(*facts)[1].plain.replace(UNBROKEN, " ")


def test_networks_that_trained_again_say_so():
    members = tuple(Member(seed, 9, best, "epochs", loss) for seed, best, loss in ((1, 4, 0.5), (2, 7, 0.25)))
    shown = said(Training(9, 7, "epochs", ("t.csv",), 7, members), {}, 0.375)
    assert "each trained again for 4 to 7 epochs, on the training and the validation part; before that" in shown
    first = said(Training(9, 7, "epochs", ("t.csv",), 0, members), {}, None)
    assert "weights of epochs 4 to 7; validation loss" in first


def test_inspect_says_whose_scores_there_are(capsys):
    table().to_csv("t.csv", index=False)
    words = ["train", "t.csv", "--id", "id", "--target", "y", "--features", "x", "--epochs", "3", "--refit"]
    assert run([*words, "-o", "run"]) == 0
    assert run(["inspect", "run"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "Scores of the training and the validation part: those before the second training" in shown


def test_a_bad_table_is_refused_as_ever(capsys):
    pd.DataFrame({"id": [1], "x": [1.0], "y": [2.0]}).to_csv("t.csv", index=False)
    fails(["train", "t.csv", "--id", "id", "--target", "y", "--refit"], 3, capsys)
