"""Scaling: fitted range, constants, gaps, exact inverse, storage; statistics over blocks of rows."""

import json

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from ids import cases

from rnnfast.config.sections import DataConfig
from rnnfast.data import Scaler, Schema
from rnnfast.data.encoding.scaling import KINDS, feature_kinds, summary_for, target_kinds
from rnnfast.errors import DataError, ModelError, UsageError

INVERSE = 1e-12  # of the largest magnitude of a column: three roundings and the subtraction of the shift
VALUES = arrays(np.float64, array_shapes(min_dims=2, max_dims=2, max_side=8), elements=st.floats(-1e12, 1e12))


def fit(kind, values):
    return Scaler.fit(kind, [f"c{j}" for j in range(values.shape[1])], values)


@given(VALUES, st.sampled_from(list(KINDS)))
@example(np.array([[0.0], [0.0], [0.0], [1e-300], [1e12]]), "robust")
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


@given(VALUES, st.sampled_from(list(KINDS)))
def test_storage_keeps_every_bit(values, kind):
    scaler = fit(kind, values)
    stored = Scaler.from_json(json.loads(json.dumps(scaler.to_json())))
    assert (stored.kinds, stored.names) == (scaler.kinds, scaler.names)
    np.testing.assert_array_equal(stored.transform(values), scaler.transform(values))


def test_known_values():
    scaler = fit("minmax", np.array([[0.0, -1.0], [10.0, 3.0]]))
    assert scaler.names == ("c0", "c1")
    np.testing.assert_array_equal(scaler.shift, [0, -1])
    np.testing.assert_array_equal(scaler.scale, [0.1, 0.25])
    np.testing.assert_array_equal(scaler.transform([[5, 1], [20, -5]]), [[0.5, 0.5], [2, -1]])


def test_zscore_has_mean_0_and_population_deviation_1():
    values = np.random.default_rng(0).normal(5, 3, (1000, 2))
    scaled = fit("zscore", values).transform(values)
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-13)
    np.testing.assert_allclose(scaled.std(axis=0), 1, rtol=1e-13)


def test_robust_is_median_and_interquartile_range():
    values = np.random.default_rng(0).exponential(size=(1001, 2))
    values[0] = 1e9  # an outlier moves neither
    scaler = fit("robust", values)
    np.testing.assert_array_equal(scaler.shift, np.median(values, axis=0))
    first, third = np.percentile(values, (25, 75), axis=0)
    np.testing.assert_allclose(scaler.scale, 1 / (third - first), rtol=1e-15)


def test_ranks_are_shares_of_the_training_values():
    values = np.random.default_rng(0).exponential(size=(500, 1)) ** 3
    scaled = fit("rank", values).transform(values)[:, 0]
    np.testing.assert_allclose(np.sort(scaled), np.linspace(0, 1, 500), atol=1e-12)
    assert (np.argsort(scaled) == np.argsort(values[:, 0])).all()


def test_equal_values_have_the_middle_of_their_ranks_and_others_lie_between_neighbours():
    scaler = fit("rank", np.array([[0.0], [0], [0], [1], [5]]))
    outside = [[0.0], [0.5], [1], [3], [5], [-7], [9], [np.nan]]
    np.testing.assert_allclose(scaler.transform(outside)[:, 0], [0.25, 0.5, 0.75, 0.875, 1, 0.25, 1, np.nan])
    assert fit("rank", np.array([[4.0], [4]])).transform([[4.0]]) == 0


def test_many_values_have_a_thousand_knots_at_most():
    values = np.random.default_rng(0).normal(size=(20_000, 1))
    scaler = fit("rank", values)
    assert len(scaler.knots["c0"].values) == 1000
    scaled = scaler.transform(values)[:, 0]
    assert np.abs(np.sort(scaled) - np.linspace(0, 1, 20_000)).max() < 2e-3


def test_ranks_are_for_features():
    schema = Schema(None, None, ("x",), ("y",), "regression", lag_target=True)

    def kinds(*scale):
        config = DataConfig(scale=scale)
        return list(feature_kinds(schema, config).values()), target_kinds(schema, config)

    assert kinds("rank") == (["rank", "rank"], ("minmax",))
    assert kinds("y (lag)=rank") == (["minmax", "rank"], ("minmax",))
    with pytest.raises(UsageError, match=r"--scale y=rank: ranks are for features, .* its lag with 'y \(lag\)=rank'"):
        kinds("y=rank")


