"""Metrics of a target with classes, from the counts of a confusion matrix and from probabilities.

    recall_c = n_cc / actual_c      balanced accuracy = mean recall of the classes that occur among the labels
    f1_c = 2 n_cc / (actual_c + predicted_c)
    macro_f1 = mean f1 of the classes that occur among the labels or the predictions
    log_loss = -mean ln p(class of the label), p clipped to [eps, 1 - eps], eps = 2.2e-16 (of float64)

The predicted class is the one with the highest probability, the first of equal ones. The figures equal
scikit-learn's (with zero_division=0: a class that is never predicted right has the f1 0); log_loss is None where a
probability is NaN; all are None without rows.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rnnfast.metrics.binary import Metrics

Counts = NDArray[np.int64]

_KEYS = ("accuracy", "balanced_accuracy", "macro_f1", "log_loss")


def multiclass(y: ArrayLike, p: ArrayLike) -> Metrics:
    """Compute all metrics of a target with classes.

    Reads:  y (n,) or (n, 1), index of the class; p (n, C), probability of each class.
    Returns: accuracy, balanced_accuracy, macro_f1, shares in [0, 1]; log_loss in nats. Undefined figures: see the
             module.
    """
    label, probability = _columns(y, p)
    if not label.size:
        return dict.fromkeys(_KEYS)
    counts = _counts(label, probability)
    return {
        "accuracy": None,  # holds its place
        "balanced_accuracy": balanced_accuracy(counts),
        **class_scores(counts),
        "log_loss": _log_loss(label, probability),
    }


def multiclass_confusion(y: ArrayLike, p: ArrayLike) -> Counts:
    """Count the rows by class (first axis) and prediction (second axis): (C, C); arguments as of `multiclass`."""
    return _counts(*_columns(y, p))


def class_scores(counts: Counts) -> Metrics:
    """Compute accuracy and macro_f1, each None without rows, of a confusion matrix (C, C)."""
    total = int(counts.sum())
    if not total:
        return {"accuracy": None, "macro_f1": None}
    right, both = np.diag(counts), counts.sum(axis=0) + counts.sum(axis=1)
    occurs = both > 0
    return {"accuracy": int(right.sum()) / total, "macro_f1": float(np.mean(2 * right[occurs] / both[occurs]))}


def _columns(y: ArrayLike, p: ArrayLike) -> tuple[Counts, NDArray[np.float64]]:
    """Return y as indices (n,) and p as float64 (n, C); ValueError where they do not pair up."""
    probability = np.asarray(p, dtype=np.float64)
    truth: NDArray[Any] = np.asarray(y).reshape(-1)
    if probability.ndim != 2 or len(truth) != len(probability):
        raise ValueError(f"y has {truth.size} values and p the shape {probability.shape}; p must be (rows, classes)")
    if not np.all((truth >= 0) & (truth < probability.shape[1]) & (truth == np.floor(truth))):
        raise ValueError(f"y must hold whole numbers from 0 to {probability.shape[1] - 1}; leave unlabelled steps out")
    return truth.astype(np.int64), probability


def _counts(label: Counts, probability: NDArray[np.float64]) -> Counts:
    classes = probability.shape[1]
    pairs = label * classes + probability.argmax(axis=1)
    return np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)


def balanced_accuracy(counts: Counts) -> float:
    """Mean recall of the classes that occur among the labels, of a confusion matrix (C, C) with rows."""
    actual = counts.sum(axis=1)
    occurs = actual > 0
    return float(np.mean(np.diag(counts)[occurs] / actual[occurs]))


def _log_loss(label: Counts, probability: NDArray[np.float64]) -> float | None:
    if np.isnan(probability).any():
        return None
    eps = float(np.finfo(np.float64).eps)
    of_class = probability[np.arange(label.size), label]
    return -float(np.mean(np.log(np.clip(of_class, eps, 1.0 - eps))))
