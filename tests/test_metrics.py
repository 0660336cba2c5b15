"""Metrics against scikit-learn, and their values where scikit-learn warns or fails."""

import json
import math
import warnings

import numpy as np
import pytest
import sklearn.metrics as sk
from counting import lines_executed
from hypothesis import given, settings
from hypothesis import strategies as st
from ids import cases
from tolerances import SUMS

from rnnfast.metrics import baseline_binary, baseline_regression, binary, confusion, regression
from rnnfast.metrics.whole import Whole, counted_ties, ties

EXTREMES = st.sampled_from([0.0, 5e-324, 1e-300, 1e-17, 0.25, 0.5, 0.75, 1.0 - 2**-53, 1.0])
PROBABILITIES = st.one_of(EXTREMES, st.floats(0.0, 1.0, allow_subnormal=True))
VALUES = st.one_of(
    st.sampled_from([0.0, -0.0, 1.0, -1.0, 1e-300, 1e-17, 1e9, -1e9, 0.1]), st.floats(-1e6, 1e6, allow_nan=False)
)
RANKING_KEYS = ["auroc", "auprc", "log_loss", "brier"]
BINARY_KEYS = ["accuracy", "balanced_accuracy", "precision", "recall", "specificity", "f1", "mcc", *RANKING_KEYS]


def pairs(first, second, least=1):
    return st.lists(st.tuples(first, second), min_size=least, max_size=40)


def sklearn_binary(y, p, threshold, weight=None):
    predicted = (p >= threshold).astype(int)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # one class, nothing predicted positive: the values are what counts
        figures = {
            "accuracy": sk.accuracy_score(y, predicted, sample_weight=weight),
            "balanced_accuracy": sk.balanced_accuracy_score(y, predicted, sample_weight=weight),
            "precision": sk.precision_score(y, predicted, zero_division=0, sample_weight=weight),
            "recall": sk.recall_score(y, predicted, zero_division=0, sample_weight=weight),
            "specificity": sk.recall_score(y, predicted, pos_label=0, zero_division=0, sample_weight=weight),
            "f1": sk.f1_score(y, predicted, zero_division=0, sample_weight=weight),
            "mcc": sk.matthews_corrcoef(y, predicted, sample_weight=weight),
            "log_loss": sk.log_loss(y, p, labels=[0, 1], sample_weight=weight),
            "brier": sk.brier_score_loss(y, p, pos_label=1, sample_weight=weight),
            "threshold": threshold,
            "auroc": None,
            "auprc": None,
        }
        if len(set(y.tolist())) == 2:
            figures.update(
                auroc=sk.roc_auc_score(y, p, sample_weight=weight),
                auprc=sk.average_precision_score(y, p, sample_weight=weight),
            )
    return figures


def assert_equal(found, expected):
    assert set(found) == set(expected)
    for key, value in expected.items():
        if value is None:
            assert found[key] is None, key
        else:
            assert type(found[key]) is float, key
            # Weights of 1,000 beside 0.001 leave mcc few digits: both sides subtract products of their sums.
            assert found[key] == pytest.approx(value, rel=SUMS, abs=1e-9 if key == "mcc" else SUMS), key


@settings(max_examples=300, deadline=None, derandomize=True)
@given(pairs(st.integers(0, 1), PROBABILITIES), PROBABILITIES)
def test_binary_equals_sklearn(rows, threshold):
    y, p = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    found = binary(y, p, threshold)
    assert list(found) == [*BINARY_KEYS, "threshold"]
    assert_equal(found, sklearn_binary(y, p, threshold))
    expected = sk.confusion_matrix(y, p >= threshold, labels=[0, 1])
    assert confusion(y, p, threshold) == expected.tolist()
    weight = np.random.default_rng(4).gamma(1.0, size=len(y))
    expected = sk.confusion_matrix(y, p >= threshold, labels=[0, 1], sample_weight=weight)
    np.testing.assert_allclose(confusion(y, p, threshold, weight), expected, rtol=1e-12)