@pytest.mark.parametrize(
    "pair",
    cases({"falling": [[2.0, 1.0], [0.0, 1.0]], "unequal": [[1.0, 2.0], [0.0]], "infinite": [[1.0], [float("inf")]]}),
)
def test_damaged_knots_are_refused(pair):
    stored = fit("rank", np.array([[0.0], [1], [2]])).to_json() | {"knots": {"c0": pair}}
    with pytest.raises(ModelError, match="the scaler stored in the model is damaged"):
        Scaler.from_json(stored)


def test_robust_takes_the_range_where_the_middle_half_is_one_value():
    scaler = fit("robust", np.array([[0.0], [0], [0], [0], [8]]))
    assert (scaler.shift[0], scaler.scale[0]) == (0, 1 / 8)


def test_each_column_has_its_kind():
    values = np.array([[0.0, 0, 0], [1, 10, 10], [5, 20, 20]])
    scaler = Scaler.fit(["none", "minmax", "robust"], ["a", "b", "c"], values)
    np.testing.assert_array_equal(scaler.transform(values)[1], [1, 0.5, 0])
    assert scaler.to_json()["kinds"] == ["none", "minmax", "robust"]


@pytest.mark.parametrize("offset", [0.0, 1e9], ids=["around zero", "far from zero"])
@pytest.mark.parametrize("size", [1, 7, 5000])
def test_blocks_give_what_the_whole_table_gives(size, offset):
    values = np.random.default_rng(1).normal(offset, 1, (12_345, 3))
    values[::7, 0] = np.nan
    kinds = ("minmax", "zscore", "robust")
    for shift in range(3):  # every kind on the column with gaps
        kind = kinds[shift:] + kinds[:shift]
        summary = summary_for(kind)
        for start in range(0, len(values), size) if size > 1 else range(0, len(values), 97):
            summary.add(values[start : start + (size if size > 1 else 97)])
        parts, whole = Scaler.of(kind, "abc", summary), fit(list(kind), values)
        exact = [j for j in range(3) if kind[j] != "zscore"]
        np.testing.assert_array_equal(parts.shift[exact], whole.shift[exact])
        np.testing.assert_array_equal(parts.scale[exact], whole.scale[exact])
        j = kind.index("zscore")
        known = values[~np.isnan(values[:, j]), j] - offset  # exact to a rounding of the offset
        assert parts.shift[j] - offset == pytest.approx(known.mean(), abs=1e-15 * max(offset, 1) * 4)
        assert 1 / parts.scale[j] == pytest.approx(known.std(), rel=1e-12)


def test_quartiles_of_more_rows_than_may_be_kept_come_from_a_sample():
    values = np.random.default_rng(2).permutation(np.linspace(0, 1, 20_001))[:, None]

    def sampled(rows, most=2000):
        summary = summary_for(["robust"], most=most)
        for start in range(0, len(values), rows):
            summary.add(values[start : start + rows])
        return Scaler.of(["robust"], "a", summary)

    error = 2 / np.sqrt(2000)  # as the summary says
    assert sampled(700).shift[0] == pytest.approx(0.5, abs=error)
    assert 1 / sampled(700).scale[0] == pytest.approx(0.5, abs=2 * error)
    assert sampled(700).to_json() == sampled(500).to_json() == sampled(30_000).to_json()
    assert sampled(700, most=20_001).shift[0] == 0.5  # of all rows exactly
    assert fit("robust", values).shift[0] == 0.5


@pytest.mark.parametrize("rows", [1, 700, 5000])
def test_the_blocks_that_rows_come_in_do_not_change_a_bit(rows):
    values = np.random.default_rng(3).normal(1e6, 1, (9_000, 2))
    kinds = ("zscore", "zscore")
    summary = summary_for(kinds)
    for start in range(0, len(values), rows):
        summary.add(values[start : start + rows])
    assert Scaler.of(kinds, ("c0", "c1"), summary).to_json() == fit(kinds, values).to_json()


@pytest.mark.parametrize("kind", ["minmax", "zscore", "robust"])
@pytest.mark.parametrize("value", [7.5, 0.1, 1e300], ids=["exact", "inexact", "huge"])
def test_constant_column_maps_to_zero(kind, value):
    values = np.full((3, 1), value)
    scaler = fit(kind, values)
    np.testing.assert_array_equal(scaler.transform(values), 0)
    np.testing.assert_array_equal(scaler.inverse(np.zeros((3, 1))), values)


def test_constant_column_keeps_its_unit():
    values = np.full((3, 1), 7.5)
    scaler = fit("minmax", values)
    np.testing.assert_array_equal(scaler.transform(values), 0)
    np.testing.assert_array_equal(scaler.inverse(np.zeros((3, 1))), values)
    np.testing.assert_array_equal(scaler.transform([[8.5]]), 1)


