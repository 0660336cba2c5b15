"""Fitting a linear part to the shapes of sequences: what it is learned from, and that it ends well with odd tables."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from commands import isolate
from ids import cases
from test_linear_part import Blocks
from test_shards import InProcess
from waves import RUN, trained, waves

import rnnfast
from rnnfast.data import read_table
from rnnfast.reporter import Reporter
from rnnfast.shards import running
from rnnfast.training import linear_part, shapes
from rnnfast.training.classifiers import counts_of

COLUMNS = {"id": "id", "time": "t", "target": "y"}


@pytest.fixture(autouse=True)
def _directory(tmp_path, monkeypatch):
    isolate(monkeypatch, tmp_path)
    monkeypatch.setattr(shapes, "LATELY", 0)


def alone(model):
    """The linear part as it was fitted."""
    return model.linear_part.convolutions.times(1 / (1 - model.linear_part.share))


@pytest.mark.parametrize(("sequences", "inputs"), [(12, 30), (40, 9), (20, 20)], ids=["few", "many", "as many"])
@pytest.mark.parametrize("penalty", [1e-3, 1.0])
def test_what_others_say_of_a_sequence_is_what_a_fit_without_it_says(sequences, inputs, penalty):
    random = np.random.default_rng(0)
    x, y = random.normal(size=(sequences, inputs)), random.normal(size=(sequences, 2))
    weight = random.uniform(0.5, 2, sequences)
    weight /= weight.sum()
    root = np.sqrt(weight)[:, None]
    z, label = root * (x - weight @ x), root * (y - weight @ y)
    u, squares = shapes.principal(z)
    said = shapes.left_out(u, squares / (squares + penalty), u.T @ label, label, weight) / root + weight @ y
    for one in range(sequences):
        others = np.delete(np.arange(sequences), one)
        ones = np.column_stack([x, np.ones(sequences)])
        penalties = np.diag(np.append(np.full(inputs, penalty), 0))
        equations = ones[others].T * weight[others] @ ones[others] + penalties
        fit = np.linalg.solve(equations, ones[others].T * weight[others] @ y[others])
        np.testing.assert_allclose(said[one], ones[one] @ fit, rtol=1e-6, atol=1e-8)


def test_of_many_sequences_some_of_each_class_are_drawn_alike_in_any_blocks(monkeypatch):
    model, frame = trained(waves(classes=3)), waves(120, 12)
    rare = frame["id"].isin(["w1", "w40", "w77"])
    frame["y"] = np.where(rare, "class 2", frame["y"])
    data = read_table(frame, schema=model.schema)
    counts = counts_of(data)
    assert counts.tolist() == [59, 58, 3]
    chances = np.minimum(1, 30 / 3 / counts)
    whole, pieces = (shapes.drawn_shapes(Blocks(data, count), model, chances) for count in (1, 7))
    for one, other in zip(whole, pieces, strict=True):
        np.testing.assert_array_equal(one, other)
    drawn = np.bincount(whole.y)
    assert drawn[2] == 3
    assert (drawn[:2] > 3).all()
    assert (drawn[:2] < 25).all()
    np.testing.assert_allclose(whole.weight, 1 / chances[whole.y])


@pytest.mark.parametrize("most", [2000, 12], ids=["all", "some are drawn"])
def test_a_table_on_disk_gives_the_same_part(most, monkeypatch):
    monkeypatch.setattr(shapes, "MOST_SEQUENCES", most)
    waves().to_csv("table.csv", index=False)
    memory, disk = (
        rnnfast.train("table.csv", **RUN, **COLUMNS, **more).model.linear_part for more in ({}, {"memory": "2GB"})
    )
    assert disk.convolutions == memory.convolutions
    assert disk.share == pytest.approx(memory.share)


def test_any_number_of_threads_gives_the_same_part():
    one, two = (trained(threads=threads).linear_part for threads in (1, 2))
    assert one == two


def test_a_table_in_shards_gives_one_too():
    frame = waves()
    frame.to_csv("table.csv", index=False)
    model = running.train(InProcess(), "table.csv", shards=2, **RUN, **COLUMNS).model
    assert model.linear_part.convolutions is not None
    assert model.evaluate(frame).metrics["auroc"] > 0.99


@pytest.mark.parametrize("classes", [2, 3])
def test_sequences_that_weigh_nothing_are_as_those_without_a_class(classes):
    frame = waves(classes=classes).assign(w=1.0)
    off = frame["id"].isin(["w4", "w9", "w20"])
    options = {"weight": "w", "scale": "none", "split": 1.0}
    light = trained(frame.assign(w=np.where(off, 0.0, 1.0)), **options)
    unknown = trained(frame.assign(y=frame["y"].where(~off)), **options)
    assert alone(light).thresholds == alone(unknown).thresholds
    np.testing.assert_allclose(alone(light).weights, alone(unknown).weights, rtol=1e-7, atol=1e-9)


def test_the_unit_of_weights_has_no_say():
    frame = waves().assign(
        w=np.repeat(np.random.default_rng(2).uniform(0.1, 1, 40), waves().groupby("id", sort=False).size())
    )
    plain, more = (trained(frame.assign(w=frame["w"] * unit), weight="w", split=1.0) for unit in (1, 2.0**20))
    np.testing.assert_allclose(alone(more).weights, alone(plain).weights, rtol=1e-7, atol=1e-9)


def test_every_input_is_seen_where_there_are_more_than_kernels():
    random = np.random.default_rng(0)
    x = random.normal(size=(400, 200))
    some = shapes.Shapes(x, np.full(10, 40), np.arange(10) % 2, np.ones(10))
    convolutions = shapes._convolutions(some, random)
    assert {place for places in convolutions.inputs for place in places} == set(range(200))


def equal(frame):
    """The same values in every sequence, of five rows."""
    step = frame["t"]
    return frame.assign(x=np.sin(step), z=0.1 * step)[step < 5]


ODD = {
    "a class that occurs once": lambda frame: frame.assign(y=frame["y"].where(frame["id"] != "w3", "class 9")),
    "equal sequences": equal,
    "constant inputs": lambda frame: frame.assign(x=3.7, z=-1e9),
    "a constant for each class": lambda frame: frame.assign(x=np.where(frame["y"] == "class 1", 1e6, 1e6 + 1), z=0.0),
    "sequences of one row": lambda frame: frame[frame["t"] == 0],
    "one long sequence": lambda frame: frame[(frame["t"] == 0) | (frame["id"] == "w0")],
    "huge numbers": lambda frame: frame.assign(x=frame["x"] * 1e150),
}


@pytest.mark.parametrize("change", cases(ODD))
@pytest.mark.parametrize("sequences", [14, 40])
def test_odd_tables_get_answers(change, sequences):
    frame = change(waves(sequences, 9))
    model = trained(frame, predict="last", patience=0)
    answers = model.predict(frame.drop(columns="y")).filter(like="prob").to_numpy()
    assert np.isfinite(answers).all()
    assert np.isfinite(alone(model).weights).all()


def test_many_equal_sequences_of_one_shape_have_no_weights(monkeypatch):
    monkeypatch.setattr(shapes, "THRESHOLDS", 1)
    frame = equal(waves(120, 9))
    assert np.abs(alone(trained(frame, split=1.0)).weights).max() == 0


def test_a_validation_part_without_a_label_leaves_half_to_both():
    model = trained()
    data = read_table(waves(), schema=model.schema)
    unknown = replace(data, y=np.full_like(data.y, np.nan))
    linear_part.set_linear_part(model, data, unknown, Reporter())
    assert (model.linear_part.share, model.linear_part.temperature) == (linear_part.HALF, 1.0)


def test_of_long_sequences_fewer_are_drawn_but_some_of_each_class(monkeypatch):
    model, frame, sizes = trained(), waves(120, 12), []
    data, fit = read_table(frame, schema=model.schema), shapes._part
    monkeypatch.setattr(shapes, "_part", lambda some, *more: sizes.append(np.bincount(some.y)) or fit(some, *more))
    for numbers in (1 << 25, 60 * 20, 1):  # a sequence has about 20
        monkeypatch.setattr(shapes, "MOST_NUMBERS", numbers)
        shapes.shapes(model, data)
    whole, some, fewest = sizes
    assert whole.tolist() == [60, 60]
    assert 40 < some.sum() < 80
    assert 5 < fewest.min() <= fewest.max() < 20


def test_thresholds_of_numbers_beyond_single_precision_are_finite():
    some = shapes.Shapes(np.full((400, 1), 1e300), np.full(10, 40), np.arange(10) % 2, np.ones(10))
    assert np.isfinite(shapes._convolutions(some, np.random.default_rng(0)).thresholds).all()


def test_what_tells_sequences_apart_is_found_without_a_copy_of_them():
    some = shapes.Shapes(np.zeros((1 << 16, 2)), np.array([1 << 16]), np.zeros(1, np.int64), np.ones(1))
    tracemalloc.start()
    digest = some.digest
    assert tracemalloc.get_traced_memory()[1] < some.inputs.nbytes / 4
    tracemalloc.stop()
    assert digest != some._replace(weight=np.full(1, 2.0)).digest


def test_labels_that_weigh_nothing_do_not_say_how_good_the_network_is():
    frame = waves().assign(w=1.0)
    model, off = trained(frame, weight="w"), frame["id"].isin(frame["id"].unique()[5:])
    data, shares = read_table(frame, schema=model.schema), []
    for valid in (frame.assign(w=np.where(off, 0.0, 1.0)), frame.assign(y=frame["y"].where(~off))):
        linear_part.set_linear_part(model, data, read_table(valid, schema=model.schema), Reporter())
        shares.append(model.linear_part.share)
        model.linear_part = None
    assert shares[0] == pytest.approx(shares[1], rel=1e-9)


@pytest.mark.parametrize(("best", "expected"), [(0.5, 1.0), (3.0, 3.0)], ids=["too doubtful", "too sure"])
def test_logits_of_a_network_that_is_too_sure_are_divided_by_a_temperature(best, expected, monkeypatch):
    monkeypatch.setattr(linear_part, "fitted_temperature", lambda outcomes: best)
    model = trained()
    part, data = model.linear_part, read_table(waves(), schema=model.schema)
    assert part.temperature == expected
    network = replace(model, linear_part=None).outputs(data)
    added = part.convolutions.outputs(model.encoder.transform(data), data.offsets) + part.bias
    last = data.offsets[1:] - 1
    np.testing.assert_allclose(model.outputs(data)[last], (part.share / expected * network + added)[last], rtol=1e-9)
