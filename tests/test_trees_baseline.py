"""The baseline of trees: what it knows of the past, and that it is scored beside the network."""

import numpy as np
import pandas as pd
import pytest
from commands import isolate, result
from ids import cases

import rnnfast
from rnnfast.tasks.trees import past

FAST = {"preset": "fast", "hidden": 2, "epochs": 1, "baseline": ("trees",), "id": "id", "time": "t", "target": "y"}


@pytest.fixture(autouse=True)
def _alone(monkeypatch, tmp_path):
    isolate(monkeypatch, tmp_path)


def table(label, sequences=40, steps=20):
    """The label follows from the value of two steps before."""
    x = np.random.default_rng(0).normal(size=(sequences, steps))
    before = np.hstack([np.zeros((sequences, 2)), x[:, :-2]])
    frame = {"id": np.repeat(np.arange(sequences), steps), "t": np.tile(np.arange(steps), sequences), "x": x.ravel()}
    return pd.DataFrame(frame | {"y": label(before).ravel()})


def plain_past(x):
    """The same features of one sequence (T, F), written down as they are defined."""
    rows = []
    for t in range(len(x)):
        k = min(t, 5)
        slope = (x[t] - x[t - k]) / max(k, 1)
        lags = [x[t - lag] if t >= lag else np.full(x.shape[1], np.nan) for lag in (1, 2, 3)]
        rows.append(np.hstack([x[t], x[: t + 1].mean(axis=0), slope, *lags]))
    return np.array(rows)


def test_the_past_is_that_of_each_sequence_alone():
    random = np.random.default_rng(1)
    pieces = [random.normal(size=(length, 3)) for length in (1, 7, 2, 12)]
    offsets = np.cumsum([0, *map(len, pieces)])
    np.testing.assert_allclose(past(np.vstack(pieces), offsets), np.vstack(list(map(plain_past, pieces))), atol=1e-12)


LABELS = cases({
    "quantity": (lambda x: 3 * x, "r2"),
    "two classes": (lambda x: np.where(x > 0, "yes", "no"), "auroc"),
    "several classes": (lambda x: np.array(list("abc"))[np.digitize(x, (-0.5, 0.5))], "macro_f1"),
})  # fmt: skip


@pytest.mark.parametrize(("label", "metric"), LABELS)
def test_trees_know_what_stood_two_steps_before(label, metric):
    scores = rnnfast.train(table(label), **FAST, loss="auto").evaluations["valid"].baseline
    assert scores.trees[metric] > 0.85
    assert scores.entries()["trees"] is scores.trees


def test_several_horizons_have_trees_of_their_own():
    options = {**FAST, "horizon": "1..2", "lag_target": True}
    trees = rnnfast.train(table(lambda x: x), **options).evaluations["valid"].baseline.trees
    assert set(trees.per_target) == {"y+1", "y+2"}
    assert trees.per_target["y+1"]["r2"] > 0.8  # y one step ahead is x one step before


@pytest.mark.parametrize("options", cases({"in memory": {}, "on disk": {"memory": "1G"}}))
def test_a_table_on_disk_has_them_too(options):
    table(lambda x: x).to_csv("t.csv", index=False)
    assert rnnfast.train("t.csv", **FAST, **options).baseline["valid"].trees["r2"] > 0.85


def test_the_command_shows_them_and_the_model_file_does_without(capsys):
    table(lambda x: x).to_csv("t.csv", index=False)
    options = ["--id", "id", "--time", "t", "--target", "y", "--hidden", "2", "--epochs", "1", "-o", "run"]
    told = result(["train", "--data", "t.csv", *options, "--baseline", "linear,trees"], capsys)
    assert told["baseline"]["valid"]["trees"]["r2"] > told["baseline"]["valid"]["linear"]["r2"]
    assert "trees" not in result(["eval", "--model", "run", "--data", "t.csv"], capsys)["baseline"]


def test_folds_of_a_cross_validation_have_the_mean_of_theirs():
    scores = rnnfast.cv(table(lambda x: x), folds=2, **FAST)
    assert scores.baseline.trees["r2"] == pytest.approx(
        np.mean([fold.evaluation.baseline.trees["r2"] for fold in scores.folds])
    )


def test_trees_are_those_of_one_thread(monkeypatch):
    from sklearn.ensemble import HistGradientBoostingRegressor
    from threadpoolctl import threadpool_info

    threads = []

    def noted(method):
        def call(*arguments, **named):
            threads.extend(pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "openmp")
            return method(*arguments, **named)

        return call

    for name in ("fit", "predict"):
        monkeypatch.setattr(HistGradientBoostingRegressor, name, noted(getattr(HistGradientBoostingRegressor, name)))
    rnnfast.train(table(lambda x: 3 * x), **FAST)
    assert set(threads) == {1}


@pytest.mark.parametrize("options", cases({"once": {}, "again with all": {"refit": True}}))
def test_trees_have_a_threshold_of_their_own(options):
    result = rnnfast.train(table(lambda x: (x > 1.5).astype(int)), **FAST, threshold="recall>=0.99", **options)
    model, trees = result.model, result.evaluations["valid"].baseline.trees
    assert trees["threshold"] == model.trees.threshold != model.threshold
    assert trees["recall"] >= 0.99
