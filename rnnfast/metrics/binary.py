"""Metrics of a binary target: counts at a threshold, rankings over all thresholds, and probabilities.

    precision = tp / (tp + fp)      recall = tp / (tp + fn)      specificity = tn / (tn + fp)
    f1 = 2 tp / (2 tp + fp + fn)    balanced accuracy = mean recall of the classes that occur
    mcc = (tp tn - fp fn) / sqrt((tp + fp) (tp + fn) (tn + fp) (tn + fn))       (Matthews 1975)
    auroc = P(score of a positive > score of a negative) + P(equal) / 2         (Hanley & McNeil 1982)
    auprc = sum over distinct scores, high to low, of precision * gain in recall (average precision, not trapezoids)
    log_loss = -mean(y ln p + (1 - y) ln(1 - p))     brier = mean((p - y)^2)    (Brier 1950)

All sums are of the weights of rows, 1 where none are told. The figures equal scikit-learn's, with its sample_weight.
Where scikit-learn warns or fails: a ratio with denominator 0 is 0 (precision when nothing is
predicted positive, recall without positives, specificity without negatives, f1, mcc); auroc and auprc are None with one
class; the four figures of the probabilities are None where one of them is NaN; all are None without rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rnnfast.catalogue import TWO_CLASSES, Metric, metrics_of
from rnnfast.metrics.figures import Counts, Figures, Measures, counted, figures, measures
from rnnfast.metrics.whole import EACH_ROW, Floats, Over, Whole, ratio


@dataclass(frozen=True)
class Answers:
    """Labels and probabilities of n steps, and what several metrics need of them, computed once.

    positive: (n,), whether the label is class 1; score: (n,), its probability; threshold: from which on class 1 is
    predicted. over: how steps are summed.
    """

    positive: NDArray[np.bool_]
    score: Floats
    threshold: float
    over: Over = EACH_ROW

    @cached_property
    def counts(self) -> tuple[Floats, Floats, Floats, Floats]:
        """Return the weight of tn, fp, fn, tp, (R,) each. NaN scores are predicted negative."""
        predicted = self.score >= self.threshold
        tn, fp, fn, tp = self.over.by(2 * self.positive.astype(np.int64) + predicted, 4).T
        return tn, fp, fn, tp

    @cached_property
    def ranking(self) -> tuple[Floats, Floats]:
        """Return auroc and auprc."""
        return self.over.ranking(self.positive, self.score)


def binary(
    y: ArrayLike, p: ArrayLike, threshold: float = 0.5, metrics: Iterable[Metric] = (), weight: Floats | None = None
) -> Figures:
    """Compute metrics of a binary target.

    Reads:  y (n,) or (n, 1), 0 or 1; p, the same shape, probability of class 1 (any score serves for the ranking and
            the counts); threshold: rows with p >= threshold are predicted positive; metrics: () for all; weight: (n,)
            above 0, None for all alike.
    Returns: name -> figure, and the threshold; shares in [0, 1], mcc in [-1, 1], log_loss in nats. Undefined figures:
             see the module.
    """
    return {**figures(binary_measures(y, p, threshold, Whole(weight), metrics)), "threshold": float(threshold)}


def binary_measures(
    y: ArrayLike, p: ArrayLike, threshold: float, over: Over, metrics: Iterable[Metric] = ()
) -> Measures:
    """Compute metrics of a binary target, name -> (R,), for each time that `over` sums rows; others as of `binary`."""
    answers = Answers(*_columns(y, p), float(threshold), over)
    entries = tuple(metrics) or metrics_of(TWO_CLASSES)
    uncertain = any(metric.probability for metric in entries) and bool(np.isnan(answers.score).any())
    return measures(entries, FORMULAS, answers, rows=answers.positive.size, uncertain=uncertain)


def confusion(y: ArrayLike, p: ArrayLike, threshold: float = 0.5, weight: Floats | None = None) -> Counts:
    """Sum up the rows by class and prediction: [[tn, fp], [fn, tp]], each by its weight; arguments as of `binary`."""
    tn, fp, fn, tp = (count[0] for count in Answers(*_columns(y, p), threshold, Whole(weight)).counts)
    return counted([[tn, fp], [fn, tp]])


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


def _accuracy(answers: Answers) -> Floats:
    tn, fp, fn, tp = answers.counts
    return ratio(tp + tn, tp + tn + fp + fn)


def _precision(answers: Answers) -> Floats:
    _, fp, _, tp = answers.counts
    return ratio(tp, tp + fp)


def _recall(answers: Answers) -> Floats:
    _, _, fn, tp = answers.counts
    return ratio(tp, tp + fn)


def _specificity(answers: Answers) -> Floats:
    tn, fp, _, _ = answers.counts
    return ratio(tn, tn + fp)


def _balanced_accuracy(answers: Answers) -> Floats:
    tn, fp, fn, tp = answers.counts
    return (_recall(answers) + _specificity(answers)) / (1.0 * (tp + fn > 0) + (tn + fp > 0))


def _f1(answers: Answers) -> Floats:
    _, fp, fn, tp = answers.counts
    return ratio(2 * tp, 2 * tp + fp + fn)


def _mcc(answers: Answers) -> Floats:
    tn, fp, fn, tp = answers.counts
    # A root of each factor: the product of four counts may be too large for a float
    spread = np.sqrt(tp + fp) * np.sqrt(tp + fn) * np.sqrt(tn + fp) * np.sqrt(tn + fn)
    return ratio(tp * tn - fp * fn, spread)


def _log_loss(answers: Answers) -> Floats:
    """Mean negative log-likelihood in nats; probabilities are clipped to [eps, 1 - eps], eps = 2.2e-16 (of float64)."""
    eps = float(np.finfo(np.float64).eps)
    of_class = np.where(answers.positive, answers.score, 1.0 - answers.score)
    total = answers.over.total(of_class.size)
    return -answers.over.sum(np.log(np.clip(of_class, eps, 1.0 - eps))) / total


def _brier(answers: Answers) -> Floats:
    squares = np.square(answers.score - answers.positive)
    return answers.over.sum(squares) / answers.over.total(squares.size)


FORMULAS: dict[str, Callable[[Answers], Floats]] = {
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
