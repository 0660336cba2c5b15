"""Scaling: fitted range, constants, gaps, exact inverse, storage."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from rnnfast.data import Scaler
from rnnfast.errors import DataError, ModelError

INVERSE = 1e-12  # of the largest magnitude of a column: three roundings and the subtraction of the shift
VALUES = arrays(np.float64, array_shapes(min_dims=2, max_dims=2, max_side=8), elements=st.floats(-1e12, 1e12))


def fit(kind, values):
    return Scaler.fit(kind, [f"c{j}" for j in range(values.shape[1])], values)


@given(VALUES, st.sampled_from(["minmax", "none"]))
def test_inverse_is_exact(values, kind):
    scaler = fit(kind, values)
    back = scaler.inverse(scaler.transform(values))
    assert (np.abs(back - values) <= INVERSE * np.abs(values).max(axis=0)).all()


@given(VALUES)
def test_minmax_fills_zero_to_one(values):
    scaled = fit("minmax", values).transform(values)
    assert scaled.min() >= 0
    assert scaled.max() <= 1 + 1e-15
    assert (scaled.min(axis=0) == 0).all()


@given(VALUES)
def test_storage_keeps_every_bit(values):
    scaler = fit("minmax", values)
    stored = Scaler.from_json(json.loads(json.dumps(scaler.to_json())))
    assert (stored.kind, stored.names) == (scaler.kind, scaler.names)
    np.testing.assert_array_equal(stored.transform(values), scaler.transform(values))


def test_known_values():
    scaler = fit("minmax", np.array([[0.0, -1.0], [10.0, 3.0]]))
    assert scaler.names == ("c0", "c1")
    np.testing.assert_array_equal(scaler.shift, [0, -1])
    np.testing.assert_array_equal(scaler.scale, [0.1, 0.25])
    np.testing.assert_array_equal(scaler.transform([[5, 1], [20, -5]]), [[0.5, 0.5], [2, -1]])


def test_constant_column_maps_to_zero():
    values = np.full((3, 1), 7.5)
    scaler = fit("minmax", values)
    np.testing.assert_array_equal(scaler.transform(values), 0)
    np.testing.assert_array_equal(scaler.inverse(np.zeros((3, 1))), values)
    np.testing.assert_array_equal(scaler.transform([[8.5]]), 1)


def test_gaps_are_ignored_and_kept():
    values = np.array([[1.0, np.nan], [np.nan, np.nan], [3.0, np.nan]])
    scaler = fit("minmax", values)
    np.testing.assert_array_equal(scaler.shift, [1, 0])
    np.testing.assert_array_equal(scaler.scale, [0.5, 1])
    np.testing.assert_array_equal(scaler.transform(values)[:, 0], [0, np.nan, 1])


def test_no_rows_and_no_scaling_change_nothing():
    assert fit("minmax", np.empty((0, 2))).scale.tolist() == [1, 1]
    values = np.array([[1.0, 2.0]])
    np.testing.assert_array_equal(fit("none", values).transform(values), values)


def test_subnormal_range_counts_as_constant():
    values = np.array([[0.0], [5e-324]])
    assert np.isfinite(fit("minmax", values).transform(values)).all()


def test_range_beyond_float64():
    with pytest.raises(DataError, match="column 'c1': its range from -1e\\+308 to 1e\\+308"):
        fit("minmax", np.array([[0, -1e308], [1, 1e308]]))


def test_input_is_left_alone():
    values = np.array([[1.0], [2.0]])
    scaler = fit("minmax", values)
    scaler.inverse(scaler.transform(values))
    np.testing.assert_array_equal(values, [[1], [2]])


def test_wrong_kind():
    with pytest.raises(ValueError, match="minmax or none"):
        fit("robust", np.ones((1, 1)))


@pytest.mark.parametrize(
    "change",
    [{"kind": "other"}, {"shift": [1.0]}, {"scale": [0.0, 1.0]}, {"scale": [float("nan"), 1.0]}, {"shift": ["a", 1]}],
)
def test_damaged_storage(change):
    stored = fit("minmax", np.array([[0.0, -1.0], [10.0, 3.0]])).to_json()
    with pytest.raises(ModelError, match="damaged"):
        Scaler.from_json({**stored, **change})
    with pytest.raises(ModelError, match="damaged"):
        Scaler.from_json({})
