"""The linear part beside a network: held to its equations, to least squares, and in all that answers."""

import pickle
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from commands import fails, isolate, result
from ids import cases
from test_shards import InProcess

import rnnfast
from rnnfast.cli import run
from rnnfast.data import read_table
from rnnfast.errors import UsageError
from rnnfast.export.exporting import export
from rnnfast.model import linear_part as model_linear_part
from rnnfast.model.averages import Averages
from rnnfast.model.explain.attribution import Explainer, Method
from rnnfast.model.linear_part import Beside, LinearPart
from rnnfast.model.places import Places, common_length
from rnnfast.records import UNSET
from rnnfast.reporter import Reporter
from rnnfast.shards import running
from rnnfast.training import linear_part, ridge

RUN = {"preset": "fast", "hidden": 4, "epochs": 2, "dtype": "float64", "linear_part": True, "seed": 1}
FORECAST = {"time": "t", "target": "y", "horizon": 1, "lag_target": True, "window": 10}


@pytest.fixture(autouse=True)
def _directory(tmp_path, monkeypatch):
    isolate(monkeypatch, tmp_path)


def series(rows=240, seed=0):
    """A series of which the next value is linear in the last two, and in a feature."""
    random, y = np.random.default_rng(seed), [0.0, 1.0]
    x = random.normal(size=rows)
    for t in range(2, rows):
        y.append(1.6 * y[-1] - 0.8 * y[-2] + 0.5 * x[t - 1])
    return pd.DataFrame({"t": np.arange(rows), "x": x, "y": y})


def meters(rows=40):
    """Three series side by side."""
    parts = [series(rows, seed).assign(id=f"meter {seed}") for seed in range(3)]
    return pd.concat(parts, ignore_index=True)


def payments(rows=40):
    """Three series with one of two classes at every row, by the value and its change."""
    frame = meters(rows)
    random = np.random.default_rng(1)
    change = frame.groupby("id")["y"].diff().fillna(0)
    high = frame["y"] + change + random.normal(size=len(frame)) > 0.5
    return frame.assign(fraud=high.astype(int)).rename(columns={"y": "z"})


def states(rows=40):
    """Three series with one of three classes at every row, by the value and its change."""
    frame = meters(rows)
    random = np.random.default_rng(1)
    score = frame["y"] + frame.groupby("id")["y"].diff().fillna(0) + random.normal(size=len(frame))
    state = np.select([score < -0.5, score < 0.5], ["low", "middle"], "high")
    return frame.assign(state=state).rename(columns={"y": "z"})


def spectra(sequences=30, rows=7):
    """Sequences of two inputs with one quantity, which is linear in all values."""
    random = np.random.default_rng(5)
    x, z = random.normal(size=(2, sequences, rows)).cumsum(axis=2)
    y = x @ np.linspace(-1, 1, rows) + z @ np.cos(np.arange(rows)) + 3
    ids, t = np.repeat(np.arange(sequences), rows), np.tile(np.arange(rows), sequences)
    return pd.DataFrame({"id": ids, "t": t, "x": x.ravel(), "z": z.ravel(), "y": np.repeat(y, rows)})


CLASSES = {"frame": payments(), "id": "id", "target": "fraud", "horizon": 0, "lag_target": False, "window": None}
WHOLE = {"frame": spectra(), "id": "id", "window": None, "horizon": 0, "lag_target": False}
STATES = {**CLASSES, "frame": states(), "target": "state"}


def trained(frame=None, **options):
    return rnnfast.train(series() if frame is None else frame, **{**FORECAST, **RUN, **options}).model


def balanced(model):
    """The model with a share of the network that no rounding hides: of a linear series it is next to nothing."""
    return replace(model, linear_part=model.linear_part.beside(0.4))


def recursed(averages, x, offsets):
    """Deviations by the equation, row by row."""
    deviations = np.zeros((len(x), len(averages.rates)))
    for first, stop in pairwise(offsets):
        average = x[first:stop][:1, averages.inputs].sum(axis=0)
        for t in range(first, stop):
            deviations[t] = x[t, averages.inputs] - average
            average += averages.rates * deviations[t]
    return deviations


def summed(places, x, offsets):
    """What all rows so far add, row by row."""
    sums, weights = np.zeros((len(x), len(places.weights))), np.reshape(places.weights, (-1, places.length, 3))
    for first, stop in pairwise(offsets):
        total = 0
        for t in range(first, stop):
            if t - first < places.length:
                total = total + weights[:, t - first, :-1] @ x[t] + weights[:, t - first, -1]
            sums[t] = total
    return sums


