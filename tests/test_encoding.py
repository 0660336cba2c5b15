"""From columns to inputs of the network: numbers, indicators, lagged targets, and what is stored of them."""

import json

import numpy as np
import pytest
from encoded_tables import fit, made, read, write
from hypothesis import given, settings
from hypothesis import strategies as st
from ids import cases

from rnnfast.cells import built_in
from rnnfast.config.resolve import Config
from rnnfast.config.sections import DataConfig
from rnnfast.data import Encoder, read_table, split
from rnnfast.errors import DataError, ModelError
from rnnfast.training.prepare import initial_model


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("rows", [1, 1000, 40_000])
def test_numbers_are_scaled_into_a_new_array(rows, dtype):
    data = made(np.random.default_rng(0).normal(3, 5, (rows, 3)))
    before = data.x.copy()
    encoder = Encoder.fit([data], DataConfig(scale=("zscore", "x1=minmax", "x3=none")))
    inputs = encoder.transform(data, dtype)
    np.testing.assert_array_equal(inputs, encoder.scaler.transform(data.x).astype(dtype))
    assert (inputs.dtype, inputs.flags.c_contiguous, inputs.ctypes.data % 64) == (dtype, True, 0)
    assert encoder.names == ("x1", "x2", "x3")
    np.testing.assert_array_equal(data.x, before)


def test_only_the_rows_that_training_sees_are_fitted():
    """Not the rows after the last labelled step of a sequence, nor sequences without a label."""
    nan = np.nan
    x = np.array([[1.0], [2], [99], [3], [4], [99], [99]])
    data = made(x, lengths=[3, 2, 2], y=[nan, 0, nan, 1, 0, nan, nan])
    np.testing.assert_array_equal(data.seen, [True, True, False, True, True, False, False])
    encoder = Encoder.fit([data], DataConfig())
    assert (encoder.scaler.shift[0], encoder.scaler.scale[0]) == (1, 1 / 3)
    last = made(x, lengths=[3, 2, 2], y=[0, 0, nan, nan, 0, nan, nan], predict="last")
    np.testing.assert_array_equal(last.seen, [False, False, False, True, True, False, False])
    assert Encoder.fit([last], DataConfig()).scaler.shift[0] == 3


@settings(deadline=None)
@given(st.lists(st.integers(1, 5), min_size=1, max_size=6), st.integers(0, 2**32))
def test_blocks_of_sequences_are_fitted_like_the_whole(lengths, seed):
    """Whatever the blocks: ranges, categories and the most frequent one exactly, means to a rounding."""
    random, rows = np.random.default_rng(seed), sum(lengths)
    shops = ("a", "b", "c")
    x = np.column_stack((random.normal(1e6, 1, rows), random.integers(0, 3, rows)))
    x[random.random(x.shape) < 0.3] = np.nan
    config = DataConfig(missing=("mean",), scale=("minmax",))
    data = made(x, lengths, {"x2": shops})
    whole = Encoder.fit([data], config)
    parts = Encoder.fit((data.take([k]) for k in range(len(lengths))), config)
    assert parts.names == whole.names
    assert parts.scaler.to_json() == whole.scaler.to_json()
    assert parts.fills["x2"] == whole.fills["x2"]
    assert parts.fills["x1"] == pytest.approx(whole.fills["x1"], rel=1e-15)


@settings(deadline=None)
@given(
    st.lists(st.tuples(*[st.one_of(st.just(np.nan), st.floats(-1e12, 1e12))] * 2), min_size=1, max_size=8),
    st.sampled_from(["zero", "mean", "ffill"]),
    st.booleans(),
    st.sampled_from(["minmax", "zscore", "robust", "none"]),
)
def test_storage_keeps_every_bit(values, rule, indicator, kind):
    data = made([[a, b, k % 3] for k, (a, b) in enumerate(values)], categories={"x3": ("r", "g", "b=2")})
    encoder = Encoder.fit([data], DataConfig(missing=(rule,), missing_indicator=indicator, scale=(kind,)))
    stored = Encoder.from_json(json.loads(json.dumps(encoder.to_json())))
    assert stored.to_json() == encoder.to_json()
    np.testing.assert_array_equal(stored.transform(data), encoder.transform(data))
    assert np.isfinite(stored.transform(data)).all()


@pytest.mark.parametrize("kind", ["minmax", "zscore", "robust"])
def test_rows_and_columns_are_picked_block_by_block(kind):
    """Fitting to some rows and columns of a table is fitting to a table of these alone."""
    random = np.random.default_rng(5)
    x = np.column_stack((random.normal(size=10_001), random.integers(0, 2, 10_001), random.normal(size=10_001)))
    y = np.where(np.arange(10_001) < 7_003, 0, np.nan)
    some = Encoder.fit([made(x, y=y, categories={"x2": ("a", "b")})], DataConfig(scale=(kind,)))
    alone = Encoder.fit([made(x[:7_003, [0, 2]], columns=("x1", "x3"))], DataConfig(scale=(kind,)))
    assert some.scaler.names == ("x1", "x3")
    np.testing.assert_allclose(some.scaler.shift, alone.scaler.shift, rtol=1e-12)
    np.testing.assert_allclose(some.scaler.scale, alone.scaler.scale, rtol=1e-12)


