"""The estimators for aeon, which wants an older Numba than rnnfast asks for and so an environment of its own."""

import numpy as np
import pytest

aeon = pytest.importorskip("aeon")

from aeon.testing.estimator_checking import check_estimator  # noqa: E402 - where aeon is

import rnnfast  # noqa: E402
import rnnfast.aeon  # noqa: E402

COUNT, STEPS, CHANNELS = 40, 6, 2
RNG = np.random.default_rng(0)
X = RNG.normal(size=(COUNT, CHANNELS, STEPS))
SUMS = X[:, 0].sum(axis=1)
LABELS = np.where(SUMS > 0, "up", "down")
RAGGED = [series[:, : 2 + number % 4] for number, series in enumerate(X)]
QUICK = {"cell": "gru", "hidden": 8, "epochs": 3}


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize(
    "estimator", [rnnfast.aeon.RNNClassifier, rnnfast.aeon.RNNRegressor], ids=["classes", "quantities"]
)
def test_estimators_are_those_of_aeon(estimator):
    results = check_estimator(estimator, raise_exceptions=False, verbose=False)
    assert len(results) > 20
    assert {check: result for check, result in results.items() if result != "PASSED"} == {}


def test_channels_stand_before_time():
    expected = rnnfast.RNNClassifier(**QUICK).fit(X.transpose(0, 2, 1), LABELS).predict_proba(X.transpose(0, 2, 1))
    assert np.array_equal(rnnfast.aeon.RNNClassifier(**QUICK).fit(X, LABELS).predict_proba(X), expected)
    expected = rnnfast.RNNRegressor(**QUICK).fit(X.transpose(0, 2, 1), SUMS).predict(X.transpose(0, 2, 1))
    assert np.array_equal(rnnfast.aeon.RNNRegressor(**QUICK).fit(X, SUMS).predict(X), expected)


def test_series_of_unequal_lengths():
    pieces = [series.T for series in RAGGED]
    expected = rnnfast.RNNClassifier(**QUICK).fit(pieces, LABELS).predict(pieces)
    assert (rnnfast.aeon.RNNClassifier(**QUICK).fit(RAGGED, LABELS).predict(RAGGED) == expected).all()
