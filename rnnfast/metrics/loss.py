"""The training losses as plain NumPy, for whole tables; the kernels hold the same formulas."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]


def _squared(p: Floats, y: Floats) -> Floats:
    return np.asarray((p - y) ** 2)


def _absolute(p: Floats, y: Floats) -> Floats:
    return np.asarray(np.abs(p - y))


def _huber(p: Floats, y: Floats) -> Floats:
    error = np.abs(p - y)
    inside = np.minimum(error, 1.0)
    return np.asarray(inside * (error - 0.5 * inside))


def _cross_entropy(p: Floats, y: Floats) -> Floats:
    return np.asarray(np.maximum(p, 0) + np.log1p(np.exp(-np.abs(p))) - y * p)


def _of_classes(p: Floats, y: Floats) -> Floats:
    peak = p.max(axis=-1, keepdims=True)
    norm = np.log(np.exp(p - peak).sum(axis=-1, keepdims=True))
    return np.asarray(norm + peak - np.take_along_axis(p, y.astype(np.int64), axis=-1))


LOSSES = {"mse": _squared, "mae": _absolute, "huber": _huber, "bce": _cross_entropy, "ce": _of_classes}

# The losses that each task can be trained with, its default first.
LOSSES_OF_TASK = {
    "binary": ("bce", "mse", "mae", "huber"),
    "multiclass": ("ce",),
    "regression": ("mse", "mae", "huber"),
}


def mean_loss(name: str, outputs: Floats, targets: Floats, weight: Floats | None = None) -> float:
    """Mean over steps and outputs of mse, mae, huber, or bce on logits; mean over steps of ce on logits.

    outputs, targets: (n, O), with ce targets (n, 1), the index of the class. weight: (n,) of each step, or None for
    all alike; NaN where all are 0. Formulas as in rnnfast.kernels.rules.losses.
    """
    losses = LOSSES[name](np.asarray(outputs, np.float64), np.asarray(targets, np.float64))
    if weight is None:
        return float(np.mean(losses))
    total = float(np.sum(weight))
    return float(np.sum(losses.mean(axis=-1) * weight) / total) if total > 0 else float("nan")