def test_damaged_storage():
    data = made([[1, 0], [np.nan, 1]], categories={"x2": ("a", "b")})
    stored = fit(data, missing=("mean",)).to_json()
    missing = stored["missing"]
    for change in (
        {"inputs": ["x1"]},
        {"scaler": {}},
        {"scaler": {**stored["scaler"], "names": ["x2"]}},
        {"categories": {"x2": ["b", "a"]}},
        {"categories": {"x2": [1, 2]}},
        {"categories": {}},
        {"unseen": "perhaps"},
        {"missing": {**missing, "fills": {}}},
        {"missing": {**missing, "fills": {"x1": float("nan"), "x2": "a"}}},
        {"missing": {**missing, "fills": {"x1": 1.0, "x2": "c"}}},
        {"missing": {**missing, "indicator": 1}},
        {"missing": None},
    ):
        with pytest.raises(ModelError, match="damaged"):
            Encoder.from_json({**stored, **change})
    with pytest.raises(ModelError, match="damaged"):
        Encoder.from_json({})
    with pytest.raises(ValueError, match="at least one block"):
        Encoder.fit([], DataConfig())


def test_indicators(tmp_path):
    data = read(tmp_path, categorical="shop", missing="zero,a=mean")
    encoder = fit(data, missing=("zero", "a=mean"), missing_indicator=True)
    assert encoder.names[-3:] == ("shop (missing)", "a (missing)", "b (missing)")
    np.testing.assert_array_equal(encoder.transform(data)[:, -3:], np.isnan(data.x))
    full = made([[1, 2], [3, 4]])  # the inputs do not depend on whether the training rows have gaps
    assert fit(full, missing=("x2=mean",), missing_indicator=True).names == ("x1", "x2", "x2 (missing)")


def test_a_column_that_is_empty_in_training():
    data = made([[np.nan, np.nan]], categories={"x2": ()})
    encoder = fit(data, missing=("mean",))
    assert encoder.names == ("x1", "x2=(unseen)")
    np.testing.assert_array_equal(encoder.transform(data), [[0, 0]])


def test_the_first_step_of_a_sequence_has_no_lagged_target():
    """Which is no empty cell: it gets a value whatever the rule."""
    data = made([[1, np.nan], [2, 10], [3, 20]], columns=("x1",), lag_target=True)
    assert data.schema.columns == ("x1", "y (lag)")
    encoder = Encoder.fit([data], DataConfig(scale=("none", "y=minmax"), missing_indicator=True))
    assert encoder.rules == {"x1": "error", "y (lag)": "error"}
    np.testing.assert_array_equal(encoder.transform(data), [[1, 0.5, 1], [2, 0, 0], [3, 1, 0]])
    stored = Encoder.from_json(json.loads(json.dumps(encoder.to_json())))
    np.testing.assert_array_equal(stored.transform(data), encoder.transform(data))
    assert Encoder.fit([data], DataConfig(missing=("zero",))).rules["y (lag)"] == "zero"


@pytest.mark.parametrize(
    ("horizon", "line", "role"), cases({"no horizon": (0, 3, "the next row"), "a horizon": (1, 3, "this row")})
)
def test_an_empty_lagged_target_without_a_rule_names_its_cell(tmp_path, horizon, line, role):
    full = read(tmp_path, "x,y\n1,1.5\n2,2\n3,4\n4,3\n5,6\n", lag_target=True, horizon=horizon, window=5)
    gap = write(tmp_path, "x,y\n1,1.5\n2,\n3,4\n4,3\n5,6\n", "gap.csv")
    where = rf"gap\.csv, line {line}, column 'y': the cell is empty; --lag-target makes it an input of {role}, and"
    with pytest.raises(DataError, match=rf"{where} an input must not be empty; .*--missing 'y \(lag\)=ffill'"):
        fit(read_table(gap, target="y", lag_target=True, horizon=horizon, window=5))
    later = read_table(gap, schema=full.schema, require_target=False)
    encoder = fit(full)
    for job in (encoder.transform, encoder.check):
        with pytest.raises(DataError, match=rf"{where} the model has no rule for that; .*train with --missing"):
            job(later)
    filled = fit(full, missing=("ffill",)).transform(later)[:, 1]
    np.testing.assert_array_equal(filled[-3:], [4, 3, 6] if horizon else [1.5, 4, 3])


def test_other_columns_are_refused(tmp_path):
    encoder = fit(made([[1.0, 2.0]]))
    for other in (made([[1.0]]), made([[1.0, 0]], categories={"x2": ("a",)})):
        with pytest.raises(DataError, match="the model wants"):
            encoder.transform(other)


def test_the_network_has_an_input_for_each_name(tmp_path):
    data = read(tmp_path, categorical="shop", missing="mean")
    values = {"missing": "mean", "missing_indicator": True, "hidden": 3}
    model = initial_model(data, Config().with_values(values, "test"), built_in("rnn"))
    assert len(model.encoder.names) == 2 + 4 + 3 == model.architecture.features
    assert model.parameters["rnn.weight_ih_l0"].shape == (3, 9)


def test_parts_keep_their_categories(tmp_path):
    rows = "".join(f"{k},{'abc'[k % 3]},{k % 2}\n" for k in range(30))
    data = read(tmp_path, "id,c,y\n" + rows, categorical="c")
    parts = split(data, (0.5, 0.25))
    assert all(part.categories == data.categories for part in (parts.train, parts.valid, parts.test))
    assert fit(parts.train).names == ("c=a", "c=b", "c=c", "c=(unseen)")
