"""Metrics of a regression, in the units of the target.

    mae = mean |p - y|        rmse = sqrt(mean (p - y)^2)        mape = mean |p - y| / |y| over the rows with y != 0
    r2 = 1 - sum (p - y)^2 / sum (y - mean y)^2                  within_5pct = share of rows with |p - y| <= 0.05 |y|

mape is a fraction (0.1 is 10 %), with |y| not below 2.2e-16 in the denominator. The figures equal scikit-learn's, but
where that divides by almost nothing or warns: mape leaves out the rows with y = 0 (None where all are) and divides by
the number of the others; r2 is None for a constant target; all are None without rows; a figure that is not finite is
None.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rnnfast.catalogue import QUANTITIES, Metric, metrics_of
from rnnfast.metrics.figures import Figures, figures, finite

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Answers:
    """Labels y (n,) and predictions p (n,) of one target, and what several metrics need of them, computed once."""

    y: Floats
    p: Floats

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


def regression(y: ArrayLike, p: ArrayLike, metrics: Iterable[Metric] = ()) -> Figures:
    """Compute metrics of a regression.

    Reads:  y (n,) or (n, O), true values; p, the same shape, predictions in the same units; metrics: () for all.
    Returns: name -> figure; mae and rmse in units of y, the others fractions. With several targets each is the mean
             over the targets where it is defined, every target alike (scikit-learn's uniform average); None where it is
             defined for none. Undefined figures: see the module.
    """
    chosen = tuple(metrics) or metrics_of(QUANTITIES)
    truth = np.asarray(y, dtype=np.float64)
    predicted = np.asarray(p, dtype=np.float64)
    if truth.shape != predicted.shape:
        raise ValueError(f"y has shape {truth.shape} and p {predicted.shape}; they must be equal")
    if truth.ndim == 1:
        return _one_target(truth, predicted, chosen)
    each = [_one_target(truth[:, k], predicted[:, k], chosen) for k in range(truth.shape[1])]
    return {metric.name: _mean_of_defined([values[metric.name] for values in each]) for metric in chosen}


def _one_target(y: Floats, p: Floats, metrics: tuple[Metric, ...]) -> Figures:
    """Compute the metrics of one target: y (n,), p (n,)."""
    with np.errstate(over="ignore", invalid="ignore"):
        values = figures(metrics, FORMULAS, Answers(y, p), rows=y.size)
    return {name: None if value is None else finite(value) for name, value in values.items()}


def _mape(answers: Answers) -> float:
    """Mean relative error over the rows with a target other than 0; NaN where there is none."""
    used = answers.size > 0
    if not used.any():
        return math.nan
    # scikit-learn's floor of the denominator.
    return float(np.mean(answers.error[used] / np.maximum(answers.size[used], np.finfo(np.float64).eps)))


def _r2(answers: Answers) -> float:
    """Coefficient of determination; NaN for a constant target.

    Constancy is asked of the values: the rounding of their mean would make the variance tiny instead of 0.
    """
    y = answers.y
    if y.min() == y.max():
        return math.nan
    total = float(np.sum(np.square(y - np.mean(y))))
    return 1.0 - float(np.sum(answers.squares)) / total if total > 0 else math.nan


FORMULAS: dict[str, Callable[[Answers], float | None]] = {
    "mae": lambda answers: float(np.mean(answers.error)),
    "rmse": lambda answers: math.sqrt(float(np.mean(answers.squares))),
    "mape": _mape,
    "r2": _r2,
    "within_5pct": lambda answers: float(np.mean(answers.error <= 0.05 * answers.size)),
    "within_10pct": lambda answers: float(np.mean(answers.error <= 0.10 * answers.size)),
}


def _mean_of_defined(values: list[float | None]) -> float | None:
    defined = [value for value in values if value is not None]
    return sum(defined) / len(defined) if defined else None