OPTIONS = {
    "windows": {},
    "changes": {"difference": True},
    "several horizons": {"horizon": (1, 3), "window": 20},
    "two networks": {"ensemble": 2},
    "ids": {"frame": meters(), "id": "id", "window": None},
    "gru, single precision": {"cell": "gru", "dtype": "float32"},
    "the target before": {"horizon": 0},
    "no last target": {"horizon": 0, "lag_target": False},
    "stacked rows": {"patch": (3, 1)},
    "two classes": CLASSES,
    "two classes, two networks": {**CLASSES, "ensemble": 2},
    "two classes, calibrated": {**CLASSES, "calibrate": "temperature", "threshold": "f1", "cell": "gru"},
    "three classes": STATES,
    "three classes, two networks": {**STATES, "ensemble": 2, "calibrate": "temperature"},
    "a class and its lag": {**CLASSES, "lag_target": True},
    "all values": WHOLE,
    "all values, two networks": {**WHOLE, "ensemble": 2, "cell": "gru", "dtype": "float32"},
    "all values of windows": {"predict": "last", "window": 6, "difference": True},
    "the labels of last rows": {"frame": meters(), "id": "id", "window": None, "predict": "last", "horizon": 0},
}


@pytest.mark.parametrize("options", cases(OPTIONS))
def test_answers_are_those_of_the_equation(options):
    frame = options.get("frame", series())
    model = trained(**options)
    part = model.linear_part
    assert 0 <= part.share <= 1
    questions, alone = model.questions(read_table(frame, schema=model.schema)), []
    for one in questions:
        rows = slice(None) if one.rows is None else one.rows
        network = model.committee().outputs_of(one.inputs, one.offsets)[..., rows, :]
        x = one.inputs.reshape(int(one.offsets[-1]), -1).astype(np.float64)
        change = np.vstack([x[:1] * 0, x[1:] - x[:-1]])
        change[one.offsets[:-1]] = 0
        linear = x @ np.transpose(part.level) + change @ np.transpose(part.change) + part.bias
        if part.averages:
            linear += recursed(part.averages, x, one.offsets) @ np.transpose(part.averages.weights)
        if part.places:
            linear += summed(part.places, x, one.offsets)
        last = Beside.of(model)._replace(linear_part=None).base(one.block, one.inputs, rows)
        alone.append(part.share * network + linear[rows] + (0 if last is None else last))
    expected = np.concatenate(alone, axis=-2)
    expected = expected if questions.position is None else expected[..., questions.position, :]
    np.testing.assert_allclose(questions.outputs(model.committee()), expected, rtol=1e-6, atol=1e-8)


def test_all_values_of_equally_long_sequences_tell_what_is_linear_in_them(monkeypatch):
    monkeypatch.setattr(linear_part, "share_of", lambda network, linear: 0.0)
    monkeypatch.setattr(ridge, "PENALTIES", np.array([1e-9]))
    model = trained(**WHOLE)
    assert model.linear_part.places.length == 7
    assert model.evaluate(spectra(80)).metrics["r2"] > 0.99999


def test_all_values_are_those_of_the_ridge_regression_of_scikit_learn(monkeypatch):
    linear_model = pytest.importorskip("sklearn.linear_model")
    monkeypatch.setattr(linear_part, "HALF", 0.0)
    monkeypatch.setattr(ridge, "PENALTIES", np.array([7.0]))
    model, frame = trained(**WHOLE, scale="none", split=1.0), spectra()
    x, y = frame[["x", "z"]].to_numpy().reshape(30, -1), frame["y"].to_numpy()[::7]
    y = model.task.labels(y[:, None])[:, 0]
    other = linear_model.Ridge(7.0).fit(x / x.std(axis=0), y)
    weights = np.reshape(model.linear_part.places.weights, (7, 3))[:, :-1]
    np.testing.assert_allclose(weights.ravel(), other.coef_ / x.std(axis=0), rtol=1e-6)


@pytest.mark.parametrize(
    ("lengths", "features", "common"),
    cases(
        {
            "equally long": ((5, 5, 5), 2, 5),
            "one shorter": ((5, 4, 5), 2, 0),
            "many values": ((251, 251), 2, 0),
            "no sequence": ((), 2, 0),
        }
    ),
)
def test_all_values_are_inputs_of_equally_long_sequences_with_few_of_them(lengths, features, common):
    assert common_length(np.array(lengths, np.int64), features) == common


