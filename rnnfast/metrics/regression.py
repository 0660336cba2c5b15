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

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rnnfast.metrics.binary import Metrics, finite

_KEYS = ("mae", "rmse", "mape", "r2", "within_5pct", "within_10pct")


def regression(y: ArrayLike, p: ArrayLike) -> Metrics:
    """Compute all metrics of a regression.

    Reads:  y (n,) or (n, O), true values; p, the same shape, predictions in the same units.
    Returns: mae, rmse (units of y), mape, r2, within_5pct, within_10pct (fractions). With several targets each is the
             mean over the targets where it is defined, every target alike (scikit-learn's uniform average); None where
             it is defined for none. Undefined figures: see the module.
    """
    truth = np.asarray(y, dtype=np.float64)
    predicted = np.asarray(p, dtype=np.float64)
    if truth.shape != predicted.shape:
        raise ValueError(f"y has shape {truth.shape} and p {predicted.shape}; they must be equal")
    if truth.ndim == 1:
        return _one_target(truth, predicted)
    each = [_one_target(truth[:, k], predicted[:, k]) for k in range(truth.shape[1])]
    return {key: _mean_of_defined([figures[key] for figures in each]) for key in _KEYS}


def _one_target(y: NDArray[np.float64], p: NDArray[np.float64]) -> Metrics:
    """Compute the metrics of one target: y (n,), p (n,)."""
    if y.size == 0:
        return dict.fromkeys(_KEYS)
    with np.errstate(over="ignore", invalid="ignore"):
        error = np.abs(p - y)
        size = np.abs(y)
        squares = np.square(error)
        figures = {
            "mae": float(np.mean(error)),
            "rmse": math.sqrt(float(np.mean(squares))),
            "mape": _mape(error, size),
            "r2": _r2(y, float(np.sum(squares))),
            "within_5pct": float(np.mean(error <= 0.05 * size)),
            "within_10pct": float(np.mean(error <= 0.10 * size)),
        }
    return {key: finite(value) for key, value in figures.items()}


def _mape(error: NDArray[np.float64], size: NDArray[np.float64]) -> float:
    """Mean relative error over the rows with a target other than 0; NaN where there is none."""
    used = size > 0
    if not used.any():
        return math.nan
    # scikit-learn's floor of the denominator.
    return float(np.mean(error[used] / np.maximum(size[used], np.finfo(np.float64).eps)))


def _r2(y: NDArray[np.float64], squared_error: float) -> float:
    """Coefficient of determination; NaN for a constant target.

    Constancy is asked of the values: the rounding of their mean would make the variance tiny instead of 0.
    """
    if y.min() == y.max():
        return math.nan
    total = float(np.sum(np.square(y - np.mean(y))))
    return 1.0 - squared_error / total if total > 0 else math.nan


def _mean_of_defined(values: list[float | None]) -> float | None:
    defined = [value for value in values if value is not None]
    return sum(defined) / len(defined) if defined else None
