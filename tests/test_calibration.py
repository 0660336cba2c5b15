"""Calibration: bins against a plain loop, the temperature against other ones, and what class weights do."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnfast.metrics.calibration import BINS, COLDEST, HOTTEST, bent, calibration, temperature


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def log_loss(logits, y, heat):
    """Row by row, of labels that are doubted: of two classes as Platt does."""
    z, total = logits / heat, 0.0
    several = logits.shape[1] != y.shape[1]
    counts = {label: np.count_nonzero(y == label) for label in np.unique(y)}
    for row, label in zip(z, y[:, 0], strict=True):
        doubt = 1 / ((len(y) if several else counts[label]) + 2)
        if several:
            share = np.full(len(row), doubt / (len(row) - 1))
            share[int(label)] = 1 - doubt
            total += np.logaddexp.reduce(row) - share @ row
        else:
            total += np.logaddexp(0, row[0]) - row[0] * (1 - doubt if label else doubt)
    return total / len(y)


@given(st.lists(st.tuples(st.sampled_from([0.0, 0.01, 0.2, 0.5, 1.0]), st.booleans()), min_size=1, max_size=80))
def test_bins_hold_equal_probabilities_together_and_all_rows(rows):
    p, right = (np.array(column) for column in zip(*rows, strict=True))
    scores = calibration(p.astype(float), right.astype(bool))
    assert sum(one.rows for one in scores.bins) == len(rows)
    assert len(scores.bins) <= BINS
    probabilities = [one.probability for one in scores.bins]
    assert probabilities == sorted(probabilities)
    ece = sum(one.rows * abs(one.probability - one.share) for one in scores.bins) / len(rows)
    assert scores.ece == pytest.approx(ece, abs=1e-12)
    assert scores.probability == pytest.approx(p.mean())
    assert scores.share == pytest.approx(right.mean())


def test_bins_of_different_probabilities_are_equally_large():
    random = np.random.default_rng(0)
    p = random.random(3000)
    right = random.random(3000) < p**2
    order = np.argsort(p)
    pieces = np.array_split(order, BINS)
    ece = sum(abs(p[piece].sum() - right[piece].sum()) for piece in pieces) / len(p)
    scores = calibration(p, right)
    assert [one.rows for one in scores.bins] == [len(piece) for piece in pieces]
    assert scores.ece == pytest.approx(ece, abs=1e-12)


def test_nothing_to_compare():
    assert calibration(np.empty(0), np.empty(0, bool)) is None
    assert calibration(np.array([0.5, np.nan]), np.array([True, False])) is None


@pytest.mark.parametrize("true", [0.5, 1.0, 4.0])
@pytest.mark.parametrize("classes", [1, 3])
def test_the_temperature_is_the_one_of_least_log_loss(true, classes):
    random = np.random.default_rng(1)
    z = random.normal(size=(4000, classes)) * 3
    if classes == 1:
        y = (random.random((4000, 1)) < sigmoid(z / true)).astype(float)
    else:
        y = (z / true + random.gumbel(size=z.shape)).argmax(axis=1, keepdims=True).astype(float)
    heat = temperature(z, y)
    assert heat == pytest.approx(true, rel=0.15)
    assert log_loss(z, y, heat) <= min(log_loss(z, y, heat * other) for other in (0.98, 0.999, 1.001, 1.02))


def test_weights_count_as_repeated_rows():
    random = np.random.default_rng(2)
    z, y, weight = random.normal(size=(50, 1)), (random.random((50, 1)) < 0.4) * 1.0, random.integers(0, 4, 50)
    repeated = temperature(np.repeat(z, weight, axis=0), np.repeat(y, weight, axis=0))
    assert temperature(z, y, weight.astype(float)) == pytest.approx(repeated, rel=1e-9)


def test_a_part_without_a_mistake_asks_for_no_certainty():
    z = np.linspace(-4, 4, 200)[:, None]
    assert 0.05 < temperature(z, (z > 0) * 1.0) < 1
    classes = np.eye(3)[np.arange(90) % 3] * 5
    assert 0.5 < temperature(classes, np.arange(90)[:, None] % 3) < 5


def test_few_rows_of_each_of_many_classes_do_not_ask_for_doubt():
    """A network that is right in 99 of 100 and as sure as that is left as it is."""
    random = np.random.default_rng(3)
    z = random.normal(size=(400, 20))
    y = (12 * z + random.gumbel(size=z.shape)).argmax(axis=1)
    assert temperature(12 * z, y[:, None].astype(float)) == pytest.approx(1, abs=0.2)


def test_a_temperature_has_bounds():
    z = np.array([[-2.0], [-1.0], [1.0], [800.0]])
    assert temperature(z, (z < 0) * 1.0) == pytest.approx(HOTTEST)
    assert temperature(z * 1e-9, (z > 0) * 1.0) == pytest.approx(COLDEST)


def test_class_weights_that_bend_probabilities_are_told():
    right = np.arange(100) < 2
    high, fair = np.full(100, 0.3), np.full(100, 0.02)
    assert "odds are about 50 times" in bent(calibration(high, right), (0.5, 25.0))
    assert bent(calibration(fair, right), (0.5, 25.0)) is None
    assert bent(calibration(high, right), ()) is None
    assert bent(None, (0.5, 25.0)) is None
