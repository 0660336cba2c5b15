"""Metrics of a regression, in the units of the target.

    mae = mean |p - y|        rmse = sqrt(mean (p - y)^2)        mape = mean |p - y| / |y| over the rows with y != 0
    r2 = 1 - sum (p - y)^2 / sum (y - mean y)^2                  within_5pct = share of rows with |p - y| <= 0.05 |y|

All sums are of the weights of rows, 1 where none are told. mape is a fraction (0.1 is 10 %), with |y| not below 2.2e-16
in the denominator. The figures equal scikit-learn's, with its sample_weight, but where that divides by almost nothing
or warns: mape leaves out the rows with y = 0 (None where all are) and divides by the number of the others; r2 is None
for a constant target; all are None without rows; a figure that is not finite is None.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rnnfast.catalogue import QUANTITIES, Metric, metrics_of
from rnnfast.metrics.figures import Figures, Measures, figures, measures
from rnnfast.metrics.whole import EACH_ROW, Floats, Over, Whole, ratio


@dataclass(frozen=True)
class Answers:
    """Labels y (n,) and predictions p (n,) of one target, how rows are summed, and what metrics need of these."""

    y: Floats
    p: Floats
    over: Over = EACH_ROW

    @cached_property
    def error(self) -> Floats:
        """(n,), absolute error."""
        return np.abs(self.p - self.y)

    @cached_property
    def size(self) -> Floats:
        """(n,), |y|."""
        return np.abs(self.y)

    @cached_property
    def squares(self) -> Floats:
        """(n,), squared error."""
        return np.square(self.error)

    def mean(self, values: NDArray[Any]) -> Floats:
        """(R,), the mean of (n,) values."""
        return self.over.sum(values) / self.over.total(len(values))


def regression(y: ArrayLike, p: ArrayLike, metrics: Iterable[Metric] = (), weight: Floats | None = None) -> Figures:
    """Compute metrics of a regression.

    Reads:  y (n,) or (n, O), true values; p, the same shape, predictions in the same units; metrics: () for all;
            weight: (n,) above 0, None for all alike.
    Returns: name -> figure; mae and rmse in units of y, the others fractions. With several targets each is the mean
             over the targets where it is defined, every target alike (scikit-learn's uniform average); None where it is
             defined for none. Undefined figures: see the module.
    """
    return figures(regression_measures(y, p, Whole(weight), metrics))


def regression_measures(y: ArrayLike, p: ArrayLike, over: Over, metrics: Iterable[Metric] = ()) -> Measures:
    """Compute metrics of a regression, name -> (R,), for each time that `over` sums rows; others as of `regression`."""
    entries = tuple(metrics) or metrics_of(QUANTITIES)
    truth = np.asarray(y, dtype=np.float64)
    predicted = np.asarray(p, dtype=np.float64)
    if truth.shape != predicted.shape:
        raise ValueError(f"y has shape {truth.shape} and p {predicted.shape}; they must be equal")
    if truth.ndim == 1:
        return measures(entries, FORMULAS, Answers(truth, predicted, over), rows=truth.size)
    each = [regression_measures(truth[:, k], predicted[:, k], over, entries) for k in range(truth.shape[1])]
    return {metric.name: _mean_of_defined([values[metric.name] for values in each]) for metric in entries}


def _mape(answers: Answers) -> Floats:
    """Mean relative error over the rows with a target other than 0; NaN where there is none."""
    used = answers.size > 0
    # scikit-learn's floor of the denominator.
    relative = np.where(used, answers.error / np.maximum(answers.size, np.finfo(np.float64).eps), 0.0)
    weight = answers.over.sum(used)
    return np.where(weight > 0, ratio(answers.over.sum(relative), weight), np.nan)


def _r2(answers: Answers) -> Floats:
    """Coefficient of determination; NaN for a constant target."""
    total = answers.over.variation(answers.y)
    return np.where(total > 0, 1.0 - ratio(answers.over.sum(answers.squares), total), np.nan)


FORMULAS: dict[str, Callable[[Answers], Floats]] = {
    "mae": lambda answers: answers.mean(answers.error),
    "rmse": lambda answers: np.sqrt(answers.mean(answers.squares)),
    "mape": _mape,
    "r2": _r2,
    "within_5pct": lambda answers: answers.mean(answers.error <= 0.05 * answers.size),
    "within_10pct": lambda answers: answers.mean(answers.error <= 0.10 * answers.size),
}


def _mean_of_defined(values: list[Floats]) -> Floats:
    """Return the mean (R,) over the targets where a figure is finite; NaN where it is for none."""
    stacked = np.stack(values, axis=1)
    defined = np.isfinite(stacked)
    number = defined.sum(axis=1)
    return np.where(number > 0, ratio(np.where(defined, stacked, 0.0).sum(axis=1), number), np.nan)
