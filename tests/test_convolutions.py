"""Shares of rows in which convolutions exceed thresholds: held to loops, and in all that answers beside a network."""

import json
import pickle
import signal
from functools import cache
from itertools import combinations, pairwise
from random import Random

import numpy as np
import pandas as pd
import pytest
from commands import isolate
from ids import cases
from mutations import joined, mutated, split
from test_resume import press_in_epoch
from test_stream_command import answers, no_age
from waves import trained, waves

import rnnfast
from rnnfast.cli import run
from rnnfast.data import read_table
from rnnfast.data.sequences.spans import ends
from rnnfast.errors import ModelError, UsageError
from rnnfast.model import convolutions as model_convolutions
from rnnfast.model.convolutions import Convolutions
from rnnfast.model.explain.attribution import Explainer, Method, outputs_of
from rnnfast.records import replace
from rnnfast.training import linear_part


@pytest.fixture(autouse=True)
def _directory(tmp_path, monkeypatch):
    isolate(monkeypatch, tmp_path)


STREAMS = {
    "two classes": {},
    "three classes": {"frame": waves(classes=3)},
    "float32": {"dtype": "float32"},
    "windows": {"window": 6, "predict": "last"},
    "windows of a row": {"window": 1, "predict": "last"},
    "stacked rows": {"patch": (2, 1)},
    "two networks": {"ensemble": 2},
    "changes": {"delta": True},
    "one input": {"features": ("x",)},
}


@cache
def streaming(name):
    model = trained(**STREAMS[name])
    model.linear_part = replace(model.linear_part, temperature=1.6)
    return model


@pytest.mark.parametrize("rows", [1, 5, 1000])
@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_answers_as_predict_for_the_rows_so_far(name, rows):
    model, window = streaming(name), STREAMS[name].get("window")
    frame = waves(6, 15, seed=3).sort_values(["t", "id"], kind="stable").reset_index(drop=True)
    stream = model.stream()
    parts = [slice(first, first + rows) for first in range(0, len(frame), rows)]
    answers = np.concatenate([stream.step_many(frame["id"][part], frame[part]) for part in parts])
    for place in (0, 5, 30, 47, 60, len(frame) - 1):
        so_far = frame[: place + 1]
        own = so_far[so_far["id"] == frame["id"][place]][-(window or len(frame)) :]
        expected = model.predict(own.drop(columns="y")).filter(like="prob").to_numpy()[-1]
        np.testing.assert_allclose(
            answers[place], expected, rtol=1e-5 if model.config.train.dtype == "float32" else 1e-9
        )


def of_loops(convolutions, x):
    """The shares of one sequence, by the equations."""
    shares = []
    for dilation, places, thresholds in zip(
        convolutions.dilations, convolutions.inputs, convolutions.thresholds, strict=True
    ):
        for twos, place, limits in zip(combinations(range(9), 3), places, thresholds, strict=True):
            c = np.zeros(len(x))
            for t in range(len(x)):
                for j in range(9):
                    before = t - (8 - j) * dilation
                    c[t] += (2 if j in twos else -1) * (x[before, place] if before >= 0 else 0)
            shares += [np.mean(c > limit) for limit in limits]
    return np.array(shares)


def drawn(features=2, outputs=1, dilations=(1, 3), seed=0):
    """Convolutions with thresholds that no rounding decides about."""
    random, kernels = np.random.default_rng(seed), (len(dilations), 84)
    return Convolutions(
        tuple(dilations),
        tuple(map(tuple, random.integers(features, size=kernels).tolist())),
        tuple(tuple(map(tuple, one)) for one in random.normal(size=(*kernels, 2)).tolist()),
        tuple(map(tuple, random.normal(size=(outputs, 2 * 84 * len(dilations))).tolist())),
    )


LENGTHS = {
    "one row": (1,),
    "within the reach": (5,),
    "unequal": (3, 30, 1, 26, 7),
    "some without rows": (0, 4, 0, 0, 9, 0),
    "many of one row": (1,) * 9,
}


@pytest.mark.parametrize("features", [1, 3])
@pytest.mark.parametrize("lengths", cases({name: (lengths,) for name, lengths in LENGTHS.items()}))
def test_shares_are_those_of_the_equations(lengths, features):
    convolutions, offsets = drawn(features), ends(np.array(lengths))
    x = np.random.default_rng(1).normal(size=(offsets[-1], features))
    expected = [of_loops(convolutions, x[first:stop]) for first, stop in pairwise(offsets) if stop > first]
    np.testing.assert_array_equal(convolutions.shares(x, offsets), expected)