def test_the_means_of_a_place_add_nothing_and_rows_after_the_last_place_neither():
    places = trained(**WHOLE, split=1.0, scale="none").linear_part.places
    x = spectra()[["x", "z"]].to_numpy().reshape(30, 7, 2)
    usual = np.vstack([x.mean(axis=0), x[0]])
    np.testing.assert_allclose(places.sums(usual, np.array([0, 14])), 0, atol=1e-9)


@pytest.mark.parametrize(
    ("options", "averages"),
    [({"window": 10}, 3), ({"window": 40}, 4), (OPTIONS["ids"], 4)],
    ids=["short", "long", "none"],
)
def test_averages_are_of_rows_that_windows_tell_of(options, averages):
    assert len(trained(**options).linear_part.averages.rates) == averages


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
    other = linear_model.LogisticRegression(C=1 / linear_part.PENALTY, tol=1e-10, max_iter=10_000)
    other.fit(both[inner] / deviation, data.y[inner, 0])
    weights = np.hstack([model.linear_part.level, model.linear_part.change])
    np.testing.assert_allclose(weights, other.coef_ / deviation, rtol=1e-4, atol=1e-6)


def test_rows_that_are_drawn_stand_for_all(monkeypatch):
    frame = pd.concat([meters(400).assign(id=lambda table, k=k: table["id"] + f" {k}") for k in range(4)])
    change = frame.groupby("id")["y"].diff().fillna(0)
    rare = frame["y"] + change + np.random.default_rng(1).normal(size=len(frame)) > 5
    options = {**CLASSES, "frame": frame.assign(fraud=rare.astype(int)), "window": 10, "split": 1.0}
    every = trained(**options).linear_part
    monkeypatch.setattr(linear_part, "MOST_ROWS", 2000)
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
    whole, pieces = (linear_part.drawn_from(Blocks(data, count), model, np.array([0.3, 0.6])) for count in (1, 5))
    assert 0 < len(whole.x) < len(frame)
    np.testing.assert_array_equal(pieces.x, whole.x)
    np.testing.assert_array_equal(pieces.weight, whole.weight)


@pytest.mark.parametrize("rows", [1, 2, 3, 100])
def test_its_outputs_are_the_same_in_chunks_of_any_size(rows, monkeypatch):
    random = np.random.default_rng(0)
    level, change = (tuple(map(tuple, random.normal(size=(2, 3)))) for _ in range(2))
    part, offsets = LinearPart(0.5, level, change, (1.0, -1.0)), np.array([0, 0, 4, 4, 5, 9, 9])
    x = random.normal(size=(9, 3))
    whole = part.outputs(x, offsets)
    monkeypatch.setattr(model_linear_part, "CHUNK_ROWS", rows)
    np.testing.assert_array_equal(part.outputs(x, offsets), whole)


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
    fitted, rows = linear_part.logistic, []
    monkeypatch.setattr(
        linear_part, "logistic", lambda blocks, *more: rows.append(len(blocks()[0].x)) or fitted(blocks, *more)
    )
    for name, value in limits.items():
        monkeypatch.setattr(linear_part, name, value)
    frame = payments()
    trained(**{**CLASSES, "frame": frame.assign(fraud=frame["fraud"].where(frame.index % 3 == 1)), "split": 1.0})
    assert least <= rows[0] <= most


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_row_at_a_time_has_the_bits_of_many(dtype):
    model, frame = trained(**CLASSES, dtype=dtype, scale="zscore"), payments()
    one, many = model.stream(), model.stream()
    rows = frame[list(model.schema.features)].to_numpy()
    answers = [one.step(name, row)[0] for name, row in zip(frame["id"], rows, strict=True)]
    expected = many.step_many(frame["id"], rows)[:, 0]
    np.testing.assert_array_equal(answers, expected)
    np.testing.assert_array_equal(one.step_many(["meter 1"], rows[:1]), many.step_many(["meter 1"], rows[:1]))


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


