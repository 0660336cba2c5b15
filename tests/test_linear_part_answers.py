"""Answers of a linear part beside the network: rows, streams, model files, attributions, texts."""

import pickle
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from commands import isolate, result
from ids import cases
from linear_parts import (
    CLASSES,
    OPTIONS,
    balanced,
    payments,
    recursed,
    series,
    summed,
    trained,
)

import rnnfast
from rnnfast import records
from rnnfast.cli import run
from rnnfast.data import read_table
from rnnfast.model import linear_part as model_linear_part
from rnnfast.model.averages import Averages
from rnnfast.model.explain.attribution import Explainer, Method
from rnnfast.model.linear_part import Beside, LinearPart
from rnnfast.model.places import Places
from rnnfast.online.states import digest_of
from rnnfast.records import UNSET


@pytest.fixture(autouse=True)
def _directory(tmp_path, monkeypatch):
    isolate(monkeypatch, tmp_path)


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


@pytest.mark.parametrize("rows", [1, 2, 3, 100])
def test_its_outputs_are_the_same_in_chunks_of_any_size(rows, monkeypatch):
    random = np.random.default_rng(0)
    level, change = (tuple(map(tuple, random.normal(size=(2, 3)))) for _ in range(2))
    part, offsets = LinearPart(0.5, level, change, (1.0, -1.0)), np.array([0, 0, 4, 4, 5, 9, 9])
    x = random.normal(size=(9, 3))
    whole = part.outputs(x, offsets)
    monkeypatch.setattr(model_linear_part, "CHUNK_ROWS", rows)
    np.testing.assert_array_equal(part.outputs(x, offsets), whole)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_row_at_a_time_has_the_bits_of_many(dtype):
    model, frame = trained(**CLASSES, dtype=dtype, scale="zscore"), payments()
    one, many = model.stream(), model.stream()
    rows = frame[list(model.schema.features)].to_numpy()
    answers = [one.step(name, row)[0] for name, row in zip(frame["id"], rows, strict=True)]
    expected = many.step_many(frame["id"], rows)[:, 0]
    np.testing.assert_array_equal(answers, expected)
    np.testing.assert_array_equal(one.step_many(["meter 1"], rows[:1]), many.step_many(["meter 1"], rows[:1]))


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


def test_a_model_with_one_travels():
    model = trained()
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(series())["y_pred"], model.predict(series())["y_pred"])


def test_a_part_without_weights_of_two_rows_looks_at_none(monkeypatch):
    monkeypatch.setattr(model_linear_part, "with_changes", None)
    nothing = ((0.0, 0.0), (0.0, 0.0))
    part = LinearPart(0.5, nothing, nothing, (1.0, 2.0), places=Places(1, ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0))))
    answers = part.outputs(np.array([[3.0, 4.0], [5.0, 6.0]]), np.array([0, 1, 2]))
    np.testing.assert_array_equal(answers, [[4.0, 6.0], [6.0, 8.0]])


def test_states_of_earlier_versions_whose_linear_part_has_no_temperature_fit_their_model():
    model = trained(**CLASSES)
    cooler, other = (
        replace(model, linear_part=records.replace(model.linear_part, **change))
        for change in ({"temperature": 2.0}, {"bias": (9.0,)})
    )
    assert digest_of(cooler) == digest_of(model) != digest_of(other)