@pytest.mark.parametrize("rows", [1, 2, 7, 1000])
def test_shares_are_the_same_in_chunks_of_any_size(rows, monkeypatch):
    convolutions, offsets = drawn(), ends(np.array(LENGTHS["unequal"]))
    x = np.random.default_rng(1).normal(size=(offsets[-1], 2))
    expected = convolutions.shares(x, offsets)
    monkeypatch.setattr(model_convolutions, "CHUNK_ROWS", rows)
    np.testing.assert_array_equal(convolutions.shares(x, offsets), expected)


@pytest.mark.parametrize("outputs", [1, 3])
def test_a_sequence_has_the_same_bits_beside_any_other(outputs):
    convolutions, offsets = drawn(outputs=outputs), ends(np.array(LENGTHS["unequal"]))
    x = np.random.default_rng(1).normal(size=(offsets[-1], 2))
    together = convolutions.outputs(x, offsets)
    for first, stop in pairwise(offsets):
        alone = convolutions.outputs(x[first:stop], np.array([0, stop - first]))
        np.testing.assert_array_equal(alone, together[first:stop])


@pytest.mark.parametrize("lengths", cases({name: (lengths,) for name, lengths in LENGTHS.items()}))
def test_shares_of_a_few_sequences_are_held_at_once(lengths, monkeypatch):
    convolutions, offsets, sizes = drawn(), ends(np.array(lengths)), []
    x = np.random.default_rng(1).normal(size=(offsets[-1], 2))
    expected, shares = convolutions.outputs(x, offsets), Convolutions.shares
    monkeypatch.setattr(model_convolutions, "CHUNK_SEQUENCES", 2)
    monkeypatch.setattr(Convolutions, "shares", lambda *call: sizes.append(len(call[2]) - 1) or shares(*call))
    np.testing.assert_array_equal(convolutions.outputs(x, offsets), expected)
    assert max(sizes) <= 2
    assert sum(sizes) == np.count_nonzero(lengths)


def test_a_table_without_rows_has_no_answers():
    assert drawn(outputs=3).outputs(np.zeros((0, 2)), np.zeros(1, np.int64)).shape == (0, 3)


@pytest.mark.parametrize("length", [1, 4, 40])
def test_attributions_are_the_change_of_what_convolutions_answer(length):
    convolutions, random = drawn(outputs=2), np.random.default_rng(2)
    x, baseline = random.normal(size=(length, 2)), random.normal(size=2)
    attribution, start, end = convolutions.integral(x, baseline, 1)
    usual = np.broadcast_to(baseline, x.shape)
    expected = [convolutions.outputs(one, np.array([0, length]))[-1, 1] for one in (usual, x)]
    np.testing.assert_allclose((start, end), expected, rtol=1e-12)
    assert attribution.sum() == pytest.approx(end - start, rel=1e-9)


def test_a_step_belongs_to_inputs_by_their_share_in_the_change_of_its_convolution():
    convolutions, random = drawn(dilations=(2,)), np.random.default_rng(2)
    x, baseline = random.normal(size=(12, 2)), random.normal(size=2)
    weights = np.reshape(convolutions.weights, (84, 2)) / len(x)
    expected = np.zeros(x.shape)
    for kernel, twos in enumerate(combinations(range(9), 3)):
        place, limits = convolutions.inputs[0][kernel], np.array(convolutions.thresholds[0][kernel])
        for t in range(len(x)):
            seen = [(t - (8 - j) * 2, 2 if j in twos else -1) for j in range(9) if t >= (8 - j) * 2]
            before, after = (
                sum(w * one[row] for row, w in seen) for one in (np.full(12, baseline[place]), x[:, place])
            )
            step = weights[kernel] @ ((after > limits).astype(float) - (before > limits))
            for row, w in seen:
                expected[row, place] += step * w * (x[row, place] - baseline[place]) / (after - before)
    np.testing.assert_allclose(convolutions.integral(x, baseline, 0)[0], expected, atol=1e-12)


def test_the_row_that_differs_from_the_baseline_has_the_whole_attribution():
    x, baseline = np.full((30, 2), 0.7), np.full(2, 0.7)
    x[13, 1] = 4.0
    attribution, start, end = drawn().integral(x, baseline, 0)
    assert attribution[13, 1] == pytest.approx(end - start)
    assert np.count_nonzero(attribution) == 1


