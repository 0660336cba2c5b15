"""The function that says what drops out: fair, independent of everything but its arguments, and the same in any lanes.

Seeds are fixed, so each test always sees the same numbers. Bounds on a statistic are those that a fair mask exceeds
less than once in a million.
"""

import numpy as np
import pytest
from numba import njit

from rnnfast.kernels.lanes.compiling import EntryCompiler
from rnnfast.kernels.lanes.span import spans
from rnnfast.kernels.lanes.specialisation import Specialisation
from rnnfast.kernels.packed.dropout import Dropout, drop
from rnnfast.network.alignment import aligned

ROWS, UNITS = 4096, 64
NORMAL_BOUND = 5.0  # standard deviations


@njit(error_model="numpy", pipeline_class=EntryCompiler)
def run(s, rows, source, target, P, ldh, dropout):
    drop(s, spans(rows), spans(source), spans(target), P, ldh, dropout)


def dropped(rate=0.5, key=7, layer=0, rows=None, units=UNITS, lanes=16, dtype="float32", value=1.0):
    """What becomes of a layer's output that is `value` everywhere: (rows, units)."""
    rows = np.arange(ROWS) if rows is None else np.asarray(rows)
    source, target = (aligned(len(rows) * units, dtype) for _ in range(2))
    source[:] = value
    run(Specialisation(W=lanes), rows, source, target, len(rows), units, Dropout(rate, key + layer))
    return target.reshape(len(rows), units)


def signs(**settings):
    """1 where an entry stays and -1 where it drops out, at a rate of one half."""
    return np.where(dropped(rate=0.5, **settings) == 0, -1.0, 1.0)


def away_from_fair(sums, count):
    """Largest sum of `count` signs, in standard deviations."""
    return np.abs(sums).max() / np.sqrt(count)


def chi_square_bound(degrees):
    """What a sum of squares of so many standard normal numbers exceeds once in a million (Wilson, Hilferty 1931)."""
    return degrees * (1 - 2 / (9 * degrees) + 4.75 * np.sqrt(2 / (9 * degrees))) ** 3


@pytest.mark.parametrize("rate", [0.01, 0.3, 0.9])
def test_the_share_is_the_rate(rate):
    out = dropped(rate)
    assert set(np.unique(out)) == {np.float32(0), np.float32(1 / (1 - rate))}
    spread = np.sqrt(rate * (1 - rate) / out.size)
    assert abs((out == 0).mean() - rate) < NORMAL_BOUND * spread


@pytest.mark.parametrize("axis", ["rows", "units"])
@pytest.mark.parametrize("rate", [0.1, 0.5])
def test_each_row_and_each_unit_gets_its_share(axis, rate):
    zeros = dropped(rate) == 0
    counts = zeros.sum(axis={"rows": 1, "units": 0}[axis])
    trials = zeros.size / len(counts)
    assert ((counts - rate * trials) ** 2).sum() / (trials * rate * (1 - rate)) < chi_square_bound(len(counts))


def test_no_two_units_drop_out_together():
    mask = signs()
    pairs = np.triu_indices(UNITS, 1)
    sums = (mask.T @ mask)[pairs]
    assert (sums**2).sum() / ROWS < chi_square_bound(len(sums))
    assert away_from_fair(sums, ROWS) < 6  # of 2016 pairs


@pytest.mark.parametrize("distance", [1, 2, 3, 16, 64, 256, 1024])
def test_no_two_rows_drop_out_together(distance):
    mask = signs()
    sums = (mask[distance:] * mask[:-distance]).sum(axis=0)
    assert (sums**2).sum() / (ROWS - distance) < chi_square_bound(UNITS)
    assert away_from_fair(sums.sum(), (ROWS - distance) * UNITS) < NORMAL_BOUND


def test_no_row_is_another_one_moved_along_its_units():
    """As those of a counter would be that runs on from row to row."""
    mask = signs()
    for row in range(1, 5):
        for shift in range(1, UNITS // 2):
            one, other = mask[row:, shift:], mask[:-row, :-shift]
            assert away_from_fair((one * other).sum(), one.size) < 6


@pytest.mark.parametrize(
    "other",
    [{"layer": 1}, {"layer": 2}, {"key": 7 + 64}, {"key": 7 + 128}, {"key": 7 + 1000003}, {"key": 8 + (1 << 32)}],
    ids=["next layer", "layer after", "next update", "update after", "next seed", "high bits"],
)
def test_layers_updates_and_seeds_drop_out_independently(other):
    assert away_from_fair((signs() * signs(**other)).sum(), ROWS * UNITS) < NORMAL_BOUND


def test_every_pattern_of_four_neighbours_is_as_frequent():
    """There are 16."""
    patterns = ((dropped() == 0).reshape(-1, 4) @ (1, 2, 4, 8)).astype(int)
    counts, mean = np.bincount(patterns, minlength=16), patterns.size / 16
    assert ((counts - mean) ** 2).sum() / mean < chi_square_bound(15)


def test_lanes_and_precision_do_not_matter():
    expected = dropped(0.3) == 0
    for lanes in (1, 8, 64):
        for dtype in ("float32", "float64"):
            np.testing.assert_array_equal(dropped(0.3, lanes=lanes, dtype=dtype) == 0, expected)


def test_a_row_drops_out_alike_wherever_it_is_packed():
    rows = np.random.default_rng(0).permutation(ROWS)[:100]
    np.testing.assert_array_equal(dropped(rows=rows), dropped()[rows])


def test_a_unit_drops_out_alike_in_a_layer_of_any_width():
    np.testing.assert_array_equal(dropped(units=16), dropped(units=64)[:, :16])


def test_nan_stays_nan():
    assert np.isnan(dropped(value=np.nan)).all()


def test_a_rate_of_almost_1_leaves_almost_nothing():
    assert (dropped(1 - 1e-12) == 0).all()
