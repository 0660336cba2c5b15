"""The linear part beside a network: held to least squares, to its share, and to what it is fitted to."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from commands import fails, isolate, result
from ids import cases
from linear_parts import CLASSES, FORECAST, RUN, STATES, meters, payments, recursed, series, states, trained

import rnnfast
from rnnfast.cluster.here import InProcess
from rnnfast.data import read_table
from rnnfast.errors import UsageError
from rnnfast.reporter import Reporter
from rnnfast.shards import running
from rnnfast.training import classifiers, linear_part, ridge


@pytest.fixture(autouse=True)
def _directory(tmp_path, monkeypatch):
    isolate(monkeypatch, tmp_path)


def test_a_linear_series_is_foretold_exactly_where_the_network_has_no_share(monkeypatch):
    monkeypatch.setattr(linear_part, "share_of", lambda network, linear: 0.0)
    monkeypatch.setattr(ridge, "PENALTIES", np.array([1e-9]))
    scores = trained().evaluate(series(rows=300, seed=3))
    assert scores.metrics["r2"] > 0.99999


def test_it_is_the_ridge_regression_of_scikit_learn(monkeypatch):
    linear_model = pytest.importorskip("sklearn.linear_model")
    monkeypatch.setattr(linear_part, "HALF", 0.0)
    monkeypatch.setattr(ridge, "PENALTIES", np.array([7.0]))
    random = np.random.default_rng(0)
    frame = series().assign(y=random.normal(size=240), x=random.normal(size=240) + 3)
    model = trained(frame, split=1.0)
    data, part = read_table(frame, schema=model.schema), model.linear_part
    (question,) = model.questions(data)  # each row behind a window
    x = question.inputs.reshape(-1, 2)
    both = [x, np.vstack([x[:1] * 0, x[1:] - x[:-1]]), recursed(part.averages, x, question.offsets)]
    seen = np.hstack(both)[question.rows][1:]
    y, labelled = model.task.labels(data.y)[1:, 0], data.labelled[1:]
    mean, deviation = seen[labelled].mean(axis=0), seen[labelled].std(axis=0)
    other = linear_model.Ridge(7.0).fit((seen[labelled] - mean) / deviation, y[labelled])
    weights = np.hstack([part.level, part.change, part.averages.weights])[0]
    np.testing.assert_allclose(weights, other.coef_ / deviation, rtol=1e-6)
    np.testing.assert_allclose(part.bias[0], other.intercept_ - mean @ weights, rtol=1e-6, atol=1e-9)


def test_a_column_that_rounding_alone_moves_has_no_weight():
    random = np.random.default_rng(0)
    x = np.column_stack([random.normal(size=5000) * 1e-7, np.full(5000, 0.1), np.full(5000, 2024.7)])
    z = np.column_stack([x, np.ones(5000), x[:, 0] * 2e7 + random.normal(size=5000)])
    weight = random.random(5000)[:, None]
    weights = ridge.solved(np.stack([z[k::5].T @ (z[k::5] * weight[k::5]) for k in range(5)]), 1)[:, 0]
    assert weights[0] == pytest.approx(2e7, rel=0.05)
    assert weights[1:3].tolist() == [0, 0]


@pytest.mark.parametrize(("options", "table"), [(CLASSES, payments), (STATES, states)], ids=["two", "three"])
def test_of_classes_it_is_the_logistic_regression_of_scikit_learn(monkeypatch, options, table):
    linear_model = pytest.importorskip("sklearn.linear_model")
    monkeypatch.setattr(linear_part, "HALF", 0.0)
    model = trained(**{**options, "split": 1.0})
    data = read_table(table(), schema=model.schema)
    x = model.encoder.transform(data)
    both = np.hstack([x, np.vstack([x[:1] * 0, x[1:] - x[:-1]])])
    inner = ~np.isin(np.arange(data.rows), data.offsets[:-1])
    deviation = both[inner].std(axis=0)
    other = linear_model.LogisticRegression(C=1 / classifiers.PENALTY, tol=1e-10, max_iter=10_000)
    other.fit(both[inner] / deviation, data.y[inner, 0])
    weights = np.hstack([model.linear_part.level, model.linear_part.change])
    np.testing.assert_allclose(weights, other.coef_ / deviation, rtol=1e-4, atol=1e-6)


def test_rows_that_are_drawn_stand_for_all(monkeypatch):
    frame = pd.concat([meters(400).assign(id=lambda table, k=k: table["id"] + f" {k}") for k in range(4)])
    change = frame.groupby("id")["y"].diff().fillna(0)
    rare = frame["y"] + change + np.random.default_rng(1).normal(size=len(frame)) > 5
    options = {**CLASSES, "frame": frame.assign(fraud=rare.astype(int)), "window": 10, "split": 1.0}
    every = trained(**options).linear_part
    monkeypatch.setattr(classifiers, "MOST_ROWS", 2000)
    some = trained(**options).linear_part
    np.testing.assert_allclose(some.level, every.level, rtol=0.2, atol=0.2)
    np.testing.assert_allclose(some.bias, every.bias, rtol=0.2, atol=0.2)


def test_rows_that_weigh_nothing_are_as_those_without_a_class():
    frame, off = payments().assign(w=1.0), np.arange(120) % 3 == 0
    options = {**CLASSES, "weight": "w", "scale": "none", "split": 1.0}
    light = trained(**{**options, "frame": frame.assign(w=np.where(off, 0.0, 1.0))})
    unknown = trained(**{**options, "frame": frame.assign(fraud=frame["fraud"].where(~off))})
    np.testing.assert_allclose(light.linear_part.level, unknown.linear_part.level, rtol=1e-9)


class Blocks:
    """A table that comes in so many blocks."""

    def __init__(self, data, count):
        self.data, self.count = data, count

    def blocks(self, fields):
        return [self.data.take(chosen) for chosen in np.array_split(np.arange(self.data.sequences), self.count)]


def test_the_same_rows_are_drawn_of_a_table_in_blocks():
    model = trained(**CLASSES)
    frame = pd.concat([payments().assign(id=lambda one, k=k: one["id"] + f" {k}") for k in range(4)])
    data = read_table(frame, schema=model.schema)
    whole, pieces = (classifiers.drawn_from(Blocks(data, count), model, np.array([0.3, 0.6])) for count in (1, 5))
    assert 0 < len(whole.x) < len(frame)
    np.testing.assert_array_equal(pieces.x, whole.x)
    np.testing.assert_array_equal(pieces.weight, whole.weight)


def test_constant_columns_and_the_unit_of_weights_have_no_say_in_classes():
    frame = payments().assign(w=np.random.default_rng(2).random(120) + 0.1)
    options = {**CLASSES, "weight": "w", "scale": "none"}
    plain = trained(**{**options, "frame": frame}).linear_part
    more = trained(**{**options, "frame": frame.assign(w=frame["w"] * 2.0**30, k=0.1, m=2024.7)}).linear_part
    share = (1 - more.share) / (1 - plain.share)
    np.testing.assert_allclose(np.array(more.level)[:, :2], np.array(plain.level) * share, rtol=1e-6)
    assert more.level[0][2:] == more.change[0][2:] == (0, 0)


@pytest.mark.parametrize(
    ("limits", "least", "most"),
    cases(
        {
            "all labels": ({"MOST_ROWS": 40}, 30, 40),
            "some of them": ({"MOST_ROWS": 10}, 3, 20),
            "few of many inputs": ({"MOST_NUMBERS": 40}, 3, 20),
        }
    ),
)
def test_of_classes_it_is_fitted_to_a_limited_number_of_labels(limits, least, most, monkeypatch):
    fitted, rows = classifiers.logistic, []
    monkeypatch.setattr(
        classifiers, "logistic", lambda blocks, *more: rows.append(len(blocks()[0].x)) or fitted(blocks, *more)
    )
    for name, value in limits.items():
        monkeypatch.setattr(classifiers, name, value)
    frame = payments()
    trained(**{**CLASSES, "frame": frame.assign(fraud=frame["fraud"].where(frame.index % 3 == 1)), "split": 1.0})
    assert least <= rows[0] <= most


@pytest.mark.parametrize(
    ("network", "linear", "share"),
    cases(
        {
            "as good": (2.0, 2.0, 0.5),
            "network better": (1.0, 3.0, 0.9),
            "linear part better": (3.0, 1.0, 0.1),
            "both perfect": (0.0, 0.0, 0.5),
            "nothing to go by": (np.nan, 1.0, 0.5),
        }
    ),
)
def test_the_share_of_the_network(network, linear, share):
    assert linear_part.share_of(network, linear) == pytest.approx(share)


def test_the_fewer_labels_chose_its_epoch_the_less_a_network_counts(monkeypatch):
    labels = []
    monkeypatch.setattr(linear_part, "error_of", lambda model, data: labels.append(data.labelled.sum()) or 1.0)
    share = trained().linear_part.share
    assert 10 < labels[0] < 100
    assert share == pytest.approx(1 / (1 + (1 + 10 / labels[0]) ** 2))


def test_without_a_validation_part_both_count_half():
    assert trained(split=1.0).linear_part.share == 0.5


@pytest.mark.parametrize(
    ("frame", "options"),
    cases({"ids": (meters(400), {"id": "id", "window": None}), "windows": (series(1200), {"difference": True})}),
)
def test_a_table_on_disk_gives_the_same_part(frame, options):
    frame.to_csv("table.csv", index=False)
    memory, disk = (
        rnnfast.train("table.csv", **{**FORECAST, **RUN, **options}, **more).model.linear_part
        for more in ({}, {"memory": "2GB"})
    )
    np.testing.assert_allclose(disk.level, memory.level, rtol=1e-9)
    np.testing.assert_allclose(disk.averages.weights, memory.averages.weights, rtol=1e-9)
    assert disk.share == pytest.approx(memory.share)


@pytest.mark.parametrize(
    ("frame", "options"),
    cases(
        {
            "a quantity": (meters(60), {"target": "y", "horizon": 1}),
            "two classes": (payments(60), {"target": "fraud"}),
            "three classes": (states(60), {"target": "state"}),
        }
    ),
)
def test_a_table_in_shards_gives_one_too(frame, options):
    frame = pd.concat([frame.assign(id=frame["id"] + f" {k}") for k in range(4)])
    frame.to_csv("table.csv", index=False)
    own = {**RUN, "id": "id", "time": "t", "lag_target": "horizon" in options, **options}
    parts = [
        rnnfast.train("table.csv", **own).model.linear_part,
        running.train(InProcess(), "table.csv", shards=2, **own).model.linear_part,
    ]
    alone = [np.array(part.level) / (1 - part.share) for part in parts]  # the shards are split in another way
    np.testing.assert_allclose(alone[1], alone[0], rtol=0.5, atol=0.5)


def test_trained_again_on_all_it_is_fitted_again():
    options = {**FORECAST, **RUN, "split": 0.7}
    first, second = (rnnfast.train(series(), refit=refit, **options).model for refit in (False, True))
    assert first.linear_part.share == second.linear_part.share
    assert first.linear_part.level != second.linear_part.level


def test_labels_of_the_test_part_have_no_say():
    options, frame = {"split": (0.6, 0.2), "split_by": "time"}, series()
    other = frame.assign(y=frame["y"].where(frame["t"] < 200, 0.0))
    assert trained(frame, **options).linear_part == trained(other, **options).linear_part


@pytest.mark.parametrize(
    ("limit", "options", "text"),
    cases(
        {
            "inputs": ("MOST_INPUTS", {"frame": series()}, "2 inputs; it takes 1"),
            "inputs and classes": ("MOST_WEIGHTS", STATES, "2 inputs and 3 classes; it takes 0"),
        }
    ),
)
def test_a_part_with_too_many_of_them_is_left_out(limit, options, text, monkeypatch):
    monkeypatch.setattr(linear_part, limit, 1)
    texts = []
    reporter = Reporter()
    reporter.notice = texts.append
    assert trained(**options, reporter=reporter).linear_part is None
    assert any(f"no linear part (--linear-part): {text}" in one for one in texts)


@pytest.mark.parametrize(
    ("options", "message"),
    cases(
        {
            "no logits": ({"task": "binary", "loss": "mse"}, "its answers are logits, and those of --loss mse are not"),
            "bags": ({"ensemble": 2, "bag": True}, "does not go with --bag"),
            "no epoch": ({"epochs": 0}, "--linear-part on has no effect: --epochs 0 writes the initial model"),
            "no memory": ({"cell": "mlp"}, "--linear-part on has no effect: mlp answers each row by itself"),
            "windows of a row": ({"window": 1}, "--linear-part looks at the row before, which --window 1 has not"),
            "both directions": ({"bidirectional": True, "predict": "last"}, "does not go with --bidirectional"),
            "strides": ({"patch": (2, 2), "predict": "last"}, "does not go with --patch 2,2"),
            "embeddings": ({"embed": ("x=2",), "categorical": "x"}, "does not go with --embed x=2"),
        }
    ),
)
def test_what_it_does_not_go_with(options, message):
    frame = series(60).assign(y=lambda table: (table["y"] > 0).astype(int)) if "task" in options else series(60)
    frame = frame.assign(x=frame["x"].round(0)) if "categorical" in options else frame
    own = {**RUN, "time": "t", "target": "y", "window": 10, **options}
    with pytest.raises(UsageError, match=message):
        rnnfast.train(frame, **own)


def test_the_command_says_what_the_network_counts(capsys):
    series().to_csv("table.csv", index=False)
    options = ["train", "--data", "table.csv", "--time", "t", "--target", "y", "--horizon", "1", "--lag-target"]
    options += ["--preset", "auto", "--hidden", "4", "--epochs", "1", "-o", "run"]
    trained_run = result(options, capsys)
    assert {"option": "linear_part", "value": True} in [
        {name: one[name] for name in ("option", "value")} for one in trained_run["preset"]["choices"]
    ]
    assert "linear_part = true" in Path("run/config.toml").read_text()
    assert "--linear-part" in fails([*options[:-2], "-o", "other", "--linear-part", "--cell", "mlp"], 2, capsys)
