"""Metrics of a binary target: counts at a threshold, rankings over all thresholds, and probabilities.

    precision = tp / (tp + fp)      recall = tp / (tp + fn)      specificity = tn / (tn + fp)
    f1 = 2 tp / (2 tp + fp + fn)    balanced accuracy = mean recall of the classes that occur
    mcc = (tp tn - fp fn) / sqrt((tp + fp) (tp + fn) (tn + fp) (tn + fn))       (Matthews 1975)
    auroc = P(score of a positive > score of a negative) + P(equal) / 2         (Hanley & McNeil 1982)
    auprc = sum over distinct scores, high to low, of precision * gain in recall (average precision, not trapezoids)
    log_loss = -mean(y ln p + (1 - y) ln(1 - p))     brier = mean((p - y)^2)    (Brier 1950)

The figures equal scikit-learn's. Where scikit-learn warns or fails: a ratio with denominator 0 is 0 (precision when
nothing is predicted positive, recall without positives, specificity without negatives, f1, mcc); auroc and auprc are
None with one class; the four figures of the probabilities are None where one of them is NaN; all are None without rows.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Metrics = dict[str, float | None]

_KEYS = (
    "accuracy",
    "balanced_accuracy",
    "precision",
    "recall",
    "specificity",
    "f1",
    "mcc",
    "auroc",
    "auprc",
    "log_loss",
    "brier",
)


def binary(y: ArrayLike, p: ArrayLike, threshold: float = 0.5) -> Metrics:
    """Compute all metrics of a binary target.

    Reads:  y (n,) or (n, 1), 0 or 1; p, the same shape, probability of class 1 (any score serves for the ranking and
            the counts); threshold: rows with p >= threshold are predicted positive.
    Returns: accuracy, balanced_accuracy, precision, recall, specificity, f1, mcc, auroc, auprc, log_loss, brier,
             threshold; shares in [0, 1], mcc in [-1, 1], log_loss in nats. Undefined figures: see the module.
    """
    positive, score = _columns(y, p)
    if positive.size == 0:
        return {**dict.fromkeys(_KEYS), "threshold": float(threshold)}
    figures: Metrics = dict(_from_counts(*_counts(positive, score, threshold)))
    if np.isnan(score).any():
        figures.update(auroc=None, auprc=None, log_loss=None, brier=None)
    else:
        figures["auroc"], figures["auprc"] = _ranking(positive, score)
        figures["log_loss"] = _log_loss(positive, score)
        with np.errstate(over="ignore"):
            figures["brier"] = finite(float(np.mean(np.square(score - positive))))
    return {**{key: figures[key] for key in _KEYS}, "threshold": float(threshold)}


def confusion(y: ArrayLike, p: ArrayLike, threshold: float = 0.5) -> list[list[int]]:
    """Count the rows by class and prediction: [[tn, fp], [fn, tp]]; arguments as of `binary`."""
    tn, fp, fn, tp = _counts(*_columns(y, p), threshold)
    return [[tn, fp], [fn, tp]]


def finite(value: float) -> float | None:
    """Return the value, or None where JSON could not hold it (NaN, infinity)."""
    return value if math.isfinite(value) else None


def _columns(y: ArrayLike, p: ArrayLike) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Return y as booleans (n,) and p as float64 (n,); ValueError for unequal lengths or y other than 0 and 1."""
    truth = np.asarray(y).reshape(-1)
    score = np.asarray(p, dtype=np.float64).reshape(-1)
    if truth.shape != score.shape:
        raise ValueError(f"y has {truth.size} values and p {score.size}; they must pair up")
    positive: NDArray[np.bool_] = truth == 1
    if not np.all(positive | (truth == 0)):
        raise ValueError("y must hold 0 and 1 only; leave unlabelled steps (NaN) out")
    return positive, score


def _counts(positive: NDArray[np.bool_], score: NDArray[np.float64], threshold: float) -> tuple[int, int, int, int]:
    """Return tn, fp, fn, tp. NaN scores are predicted negative."""
    predicted = score >= threshold
    tp = int(np.count_nonzero(predicted & positive))
    fp = int(np.count_nonzero(predicted)) - tp
    fn = int(np.count_nonzero(positive)) - tp
    return positive.size - tp - fp - fn, fp, fn, tp


def _from_counts(tn: int, fp: int, fn: int, tp: int) -> dict[str, float]:
    """Compute the threshold metrics; Python integers keep the products of mcc exact for any number of rows."""

    def ratio(part: int, whole: int) -> float:
        return part / whole if whole else 0.0

    recall, specificity = ratio(tp, tp + fn), ratio(tn, tn + fp)
    present = [share for share, rows in ((recall, tp + fn), (specificity, tn + fp)) if rows]
    spread = (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)
    return {
        "accuracy": ratio(tp + tn, tp + tn + fp + fn),
        "balanced_accuracy": sum(present) / len(present),
        "precision": ratio(tp, tp + fp),
        "recall": recall,
        "specificity": specificity,
        "f1": ratio(2 * tp, 2 * tp + fp + fn),
        "mcc": (tp * tn - fp * fn) / math.sqrt(spread) if spread else 0.0,
    }


def _ranking(positive: NDArray[np.bool_], score: NDArray[np.float64]) -> tuple[float | None, float | None]:
    """Return auroc and auprc from one sort; rows of equal score count as one step. None, None with one class."""
    positives = int(np.count_nonzero(positive))
    negatives = positive.size - positives
    if not positives or not negatives:
        return None, None
    order = np.argsort(score)[::-1]  # high to low; the order within equal scores does not matter
    ranked = score[order]
    last_of_tie = np.append(np.flatnonzero(ranked[1:] != ranked[:-1]), ranked.size - 1)
    found: NDArray[np.int64] = np.cumsum(positive[order], dtype=np.int64)[last_of_tie]
    selected = last_of_tie.astype(np.int64) + 1
    new: NDArray[Any] = np.diff(found, prepend=0)
    false_new: NDArray[Any] = np.diff(selected - found, prepend=0)
    # Twice the pairs in right order: exact in int64 up to 3e9 rows.
    pairs = int(np.sum(false_new * (2 * found - new)))
    auprc = float(np.sum(new * (found / selected))) / positives
    return pairs / (2 * positives * negatives), auprc


def _log_loss(positive: NDArray[np.bool_], p: NDArray[np.float64]) -> float:
    """Mean negative log-likelihood in nats; probabilities are clipped to [eps, 1 - eps], eps = 2.2e-16 (of float64)."""
    eps = float(np.finfo(np.float64).eps)
    of_class = np.where(positive, p, 1.0 - p)
    return -float(np.mean(np.log(np.clip(of_class, eps, 1.0 - eps))))
