"""What a prediction without any input reaches: the shares of the classes or the mean of the training targets.

A model is worth its name only where it beats these figures on the same rows. weight: (n,) of the rows, None for all
alike.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from rnnfast.metrics.binary import binary
from rnnfast.metrics.figures import Figures
from rnnfast.metrics.multiclass import multiclass
from rnnfast.metrics.regression import regression
from rnnfast.metrics.whole import Floats


def baseline_binary(share: float, y: ArrayLike, weight: Floats | None = None) -> Figures:
    """Score the training share of positives as everyone's probability; by the threshold 0.5, the majority class.

    Reads:  share of positives among the training labels, y (n,), 0 or 1.
    Returns: the keys of `binary`; auroc is 0.5 and auprc the share of positives in y, None where y has one class.
    """
    return binary(y, np.full(np.size(y), share, dtype=np.float64), weight=weight)


def baseline_multiclass(shares: ArrayLike, y: ArrayLike, weight: Floats | None = None) -> Figures:
    """Score the training shares of the classes as everyone's probabilities; the majority class is predicted.

    Reads:  shares (C,) of the training labels, y (n,), index of the class.
    Returns: the keys of `multiclass`.
    """
    row = np.asarray(shares, dtype=np.float64)
    return multiclass(y, np.broadcast_to(row, (np.size(y), row.size)), weight=weight)


def baseline_regression(mean: ArrayLike, y: ArrayLike, weight: Floats | None = None) -> Figures:
    """Score the training mean of each target as everyone's prediction.

    Reads:  mean () or (O,) of the training targets, y (n,) or (n, O), in the same units.
    Returns: the keys of `regression`.
    """
    truth = np.asarray(y, dtype=np.float64)
    return regression(truth, np.broadcast_to(np.asarray(mean, dtype=np.float64), truth.shape), weight=weight)