EXPLAINED = {
    "two classes": {},
    "three classes": {"frame": waves(classes=3)},
    "two networks": {"ensemble": 2},
    "stacked rows": {"patch": (3,)},
    "both directions": {"bidirectional": True},
    "windows": {"window": 6, "predict": "last"},
    "float32": {"dtype": "float32"},
}


@pytest.mark.parametrize("options", cases({name: (one,) for name, one in EXPLAINED.items()}))
@pytest.mark.parametrize("baseline", ["mean", "zero"])
def test_attributions_of_an_answer_sum_to_its_change(options, baseline):
    model = trained(**options)
    data = read_table(waves(4, seed=7), schema=model.schema)
    last = data.offsets[1:] - 1
    explainer = Explainer(model, Method(baseline=baseline))
    outputs = np.full(len(last), model.schema.outputs - 1)
    for one in explainer.explain(data, last, outputs):
        assert one.attribution.sum() == pytest.approx(one.end - one.start, rel=2e-3)
        assert one.end == pytest.approx(float(model.outputs(data)[last[one.place], outputs[0]]), rel=1e-5)


@pytest.mark.parametrize("classes", [2, 3])
def test_a_row_before_the_last_is_explained_as_if_its_sequence_ended_there(classes):
    frame = waves(4, classes=classes, seed=7)
    model = streaming({2: "two classes", 3: "three classes"}[classes])
    data = read_table(frame, schema=model.schema)
    rows = data.offsets[:-1] + 9
    beginnings = read_table(frame[frame["t"] < 10], schema=model.schema)
    expected = model.outputs(beginnings)[beginnings.offsets[1:] - 1]
    outputs, _ = outputs_of(model, data, rows, None)
    np.testing.assert_array_equal(outputs, expected.argmax(axis=1) if classes > 2 else 0)
    for one in Explainer(model).explain(data, rows, outputs):
        assert one.end == pytest.approx(expected[one.place, outputs[one.place]], rel=1e-9)
        assert one.attribution.sum() == pytest.approx(one.end - one.start, rel=2e-3)


@pytest.mark.parametrize("classes", [2, 3])
def test_a_score_loses_what_convolutions_alone_see(classes, monkeypatch):
    monkeypatch.setattr(linear_part, "share_of", lambda network, linear: 0.0)
    monkeypatch.setattr(linear_part, "DOUBT", 0)
    frame = waves(classes=classes)
    model = trained(frame)
    entries = model.importance(frame).set_index("feature")
    assert entries["score"].iloc[0] == model.evaluate(frame).metrics[entries["metric"].iloc[0]]
    assert entries.loc["x", "drop"] > 0.1 > abs(entries.loc["z", "drop"])


def test_the_answers_of_a_stream_have_the_same_bits_however_many_rows_come_together():
    model, frame = streaming("three classes"), waves(6, 15, seed=3).sort_values(["t", "id"], kind="stable")
    at_once, one_by_one = model.stream(), model.stream()
    together = at_once.step_many(frame["id"], frame)
    single = [one_by_one.step_many([row["id"]], [row])[0] for row in frame.to_dict("records")]
    np.testing.assert_array_equal(together, single)


@pytest.mark.parametrize("name", ["two classes", "three classes", "float32", "windows", "windows of a row"])
def test_a_row_of_numbers_is_answered_as_one_of_a_table(name):
    frame = waves(3, 15, seed=3).sort_values(["t", "id"], kind="stable")
    by_table, by_numbers = streaming(name).stream(max_ids=2), streaming(name).stream(max_ids=2)
    ids, rows = frame["id"].tolist(), frame[["x", "z"]].to_numpy()
    expected = by_table.step_many(ids, frame)
    np.testing.assert_array_equal([by_numbers.step(id, row) for id, row in zip(ids, rows, strict=True)], expected)
    assert by_numbers.stats()["evicted"] > 0


def test_a_sequence_begins_anew_after_a_gap_a_reset_and_where_its_id_had_to_go():
    model, frame = streaming("two classes"), waves(1, 12, seed=3)
    anew = model.stream().step_many(frame["id"], frame)
    gap = model.stream(max_gap=5)
    later = frame.assign(t=frame["t"] + 100)
    both = gap.step_many(["w0"] * 24, pd.concat([frame, later]))
    np.testing.assert_array_equal(both, np.concatenate([anew, anew]))
    stream = model.stream(max_ids=1)
    stream.step_many(frame["id"], frame)
    stream.reset("w0")
    np.testing.assert_array_equal(stream.step_many(frame["id"], frame), anew)
    stream.step_many(["other"] * 12, frame)
    np.testing.assert_array_equal(stream.step_many(frame["id"], frame), anew)


