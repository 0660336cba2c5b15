"""The estimators for sktime, which has more dependencies than others want and so an environment of its own."""

import doctest

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("sktime")

from sktime.utils.estimator_checks import check_estimator

import rnnfast
import rnnfast.sktime

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 2, 6))  # series, channels, steps
SUMS = X[:, 0].sum(axis=1)
LABELS = np.where(SUMS > 0, "up", "down")
QUICK = {"cell": "gru", "hidden": 8, "epochs": 3}


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize(
    "estimator", [rnnfast.sktime.RNNClassifier, rnnfast.sktime.RNNRegressor], ids=["classes", "quantities"]
)
def test_estimators_are_those_of_sktime(estimator):
    results = check_estimator(estimator, raise_exceptions=False, verbose=False)
    assert len(results) > 100
    assert {check: result for check, result in results.items() if result != "PASSED"} == {}


def test_channels_stand_before_time():
    expected = rnnfast.RNNClassifier(**QUICK).fit(X.transpose(0, 2, 1), LABELS).predict_proba(X.transpose(0, 2, 1))
    assert np.array_equal(rnnfast.sktime.RNNClassifier(**QUICK).fit(X, LABELS).predict_proba(X), expected)
    expected = rnnfast.RNNRegressor(**QUICK).fit(X.transpose(0, 2, 1), SUMS).predict(X.transpose(0, 2, 1))
    assert np.array_equal(rnnfast.sktime.RNNRegressor(**QUICK).fit(X, SUMS).predict(X), expected)


def test_series_of_unequal_lengths():
    pieces = [series[:, : 2 + number % 4].T for number, series in enumerate(X)]
    expected = rnnfast.RNNClassifier(**QUICK).fit(pieces, LABELS).predict(pieces)
    frames = [pd.DataFrame(piece) for piece in pieces]
    assert (rnnfast.sktime.RNNClassifier(**QUICK).fit(frames, LABELS).predict(frames) == expected).all()


def test_examples_run():
    assert doctest.testmod(rnnfast.sktime).failed == 0