WEIGHTS = st.one_of(st.sampled_from([1e-3, 0.5, 1.0, 2.0, 1e3]), st.floats(1e-3, 1e3))


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.integers(0, 1), PROBABILITIES, WEIGHTS), min_size=1, max_size=40), PROBABILITIES)
def test_weighted_binary_equals_sklearn(rows, threshold):
    y, p, weight = (np.array(column) for column in zip(*rows, strict=True))
    assert_equal(binary(y, p, threshold, weight=weight), sklearn_binary(y, p, threshold, weight))


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(st.tuples(VALUES, VALUES, WEIGHTS), min_size=2, max_size=40))
def test_weighted_regression_equals_sklearn(rows):
    y, p, weight = (np.array(column) for column in zip(*rows, strict=True))
    found = regression(y, p, weight=weight)
    used = y != 0
    average = lambda values: np.average(values, weights=weight)  # noqa: E731
    expected = {
        "mae": sk.mean_absolute_error(y, p, sample_weight=weight),
        "rmse": sk.root_mean_squared_error(y, p, sample_weight=weight),
        "mape": sk.mean_absolute_percentage_error(y[used], p[used], sample_weight=weight[used]) if used.any() else None,
        "r2": found["r2"],
        "within_5pct": average(np.abs(p - y) <= 0.05 * np.abs(y)),
        "within_10pct": average(np.abs(p - y) <= 0.1 * np.abs(y)),
    }
    if average((y - average(y)) ** 2) > 1e-6 * average(y**2):  # else rounding of the mean is what is left
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # overflow where the variance is subnormal
            r2 = sk.r2_score(y, p, sample_weight=weight)
        expected["r2"] = r2 if math.isfinite(r2) else None
    assert_equal(found, expected)


@pytest.mark.parametrize("decimals", [1, 2, 16])
def test_binary_with_many_ties(decimals):
    rng = np.random.default_rng(decimals)
    p = np.round(rng.random(5000), decimals)
    y = (rng.random(5000) < p * 0.1).astype(np.float64)
    assert_equal(binary(y, p, 0.3), sklearn_binary(y, p, 0.3))


@pytest.mark.parametrize("label", [0, 1], ids=["negatives", "positives"])
@pytest.mark.parametrize("score", [0.1, 0.9], ids=["low score", "high score"])
def test_binary_with_one_class(label, score):
    found = binary([label] * 3, [score] * 3)
    assert found["auroc"] is None
    assert found["auprc"] is None
    right = float((score >= 0.5) == bool(label))
    assert found["accuracy"] == found["balanced_accuracy"] == right
    assert found["mcc"] == 0.0
    assert found["recall"] == (right if label else 0.0)
    assert found["specificity"] == (0.0 if label else right)
    json.dumps(found, allow_nan=False)


def test_nothing_predicted_positive():
    found = binary([0, 1, 0, 1], [0.1, 0.2, 0.3, 0.4])
    assert (found["precision"], found["recall"], found["f1"], found["mcc"]) == (0.0, 0.0, 0.0, 0.0)
    assert found["auroc"] == 0.75


def test_threshold_is_included():
    assert confusion([1], [0.5]) == [[0, 0], [0, 1]]


def test_certain_and_wrong_has_a_finite_log_loss():
    assert binary([1, 0], [0.0, 1.0])["log_loss"] == pytest.approx(-math.log(np.finfo(np.float64).eps))


def test_undefined_figures_are_none():
    empty = binary([], [], 0.25)
    assert empty.pop("threshold") == 0.25
    assert set(empty.values()) == {None}
    assert confusion([], []) == [[0, 0], [0, 0]]
    broken = binary([0, 1], [0.2, math.nan])
    assert [broken[key] for key in RANKING_KEYS] == [None] * 4
    assert binary([0, 1], [0.2, math.inf])["brier"] is None
    json.dumps([empty, broken], allow_nan=False)


def test_binary_refuses_what_does_not_pair_up():
    with pytest.raises(ValueError, match="3 values and p 2"):
        binary([0, 1, 1], [0.1, 0.2])
    with pytest.raises(ValueError, match="0 and 1 only"):
        binary([0.0, math.nan], [0.1, 0.2])


@settings(max_examples=300, deadline=None, derandomize=True)
@given(pairs(VALUES, VALUES, least=2))
def test_regression_equals_sklearn(rows):
    y, p = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    found = regression(y, p)
    used = y != 0
    expected = {
        "mae": sk.mean_absolute_error(y, p),
        "rmse": sk.root_mean_squared_error(y, p),
        "mape": sk.mean_absolute_percentage_error(y[used], p[used]) if used.any() else None,
        "r2": None,
        "within_5pct": np.mean(np.abs(p - y) <= 0.05 * np.abs(y)),
        "within_10pct": np.mean(np.abs(p - y) <= 0.1 * np.abs(y)),
    }
    if np.sum((y - y.mean()) ** 2) > 0 and y.min() < y.max():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # overflow where the variance is subnormal
            r2 = sk.r2_score(y, p)
        expected["r2"] = r2 if math.isfinite(r2) else None
    assert list(found) == list(expected)
    assert_equal(found, expected)
    json.dumps(found, allow_nan=False)


def test_several_targets_are_averaged():
    rng = np.random.default_rng(0)
    y = rng.normal(size=(200, 3)) * [1.0, 10.0, 100.0]
    p = y + rng.normal(size=(200, 3))
    found = regression(y, p)
    assert found["mae"] == pytest.approx(sk.mean_absolute_error(y, p), rel=SUMS)
    assert found["rmse"] == pytest.approx(sk.root_mean_squared_error(y, p), rel=SUMS)
    assert found["mape"] == pytest.approx(sk.mean_absolute_percentage_error(y, p), rel=SUMS)
    assert found["r2"] == pytest.approx(sk.r2_score(y, p), rel=SUMS)
    y[:, 1] = 0.1
    assert found["r2"] != (partly := regression(y, p)["r2"])
    assert partly == pytest.approx(np.mean([sk.r2_score(y[:, k], p[:, k]) for k in (0, 2)]), rel=SUMS)


