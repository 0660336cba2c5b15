"""The training losses as plain NumPy, for whole tables; the kernels hold the same formulas."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]


def _squared(p: Floats, y: Floats) -> Floats:
    return np.asarray((p - y) ** 2)


def _cross_entropy(p: Floats, y: Floats) -> Floats:
    return np.asarray(np.maximum(p, 0) + np.log1p(np.exp(-np.abs(p))) - y * p)


LOSSES = {"mse": _squared, "bce": _cross_entropy}


def mean_loss(name: str, outputs: Floats, targets: Floats, weight: Floats | None = None) -> float:
    """Mean over steps and outputs of mse, or of bce on logits.

    outputs, targets: (n, O). weight: (n,) of each step, or None for all alike. Formulas as in rnnfast.kernels.losses.
    """
    losses = LOSSES[name](np.asarray(outputs, np.float64), np.asarray(targets, np.float64))
    if weight is None:
        return float(np.mean(losses))
    total = float(np.sum(weight))
    return float(np.sum(losses.mean(axis=-1) * weight) / total) if total > 0 else 0.0
