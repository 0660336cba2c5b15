"""The training losses for whole tables: the formulas of the kernels, computed by NumPy."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnfast.catalogue import LOSSES, implementation
from rnnfast.equations.evaluate import evaluate
from rnnfast.equations.graph import Node
from rnnfast.equations.losses import LOSSES as FORMULAS

Floats = NDArray[np.floating[Any]]

OUTPUT, LABEL = Node("input", "loss", "p"), Node("input", "loss", "y")


@np.errstate(over="ignore", invalid="ignore")
def step_losses(name: str, outputs: Floats, labels: Floats) -> NDArray[np.float64]:
    """Loss of each step (n,), the mean over its outputs; arguments as of `mean_loss`."""
    return np.asarray(_losses(name, outputs, labels).mean(axis=-1))


@np.errstate(over="ignore", invalid="ignore")
def mean_loss(name: str, outputs: Floats, labels: Floats, weight: Floats | None = None) -> float:
    """Mean of a loss over steps and outputs, or over steps alone of a loss that is one number for each.

    outputs, labels: (n, O), of a loss per step labels (n, 1), the index of the class. weight: (n,) of each step, or
    None for all alike; NaN where all are 0. What exceeds float64 is infinite.
    """
    losses = _losses(name, outputs, labels)
    if weight is None:
        return float(np.mean(losses))
    total = float(np.sum(weight))
    return float(np.sum(losses.mean(axis=-1) * weight) / total) if total > 0 else float("nan")


def _losses(name: str, outputs: Floats, labels: Floats) -> Floats:
    """Return the loss of each output (n, O), or of each step (n, 1)."""
    p, y = np.asarray(outputs, np.float64), np.asarray(labels, np.float64)
    return _of_classes(p, y) if LOSSES[name].per_step else _of_outputs(name, p, y)


def _of_outputs(name: str, p: Floats, y: Floats) -> Floats:
    """Return the loss of each output, (n, O)."""
    formula = implementation("loss", name, FORMULAS)
    return evaluate([formula(OUTPUT, LABEL)], {OUTPUT: p, LABEL: y})[0]


def _of_classes(p: Floats, y: Floats) -> Floats:
    """Return log sum_o e^{p_o} - p_y of each step, (n, 1)."""
    peak = p.max(axis=-1, keepdims=True)
    norm = np.log(np.exp(p - peak).sum(axis=-1, keepdims=True))
    return np.asarray(norm + peak - np.take_along_axis(p, y.astype(np.int64), axis=-1))