@pytest.mark.parametrize("name", OPTIONS)
def test_a_stream_answers_as_predict(name):
    options = OPTIONS[name]
    frame = options.get("frame", series())
    model = trained(**options)
    ids = frame["id"] if "id" in frame else [""] * len(frame)
    answers = model.stream().step_many(ids, frame)
    data = read_table(frame, schema=model.schema, require_target=False)
    expected, order = model.predict(data), data.row
    if model.schema.window and model.schema.predict == "last":  # a stream answers each row by the window before it
        ends = data.offsets[1:] - 1
        expected, order = expected[ends], order[ends]
    np.testing.assert_allclose(answers[order], expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("rows", [1, 7])
@pytest.mark.parametrize("name", ["windows", "ids", "stacked rows"])
def test_averages_go_on_from_call_to_call_of_a_stream(name, rows):
    options = OPTIONS[name]
    frame = options.get("frame", series())[:100]
    model = balanced(trained(**options))
    assert model.linear_part.averages
    ids = frame["id"] if "id" in frame else pd.Series("", frame.index)
    stream = model.stream()
    parts = [slice(first, first + rows) for first in range(0, len(frame), rows)]
    answers = np.concatenate([stream.step_many(ids[part], frame[part]) for part in parts])
    data = read_table(frame, schema=model.schema, require_target=False)
    np.testing.assert_allclose(answers[data.row], model.predict(data), rtol=1e-7)


@pytest.mark.parametrize("rows", [1, 3, 16])
def test_all_values_go_on_from_call_to_call_of_a_stream(rows):
    frame = spectra().sort_values(["t", "id"]).reset_index(drop=True)
    model = balanced(trained(**WHOLE))
    stream = model.stream()
    parts = [slice(first, first + rows) for first in range(0, len(frame), rows)]
    answers = np.concatenate([stream.step_many(frame["id"][part], frame[part]) for part in parts])
    np.testing.assert_array_equal(answers, model.stream().step_many(frame["id"], frame))
    expected = model.predict(frame).sort_values("id")["y_pred"]
    np.testing.assert_allclose(answers[-30:, 0], expected, rtol=1e-7)


@pytest.mark.parametrize(
    "options",
    cases(
        {
            "changes of inputs": {"delta": True},
            "time between rows": {"time_delta": "log"},
            "indicators of empty cells": {"missing": "ffill", "missing_indicator": True},
            "lags without a horizon": {"horizon": 0, "lag_target": True, "target": "z"},
        }
    ),
)
def test_changes_of_what_is_made_of_rows_go_on_from_call_to_call_of_a_stream(options):
    frame = payments(20).assign(t=lambda one: one["t"] ** 2)
    frame["x"] = frame["x"].mask(frame["t"] % 3 == 0)
    own = {**CLASSES, "missing": "zero", **options, "frame": frame}
    model = balanced(trained(**own))
    stream = model.stream()
    answers = np.concatenate([stream.step_many(row["id"], row) for _, row in frame.groupby(np.arange(len(frame)))])
    data = read_table(frame, schema=model.schema, require_target=False, missing=model.config.data.missing)
    np.testing.assert_allclose(answers[data.row], model.predict(data), rtol=1e-7)


@pytest.mark.parametrize("to", ["c", "onnx", "json"])
@pytest.mark.parametrize(
    "name",
    [
        "windows",
        "changes",
        "two networks",
        "several horizons",
        "ids",
        "two classes",
        "two classes, two networks",
        "three classes",
        "three classes, two networks",
        "all values",
        "all values, two networks",
    ],
)
def test_exports_answer_as_the_model(to, name):
    if to == "onnx":
        pytest.importorskip("onnx")
    check = export(balanced(trained(**OPTIONS[name])), to, f"model.{to}").check
    assert check.tool is None or check.difference < 1e-5


@pytest.mark.parametrize(
    "options",
    cases(
        {
            **{name: one for name, one in OPTIONS.items() if name != "the labels of last rows"},
            "lstm behind convolutions": {"cell": "lstm", "conv": (3, 2), "horizon": (1, 3), "window": 20},
            "a gru of equal changes": {"cell": "gru", "difference": True, "ensemble": 2, "dtype": "float32"},
        }
    ),
)
def test_a_module_of_pytorch_answers_as_the_model(options):
    pytest.importorskip("torch")
    check = export(balanced(trained(**options)), "torch", "model.py").check
    assert (check.tool, check.rows) == ("torch", 40)


def test_a_module_of_pytorch_answers_padded_sequences_as_alone(monkeypatch):
    torch = pytest.importorskip("torch")
    monkeypatch.syspath_prepend(".")
    export(trained(**OPTIONS["changes"]), "torch", "padded.py")
    module = __import__("padded").load()
    long, short = torch.rand(2, 9, 2, dtype=torch.float64)
    with torch.no_grad():
        padded = module(torch.stack([long, torch.cat([short[:4], torch.full((5, 2), 9.0)])]))
        torch.testing.assert_close(padded[0], module(long[None])[0])
        torch.testing.assert_close(padded[1, :4], module(short[None, :4])[0])


def test_the_model_file_holds_it():
    model = trained()
    model.save("model.safetensors")
    again = rnnfast.load("model.safetensors")
    assert again.linear_part == model.linear_part
    np.testing.assert_array_equal(again.predict(series())["y_pred"], model.predict(series())["y_pred"])


@pytest.mark.parametrize(
    ("inputs", "rates", "weights", "fit"),
    cases(
        {
            "as many": ((0, 1), (0.5, 0.1), ((1.0, 2.0), (3.0, 4.0)), True),
            "another input": ((0, 2), (0.5, 0.1), ((1.0, 2.0), (3.0, 4.0)), False),
            "a rate for all": ((0, 1), (0.5,), ((1.0, 2.0), (3.0, 4.0)), False),
            "one output": ((0, 1), (0.5, 0.1), ((1.0, 2.0),), False),
            "one weight": ((0, 1), (0.5, 0.1), ((1.0,), (3.0,)), False),
        }
    ),
)
def test_averages_of_a_model_file_fit_its_network(inputs, rates, weights, fit):
    two = ((1.0, 1.0), (1.0, 1.0))
    assert LinearPart(0.5, two, two, (0.0, 0.0), Averages(inputs, rates, weights)).fits(2, 2) == fit


@pytest.mark.parametrize(("length", "fit"), [(2, True), (3, False)], ids=["as many", "another length"])
def test_all_values_of_a_model_file_fit_its_network(length, fit):
    assert Places(length, ((1.0,) * 6, (2.0,) * 6)).fits(2, 2) == fit


def test_inspect_and_the_model_itself_tell_of_it(capsys):
    model = trained()
    model.save("model.safetensors")
    assert result(["inspect", "model.safetensors"], capsys)["linear_part"]["share"] == model.linear_part.share
    assert run(["inspect", "model.safetensors"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert f"the inputs, their changes and averages; the share of the network is {model.linear_part.share:.2f}" in shown
    assert ", a linear part," in repr(model)


@pytest.mark.parametrize(
    ("features", "averages", "places"),
    cases(
        {
            "one input": (1, UNSET, UNSET),
            "three inputs": (3, UNSET, UNSET),
            "averages": (3, Averages((2, 2, 0), (0.5, 0.1, 0.5), ((1.0, 2.0, -1.0), (0.0, 1.0, 3.0))), UNSET),
            "all values": (1, UNSET, Places(3, ((1.0, 2.0, -1.0, 0.0, 1.0, 3.0), (0.5, 0.2, 3.0, 1.0, 2.0, 2.0)))),
        }
    ),
)
def test_its_gradient_is_the_slope_of_its_outputs(features, averages, places):
    random = np.random.default_rng(0)
    level, change = (tuple(map(tuple, random.normal(size=(2, features)))) for _ in range(2))
    part = LinearPart(0.5, level, change, (1.0, -1.0), averages, places)
    offsets = np.array([0, 4, 4, 5, 9])
    x, seeds = random.normal(size=(9, features)), random.normal(size=(9, 2))
    slope = np.zeros_like(x)
    for place in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[place] = 0.5
        slope[place] = (seeds * (part.outputs(x + step, offsets) - part.outputs(x - step, offsets))).sum()
    np.testing.assert_allclose(part.gradient(seeds, offsets), slope, atol=1e-12)


def test_attributions_sum_to_the_answer():
    model = trained(cell="gru", scale="zscore")
    data = read_table(series(30), schema=model.schema)
    explainer = Explainer(model, Method(baseline="zero"))
    for one in explainer.explain(data, np.array([9, 25]), np.array([0, 0])):
        assert one.attribution.sum() == pytest.approx(one.end - one.start, rel=1e-6)
        assert one.end == pytest.approx(float(model.outputs(data)[[9, 25][one.place], 0]), rel=1e-6)


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


def test_a_model_with_one_travels():
    model = trained()
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(series())["y_pred"], model.predict(series())["y_pred"])


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
