"""What a prediction without any input reaches: the shares of the classes or the mean of the training targets; and what
repeating a known target reaches, where the target is one of a later step.

A model is worth its name only where it beats these figures on the same rows.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from rnnfast.metrics.binary import Metrics, binary
from rnnfast.metrics.multiclass import balanced_accuracy, class_scores, multiclass
from rnnfast.metrics.regression import regression

OF_LABELS = ("accuracy", "balanced_accuracy", "precision", "recall", "specificity", "f1", "mcc")  # need no probability


def baseline_binary(share: float, y: ArrayLike) -> Metrics:
    """Score the training share of positives as everyone's probability; by the threshold 0.5, the majority class.

    Reads:  share of positives among the training labels, y (n,), 0 or 1.
    Returns: the keys of `binary`; auroc is 0.5 and auprc the share of positives in y, None where y has one class.
    """
    return binary(y, np.full(np.size(y), share, dtype=np.float64))


def baseline_multiclass(shares: ArrayLike, y: ArrayLike) -> Metrics:
    """Score the training shares of the classes as everyone's probabilities; the majority class is predicted.

    Reads:  shares (C,) of the training labels, y (n,), index of the class.
    Returns: the keys of `multiclass`.
    """
    row = np.asarray(shares, dtype=np.float64)
    return multiclass(y, np.broadcast_to(row, (np.size(y), row.size)))


def baseline_regression(mean: ArrayLike, y: ArrayLike) -> Metrics:
    """Score the training mean of each target as everyone's prediction.

    Reads:  mean () or (O,) of the training targets, y (n,) or (n, O), in the same units.
    Returns: the keys of `regression`.
    """
    truth = np.asarray(y, dtype=np.float64)
    return regression(truth, np.broadcast_to(np.asarray(mean, dtype=np.float64), truth.shape))


def baseline_repeated(task: str, y: ArrayLike, repeated: ArrayLike, classes: int = 0) -> Metrics:
    """Score known targets of earlier steps as the predictions of later ones.

    Reads:  y and repeated (n, O), targets of a regression in the same units, or (n, 1) indices of the classes, of which
            a multiclass task has so many.
    Returns: the keys of `regression`, or those of `binary` and `multiclass` that labels without probabilities have.
    """
    truth, answer = np.asarray(y, dtype=np.float64), np.asarray(repeated, dtype=np.float64)
    if task == "regression":
        return regression(truth, answer)
    if task == "binary":
        scores = binary(truth[:, 0], answer[:, 0])
        return {name: scores[name] for name in OF_LABELS}
    pairs = (truth[:, 0] * classes + answer[:, 0]).astype(np.int64)
    counts = np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)
    scores = class_scores(counts)
    return {
        "accuracy": scores["accuracy"],
        "balanced_accuracy": balanced_accuracy(counts) if len(pairs) else None,
        "macro_f1": scores["macro_f1"],
    }
