"""Whether the preset lets a network learn changes: where the rows that train are foretold by their last known value."""

import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from commands import isolate, result
from ids import cases

import rnnfast
from rnnfast.config.resolve import Config
from rnnfast.data import read_table
from rnnfast.data.reading.request import Request
from rnnfast.data.reading.stores import stored_table
from rnnfast.data.sequences.budget import Budget
from rnnfast.training.persistence import persists

SERIES = {"target": "y", "time": "t", "features": "x", "task": "regression"}
AHEAD = {**SERIES, "horizon": 1, "lag_target": True}
QUICK = {"epochs": 2, "cell": "gru", "hidden": 4, "window": 10, "cache": False}


@pytest.fixture(autouse=True)
def _directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    isolate(monkeypatch, tmp_path, preset=None)


def series(persistent=True, rows=200, seed=0):
    random = np.random.default_rng(seed)
    steps = random.normal(size=rows)
    y = np.cumsum(steps) if persistent else steps
    return pd.DataFrame({"t": np.arange(rows), "x": random.normal(size=rows), "y": y})


def told(frame, **options):
    return persists(read_table(frame, **{**AHEAD, **options}), Config().with_values(options, "test"))


@pytest.mark.parametrize(
    ("persistent", "options"),
    cases(
        {
            "walk": (True, {}),
            "noise": (False, {}),
            "walk, the row before": (True, {"horizon": 0}),
            "noise, the row before": (False, {"horizon": 0}),
            "walk, some horizons": (True, {"horizon": (1, 3)}),
        }
    ),
)
def test_a_walk_is_foretold_by_its_last_value_and_noise_by_its_mean(persistent, options):
    frame = series(persistent)
    assert told(frame, **options) is persistent
    assert told(frame.assign(y=1e9 + frame["y"]), **options) is persistent


def test_it_holds_where_changes_vary_less_than_the_target():
    for share, answer in ((0.45, False), (0.55, True)):  # mean square of changes: 2 (1 - share) of the variance
        random, y = np.random.default_rng(0), np.zeros(4000)
        for t in range(1, len(y)):
            y[t] = share * y[t - 1] + random.normal()
        assert told(series(rows=len(y)).assign(y=y)) is answer


@pytest.mark.parametrize(
    "options",
    cases(
        {
            "no lag": {"lag_target": False},
            "no lag that is known": {"horizon": 0, "window": 1},
            "classes": {"target": "side", "task": "binary"},
        }
    ),
)
def test_nothing_is_asked_where_no_change_can_be_learned(options):
    frame = series()
    assert not told(frame.assign(side=(frame["y"] > 0).astype(int)), **options)


def test_unknown_labels_and_a_constant_target_say_nothing():
    frame = series()
    gaps = frame.assign(y=frame["y"].where(np.arange(200) % 7 > 0))
    assert told(gaps, missing=("y (lag)=ffill",))
    assert not told(frame.assign(y=3.0))


@pytest.mark.parametrize("persistent", [True, False], ids=["walk", "noise"])
def test_a_table_on_disk_gets_the_same_answer(persistent, tmp_path):
    path = tmp_path / "t.csv"
    series(persistent).to_csv(path, index=False)
    config = Config().with_values({**AHEAD, "cache": False}, "test")
    with stored_table([str(path)], Request(config.data), Budget.of("900M")) as stored:
        assert persists(stored, config) is persistent


@pytest.mark.parametrize("memory", [None, "900M"], ids=["memory", "disk"])
def test_a_chosen_change_is_the_network_of_one_that_was_asked_for(memory):
    series().to_csv("t.csv", index=False)
    options = {**AHEAD, **QUICK, "memory": memory, "refit": True}
    chosen = rnnfast.train("t.csv", **options)
    assert chosen.chosen.values["difference"] is True
    assert chosen.chosen.values["scale"] == ("minmax", "y=zscore")
    asked = rnnfast.train("t.csv", **options, difference=True, scale=("minmax", "y=zscore"))
    assert chosen.metrics == asked.metrics
    for name, tensor in asked.model.parameters.items():
        np.testing.assert_array_equal(tensor, chosen.model.parameters[name])
    assert (chosen.model.predict("t.csv")["y_pred"] == asked.model.predict("t.csv")["y_pred"]).all()
    levels = rnnfast.train("t.csv", **options, difference=False).model
    assert not levels.schema.difference


def test_rows_that_do_not_train_have_no_say():
    walk, noise = series(), series(persistent=False, seed=1)
    for first, second, answer in ((walk, noise, True), (noise, walk, False)):
        frame = pd.concat([first, second]).assign(part=np.repeat(["train", "valid"], 200), t=np.arange(400))
        run = rnnfast.train(frame, **AHEAD, **QUICK, split_by="column:part")
        assert ("difference" in run.chosen.values) is answer


def test_a_saved_model_answers_in_original_units_and_its_file_repeats_it(capsys):
    series().assign(y=lambda frame: frame["y"] + 1000).to_csv("t.csv", index=False)
    words = ["train", "t.csv", "--time", "t", "--target", "y", "--horizon", "1", "--lag-target", "--epochs", "2"]
    first = result([*words, "-o", "first"], capsys)
    assert tomllib.loads(Path("first/config.toml").read_text(encoding="utf-8"))["data"]["difference"] is True
    again = result(["train", "--config", "first/config.toml", "-o", "again"], capsys)
    assert again["metrics"] == first["metrics"]
    scores = result(["eval", "--model", "first", "--data", "t.csv"], capsys)
    assert scores["metrics"]["rmse"] < 10
    assert abs(result(["predict", "--model", "first", "--data", "t.csv", "-o", "p.csv"], capsys)["rows"] - 200) <= 1
    assert pd.read_csv("p.csv")["y_pred"].between(900, 1100).all()


def test_each_fold_chooses_by_what_trains_it():
    frame = pd.concat([series(persistent=False), 100 * series(seed=1)]).assign(t=np.arange(400))
    folds = rnnfast.cv(frame, folds=2, folds_by="time", **AHEAD, **QUICK).folds
    assert [fold.model.schema.difference for fold in folds] == [False, True]