def test_a_restart_of_a_stream_goes_on_exactly(tmp_path):
    streaming("two classes").save("model.safetensors")
    frame = waves(3, 12, seed=3).sort_values(["t", "id"], kind="stable").drop(columns="y")
    header, *lines = frame.to_csv(index=False).splitlines()
    pieces = [answers("model.safetensors", [header, *lines], states=None)[0]]
    for some in (lines[:17], lines[17:]):
        pieces.append(answers("model.safetensors", [header, *some], states=tmp_path / "states.sqlite")[0])
    whole, first, second = map(no_age, pieces)
    assert [*first, *second[1:]] == whole


@pytest.mark.parametrize(
    ("change", "fit"),
    cases(
        {
            "as it is": (lambda one: one, True),
            "no dilation": (lambda one: replace(one, dilations=(), inputs=(), thresholds=(), weights=((),)), False),
            "a dilation less": (lambda one: replace(one, dilations=(1,)), False),
            "an input that is not there": (lambda one: replace(one, inputs=((0,) * 83 + (2,),) * 2), False),
            "a kernel less": (lambda one: replace(one, inputs=((0,) * 83, (0,) * 85)), False),
            "kernels without thresholds": (lambda one: replace(one, thresholds=one.thresholds[:1]), False),
            "unequal thresholds": (
                lambda one: replace(one, thresholds=(((0.0,), *one.thresholds[0][1:]), one.thresholds[1])),
                False,
            ),
            "an output more": (lambda one: replace(one, weights=one.weights * 2), False),
            "a weight more": (lambda one: replace(one, weights=((*one.weights[0], 1.0),)), False),
        }
    ),
)
def test_convolutions_of_a_model_file_fit_its_network(change, fit):
    assert change(drawn()).fits(2, 1) == fit


def test_what_a_stream_could_not_remember_is_refused(tmp_path):
    file = tmp_path / "model.safetensors"
    streaming("two classes").save(file)
    header, tensors = split(file.read_bytes())
    values = json.loads(header["__metadata__"]["rnnfast"])
    values["linear_part"]["convolutions"]["dilations"][-1] = 10**9
    header["__metadata__"]["rnnfast"] = json.dumps(values)
    file.write_bytes(joined(header, tensors))
    with pytest.raises(ModelError, match=r"dilations\[\d+\] is 1000000000: expected int <= 4096"):
        rnnfast.load(file)


def test_broken_model_files_are_loaded_or_refused(tmp_path):
    streaming("two classes").save(tmp_path / "model.safetensors")
    whole, refused = (tmp_path / "model.safetensors").read_bytes(), 0
    for number in range(60):
        (tmp_path / "broken.safetensors").write_bytes(mutated(whole, Random(number)))
        try:
            rnnfast.load(tmp_path / "broken.safetensors").stream()
        except (ModelError, UsageError):
            refused += 1
    assert 0 < refused < 60


def test_the_model_file_holds_them():
    model = streaming("three classes")
    model.save("model.safetensors")
    again = rnnfast.load("model.safetensors")
    assert again.linear_part == model.linear_part
    assert pickle.loads(pickle.dumps(model)).linear_part == model.linear_part


def test_a_run_that_was_interrupted_ends_with_the_same_part(monkeypatch):
    waves().to_csv("table.csv", index=False)
    rule = ["train", "--data", "table.csv", "--id", "id", "--time", "t", "--target", "y", "--linear-part", "-q"]
    rule += ["--hidden", "4", "--epochs", "6", "--patience", "0"]
    assert run([*rule, "-o", "whole"]) == 0
    with monkeypatch.context() as patch:
        press_in_epoch(patch, 3, signal.SIGINT)
        assert run([*rule, "-o", "cut"]) == 130
    assert run(["train", "--resume", "cut", "-q"]) == 0
    assert rnnfast.load("cut").linear_part == rnnfast.load("whole").linear_part


def test_thresholds_are_the_same_in_exports_of_either_precision():
    thresholds = np.array(streaming("two classes").linear_part.convolutions.thresholds)
    np.testing.assert_array_equal(thresholds, thresholds.astype(np.float32))
