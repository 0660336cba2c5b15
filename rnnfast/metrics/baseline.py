"""What a prediction without any input reaches: the share of positives or the mean of the training targets.

A model is worth its name only where it beats these figures on the same rows.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from rnnfast.metrics.binary import Metrics, binary
from rnnfast.metrics.regression import regression


def baseline_binary(y_train: ArrayLike, y: ArrayLike) -> Metrics:
    """Score the training share of positives as everyone's probability; by the threshold 0.5, the majority class.

    Reads:  y_train (m,), y (n,), 0 or 1.
    Returns: the keys of `binary`; auroc is 0.5 and auprc the share of positives in y, None where y has one class.
    Raises:  ValueError for an empty y_train.
    """
    train = np.asarray(y_train, dtype=np.float64).reshape(-1)
    if train.size == 0:
        raise ValueError("y_train is empty; the baseline needs a training target")
    return binary(y, np.full(np.size(y), np.mean(train)))


def baseline_regression(y_train: ArrayLike, y: ArrayLike) -> Metrics:
    """Score the training mean of each target as everyone's prediction.

    Reads:  y_train (m,) or (m, O), y (n,) or (n, O), in the same units.
    Returns: the keys of `regression`.
    Raises:  ValueError for an empty y_train.
    """
    train = np.asarray(y_train, dtype=np.float64)
    truth = np.asarray(y, dtype=np.float64)
    if train.shape[0] == 0:
        raise ValueError("y_train is empty; the baseline needs a training target")
    if train.shape[1:] != truth.shape[1:]:
        raise ValueError(f"y_train has targets of shape {train.shape[1:]} and y {truth.shape[1:]}; they must be equal")
    return regression(truth, np.broadcast_to(np.mean(train, axis=0), truth.shape))
