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
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rnnfast.catalogue import TWO_CLASSES, Metric, metrics_of
from rnnfast.metrics.figures import Figures, figures, finite


@dataclass(frozen=True)
class Answers:
    """Labels and probabilities of n steps, and what several metrics need of them, computed once.

    positive: (n,), whether the label is class 1; score: (n,), its probability; threshold: from which on class 1 is
    predicted.
    """

    positive: NDArray[np.bool_]
    score: NDArray[np.float64]
    threshold: float

    @cached_property
    def counts(self) -> tuple[int, int, int, int]:
        """Return tn, fp, fn, tp. NaN scores are predicted negative."""
        predicted = self.score >= self.threshold
        tp = int(np.count_nonzero(predicted & self.positive))
        fp = int(np.count_nonzero(predicted)) - tp
        fn = int(np.count_nonzero(self.positive)) - tp
        return self.positive.size - tp - fp - fn, fp, fn, tp

    @cached_property
    def ranking(self) -> tuple[float | None, float | None]:
        """Return auroc and auprc."""
        return _ranking(self.positive, self.score)


def binary(y: ArrayLike, p: ArrayLike, threshold: float = 0.5, metrics: Iterable[Metric] = ()) -> Figures:
    """Compute metrics of a binary target.

    Reads:  y (n,) or (n, 1), 0 or 1; p, the same shape, probability of class 1 (any score serves for the ranking and
            the counts); threshold: rows with p >= threshold are predicted positive; metrics: () for all.
    Returns: name -> figure, and the threshold; shares in [0, 1], mcc in [-1, 1], log_loss in nats. Undefined figures:
             see the module.
    """
    answers = Answers(*_columns(y, p), float(threshold))
    chosen = tuple(metrics) or metrics_of(TWO_CLASSES)
    uncertain = any(metric.probability for metric in chosen) and bool(np.isnan(answers.score).any())
    values = figures(chosen, FORMULAS, answers, rows=answers.positive.size, uncertain=uncertain)
    return {**values, "threshold": answers.threshold}


def confusion(y: ArrayLike, p: ArrayLike, threshold: float = 0.5) -> list[list[int]]:
    """Count the rows by class and prediction: [[tn, fp], [fn, tp]]; arguments as of `binary`."""
    tn, fp, fn, tp = Answers(*_columns(y, p), threshold).counts
    return [[tn, fp], [fn, tp]]


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


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _accuracy(answers: Answers) -> float:
    tn, fp, fn, tp = answers.counts
    return _ratio(tp + tn, tp + tn + fp + fn)


def _precision(answers: Answers) -> float:
    _, fp, _, tp = answers.counts
    return _ratio(tp, tp + fp)


def _recall(answers: Answers) -> float:
    _, _, fn, tp = answers.counts
    return _ratio(tp, tp + fn)


def _specificity(answers: Answers) -> float:
    tn, fp, _, _ = answers.counts
    return _ratio(tn, tn + fp)


def _balanced_accuracy(answers: Answers) -> float:
    tn, fp, fn, tp = answers.counts
    present = [part / rows for part, rows in ((tp, tp + fn), (tn, tn + fp)) if rows]
    return sum(present) / len(present)


def _f1(answers: Answers) -> float:
    _, fp, fn, tp = answers.counts
    return _ratio(2 * tp, 2 * tp + fp + fn)


def _mcc(answers: Answers) -> float:
    tn, fp, fn, tp = answers.counts  # Python's integers keep the products exact for any number of rows
    spread = (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)
    return (tp * tn - fp * fn) / math.sqrt(spread) if spread else 0.0


def _ranking(positive: NDArray[np.bool_], score: NDArray[np.float64]) -> tuple[float | None, float | None]:
    """Return auroc and auprc from one sort; rows of equal score count as one step. None, None with one class."""
    positives = int(np.count_nonzero(positive))
    negatives = positive.size - positives
    if not positives or not negatives:
        return None, None
    order = np.argsort(score)[::-1]  # high to low; the order within equal scores does not matter
    ranked = score[order]
    last_of_tie = np.append(np.flatnonzero(ranked[1:] != ranked[:-1]), ranked.size - 1)
    hits: NDArray[np.int64] = np.cumsum(positive[order], dtype=np.int64)[last_of_tie]
    selected = last_of_tie.astype(np.int64) + 1
    new: NDArray[Any] = np.diff(hits, prepend=0)
    false_new: NDArray[Any] = np.diff(selected - hits, prepend=0)
    # Twice the pairs in right order: exact in int64 up to 3e9 rows.
    pairs = int(np.sum(false_new * (2 * hits - new)))
    auprc = float(np.sum(new * (hits / selected))) / positives
    return pairs / (2 * positives * negatives), auprc


def _log_loss(answers: Answers) -> float:
    """Mean negative log-likelihood in nats; probabilities are clipped to [eps, 1 - eps], eps = 2.2e-16 (of float64)."""
    eps = float(np.finfo(np.float64).eps)
    of_class = np.where(answers.positive, answers.score, 1.0 - answers.score)
    return -float(np.mean(np.log(np.clip(of_class, eps, 1.0 - eps))))


def _brier(answers: Answers) -> float | None:
    with np.errstate(over="ignore"):
        return finite(float(np.mean(np.square(answers.score - answers.positive))))


FORMULAS: dict[str, Callable[[Answers], float | None]] = {
    "accuracy": _accuracy,
    "balanced_accuracy": _balanced_accuracy,
    "precision": _precision,
    "recall": _recall,
    "specificity": _specificity,
    "f1": _f1,
    "mcc": _mcc,
    "auroc": lambda answers: answers.ranking[0],
    "auprc": lambda answers: answers.ranking[1],
    "log_loss": _log_loss,
    "brier": _brier,
}