@pytest.mark.parametrize("kind", KINDS)
def test_columns_without_values_stay(kind):
    scaler = fit(kind, np.full((4, 1), np.nan))
    assert (scaler.shift[0], scaler.scale[0]) == (0, 1)


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
    with pytest.raises(
        DataError, match=r"t\.csv, column 'c': its range .* correct its largest values, or leave it out"
    ):
        Scaler.fit("minmax", ["c"], np.array([[-1e308], [1e308]]), "t.csv")


def test_input_is_left_alone():
    values = np.array([[1.0], [2.0]])
    scaler = fit("minmax", values)
    scaler.inverse(scaler.transform(values))
    np.testing.assert_array_equal(values, [[1], [2]])


def test_wrong_kind():
    with pytest.raises(ValueError, match="kind 'rubust' is not one of minmax"):
        fit("rubust", np.ones((1, 1)))


@pytest.mark.parametrize(
    "change",
    cases(
        {
            "unknown kind": {"kinds": ["other", "minmax"]},
            "too few kinds": {"kinds": ["none"]},
            "kinds no list": {"kinds": 3},
            "too few shifts": {"shift": [1.0]},
            "zero scale": {"scale": [0.0, 1.0]},
            "nan as scale": {"scale": [float("nan"), 1.0]},
            "text as shift": {"shift": ["a", 1]},
        }
    ),
)
def test_damaged_storage(change):
    stored = fit("minmax", np.array([[0.0, -1.0], [10.0, 3.0]])).to_json()
    with pytest.raises(ModelError, match="damaged"):
        Scaler.from_json({**stored, **change})
    with pytest.raises(ModelError, match="damaged"):
        Scaler.from_json({})


# --- which column has which kind ---

SCHEMA = Schema("id", "t", ("x1", "x2", "V1", "colour"), ("y",), "regression", categorical=("colour",), lag_target=True)


def kinds(*scale, **options):
    config = DataConfig(scale=scale, **options)
    return [*feature_kinds(SCHEMA, config).values()], target_kinds(SCHEMA, config)


def test_kinds_of_columns():
    """One for all, names before patterns before that; the lagged target is the last of the features."""
    assert list(feature_kinds(SCHEMA, DataConfig())) == ["x1", "x2", "V1", "y (lag)"]
    assert kinds("minmax") == (["minmax"] * 4, ("minmax",))
    assert kinds("zscore") == (["zscore"] * 4, ("zscore",))
    assert kinds("zscore", "x1=none") == (["none", "zscore", "zscore", "zscore"], ("zscore",))
    assert kinds("x*=robust", "x1=none") == (["none", "robust", "minmax", "minmax"], ("minmax",))
    assert kinds("y=robust") == (["minmax", "minmax", "minmax", "robust"], ("robust",))
    assert kinds("y (lag)=robust")[0][-1] == "robust"
    assert kinds("y=robust", scale_target=False)[1] == ("none",)


def test_unscaled_features_leave_the_target_scaled():
    assert kinds("none") == (["none"] * 4, ("minmax",))
    assert kinds("none", "y=none")[1] == ("none",)
    assert kinds("none", scale_target=False)[1] == ("none",)


@pytest.mark.parametrize(
    ("scale", "match"),
    cases(
        {
            "misspelt kind": (
                ["zscor"],
                "'zscor' is not one of minmax, zscore, robust, rank, none; did you mean 'zscore'",
            ),
            "misspelt kind of a column": (["x1=rubust"], "'rubust' is not one of .*; did you mean 'robust'"),
            "column without kind": (["x1"], "'x1' is not one of minmax.*COLUMN=WORD"),
            "kind without column": (["=none"], "'none' is not one of|'=none'"),
            "unknown column": (["y(lag)=none"], "scale: there is no column 'y.lag.'.*did you mean 'y .lag.'"),
            "pattern without column": (["z*=none"], "there is no column 'z\\*'"),
            "two kinds for all": (["minmax", "zscore"], "all columns can be minmax or zscore, not both"),
            "two kinds for a column": (["x1=none", "x1=robust"], "column 'x1' can be none or robust, not both"),
            "two patterns for a column": (
                ["x*=none", "*1=robust"],
                "x\\*=none and \\*1=robust both match column 'x1'; add x1=WORD",
            ),
            "column of categories": (["colour=none"], "column 'colour' holds categories"),
        }
    ),
)
def test_wrong_kinds_of_columns(scale, match):
    with pytest.raises(UsageError, match=match):
        kinds(*scale)