def test_constant_and_zero_targets():
    constant = regression([0.1] * 7, [0.1] * 6 + [0.2])  # 0.1 * 7 / 7 is not 0.1
    assert constant["r2"] is None
    assert constant["within_5pct"] == pytest.approx(6 / 7)
    zeros = regression([0.0, 0.0], [0.0, 1.0])
    assert zeros["mape"] is None
    assert zeros["within_10pct"] == 0.5
    assert regression([0.0, 2.0, 4.0], [5.0, 1.0, 3.0])["mape"] == pytest.approx((0.5 + 0.25) / 2)


def test_regression_stays_valid_json():
    with pytest.raises(ValueError, match="shape"):
        regression([1.0, 2.0], [1.0])
    assert set(regression([], []).values()) == {None}
    assert set(regression(np.empty((0, 2)), np.empty((0, 2))).values()) == {None}
    for y, p in ([1.0, math.nan], [1.0, 2.0]), ([1e308, -1e308], [-1e308, 1e308]), ([1.0, 2.0], [math.inf, 1.0]):
        json.dumps(regression(y, p), allow_nan=False)


def test_float32_is_computed_in_float64():
    rng = np.random.default_rng(1)
    p = rng.random(10_000, dtype=np.float32)
    y = (rng.random(10_000) < p).astype(np.float32)
    assert binary(y, p) == binary(y.astype(np.float64), p.astype(np.float64))
    assert regression(y + p, p) == regression((y + p).astype(np.float64), p.astype(np.float64))


def test_columns_of_one_target_are_accepted():
    y, p = np.array([0.0, 1.0, 1.0]), np.array([0.2, 0.6, 0.4])
    assert binary(y[:, None], p[:, None]) == binary(y, p)
    assert regression(y[:, None], p[:, None]) == regression(y, p)


def test_baselines():
    found = baseline_binary(0.25, [0, 1, 0, 0, 0])
    assert found == binary([0, 1, 0, 0, 0], [0.25] * 5)
    assert (found["accuracy"], found["auroc"], found["auprc"], found["f1"]) == (0.8, 0.5, 0.2, 0.0)
    assert baseline_binary(2 / 3, [0, 1])["recall"] == 1.0
    assert baseline_regression(2.0, [2.0, 4.0]) == regression([2.0, 4.0], [2.0, 2.0])
    y = np.array([[1.0, 10.0], [3.0, 30.0]])
    assert baseline_regression(y.mean(axis=0), y)["r2"] == 0.0
    with pytest.raises(ValueError, match="shape"):
        baseline_regression([1.0, 2.0, 3.0], y)


def test_no_line_is_executed_for_each_row():
    def lines(rows):
        rng = np.random.default_rng(2)
        p = rng.random(rows)
        y = rng.random(rows) < p
        return lines_executed(lambda: (binary(y, p), regression(p, p)))

    lines(100)  # imports what is imported at first use
    assert lines(100_000) == lines(100)


SCORES = cases({
    "ties, zeros, the least and the largest": [0.0, -0.0, 5e-324, 0.5, 0.5, np.nextafter(0.5, 1), 1.0, np.inf],
    "all alike": [0.25],
    "below zero": [-1.0, 2.0],
})  # fmt: skip


@pytest.mark.parametrize("scores", SCORES)
def test_areas_are_the_same_however_scores_are_sorted(scores):
    random = np.random.default_rng(4)
    score = random.choice(np.array(scores), 200)
    positive = random.random(200) < 0.4
    assert Whole().ranking(positive, score) == Whole().ranked(ties(score), positive)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("digits", [1, 20], ids=["ties", "hardly a tie"])
def test_scores_are_sorted_the_same_whatever_their_precision(dtype, digits):
    random = np.random.default_rng(7)
    score = np.append(random.random(500).round(digits), [0.0, -0.0, 1.0]).astype(dtype).astype(np.float64)
    positive = random.random(len(score)) < 0.3
    order, last = ties(score)
    assert sorted(order) == list(range(len(score)))
    assert (np.diff(score[order]) <= 0).all()
    values = np.unique(score)[::-1]
    assert score[order][last].tolist() == values.tolist()
    different, hits, false = counted_ties(score, positive)
    assert different.tolist() == values.tolist()
    assert hits.tolist() == [positive[score >= value].sum() for value in values]
    assert false.tolist() == [(~positive)[score >= value].sum() for value in values]
