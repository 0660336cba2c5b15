"""Intervals by the bootstrap over owners, against a plain loop over the same draws."""

import numpy as np
import pytest
from ids import cases
from tolerances import SUMS

from rnnfast.metrics import bootstrap
from rnnfast.metrics.binary import binary, binary_measures
from rnnfast.metrics.bootstrap import Resamples, intervals, paired
from rnnfast.metrics.multiclass import multiclass, multiclass_measures
from rnnfast.metrics.regression import regression, regression_measures

ROWS, OWNERS = 300, 17


def two_classes(rng):
    p = np.round(rng.random(ROWS), 2)  # with ties
    y = rng.random(ROWS) < p
    return y, p, lambda over: binary_measures(y, p, 0.5, over), lambda y, p, w: binary(y, p, weight=w)


def rare_class(rng):
    p = rng.random(ROWS)
    y = np.arange(ROWS) % 100 == 0
    return y, p, lambda over: binary_measures(y, p, 0.5, over), lambda y, p, w: binary(y, p, weight=w)


def several_classes(rng):
    p = rng.dirichlet([1, 1, 1], ROWS)
    y = rng.integers(0, 3, ROWS)
    return y, p, lambda over: multiclass_measures(y, p, over), lambda y, p, w: multiclass(y, p, weight=w)


def quantities(rng):
    y = rng.normal(100, 1, (ROWS, 2))
    p = y + rng.normal(size=(ROWS, 2))
    return y, p, lambda over: regression_measures(y, p, over), lambda y, p, w: regression(y, p, weight=w)


@pytest.mark.parametrize("weighted", [False, True], ids=["rows alike", "weighted rows"])
@pytest.mark.parametrize("make", [two_classes, rare_class, several_classes, quantities])
def test_resamples_equal_a_loop_over_the_same_draws(make, weighted):
    rng = np.random.default_rng(0)
    y, p, measures, score = make(rng)
    owner = np.sort(rng.integers(0, OWNERS, ROWS))
    weight = rng.random(ROWS) + 0.1 if weighted else None
    over = Resamples.of(owner, weight, resamples=20, seed=3)
    assert (over.counts.sum(axis=1) == over.units).all()
    values = measures(over)
    for k, counts in enumerate(over.counts.astype(int)):
        rows = np.repeat(np.arange(ROWS), counts[over.unit])
        expected = score(y[rows], p[rows], None if weight is None else weight[rows])
        for name, resampled in values.items():
            if expected[name] is None:
                assert np.isnan(resampled[k]), name
            else:
                assert resampled[k] == pytest.approx(expected[name], rel=1e3 * SUMS, abs=SUMS), name


def test_a_seed_draws_the_same_and_another_seed_others():
    owner = np.repeat(np.arange(9), 4)
    first, again, other = (Resamples.of(owner, seed=seed).counts for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_owners_are_drawn_and_not_rows():
    # All rows of an owner are alike: so many rows tell no more than as many owners.
    rng = np.random.default_rng(0)
    right = np.repeat(rng.random(40) < 0.5, 100)
    y, p = np.ones(4000), np.where(right, 0.9, 0.1)
    widths = []
    for owner in (np.repeat(np.arange(40), 100), np.arange(4000)):
        low, high = intervals(binary_measures(y, p, 0.5, Resamples.of(owner)), 95)["accuracy"]
        widths.append(high - low)
    assert widths[0] == pytest.approx(2 * 1.96 * np.sqrt(0.25 / 40), rel=0.15)
    assert widths[1] == pytest.approx(widths[0] / 10, rel=0.15)


@pytest.mark.parametrize("share", [0.5, 0.05], ids=["balanced", "rare"])
def test_pooling_changes_intervals_less_than_the_draws_do(share, monkeypatch):
    rng = np.random.default_rng(0)
    y = rng.random(2000) < share
    p = np.clip(rng.normal(np.where(y, 0.6, 0.4), 0.2), 0, 1)

    def ends():
        ci = intervals(binary_measures(y, p, 0.5, Resamples.of(np.arange(2000))), 95)
        return np.array([ci[name] for name in ("auroc", "auprc", "accuracy", "log_loss")])

    exact = ends()
    monkeypatch.setattr(bootstrap, "MOST_UNITS", 400)
    monkeypatch.setattr(bootstrap, "MOST_SCORES", 200)
    pooled = ends()
    width = exact[:, 1] - exact[:, 0]
    assert (np.abs(pooled - exact).max(axis=1) < 0.12 * width).all()


@pytest.mark.parametrize(
    ("y", "name"),
    cases({"one class": ([1, 1, 1, 1], "auroc"), "constant quantity": ([2.0, 2.0, 2.0, 2.0], "r2")}),
)
def test_what_is_undefined_has_no_interval(y, name):
    over = Resamples.of(np.arange(4), resamples=10)
    p = np.array([0.1, 0.2, 0.3, 0.4])
    values = binary_measures(y, p, 0.5, over) if name == "auroc" else regression_measures(y, p, over)
    assert intervals(values, 95)[name] is None


def test_paired_differences_are_narrower_than_the_intervals():
    rng = np.random.default_rng(0)
    y = rng.normal(size=2000)
    noise = rng.normal(size=2000)
    over = Resamples.of(np.arange(2000))
    first, second = (regression_measures(y, y + noise + shift, over) for shift in (0.0, 0.2))
    point = {"rmse": regression(y, y + noise)["rmse"] - regression(y, y + noise + 0.2)["rmse"]}
    difference = paired({"rmse": first["rmse"]}, second, point, 95)["rmse"]
    low, high = difference.interval
    assert low < difference.difference < high < 0
    assert difference.certain
    assert difference.higher == 0
    each = intervals(first, 95)["rmse"]
    assert high - low < each[1] - each[0]


def test_no_line_is_executed_for_each_row():
    from counting import lines_executed

    def lines(rows):
        rng = np.random.default_rng(2)
        p = rng.random(rows)
        over = Resamples.of(np.arange(rows) // 10, resamples=10)
        return lines_executed(lambda: binary_measures(rng.random(rows) < p, p, 0.5, over))

    lines(100)  # imports what is imported at first use
    assert lines(60_000) == lines(30_000)
