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

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rnnfast.catalogue import CLASSES, Metric, metrics_of
from rnnfast.metrics.figures import Figures, figures

Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Answers:
    """Labels and answers of n steps, and the confusion matrix, counted once.

    label: (n,), index of the class; predicted: (n,), the same of the answer; classes: their number C; probability:
    (n, C), or None where the answers are labels.
    """

    label: Counts
    predicted: Counts
    classes: int
    probability: NDArray[np.float64] | None = None

    @cached_property
    def counts(self) -> Counts:
        """(C, C), rows by class and prediction."""
        pairs = self.label * self.classes + self.predicted
        return np.bincount(pairs, minlength=self.classes * self.classes).reshape(self.classes, self.classes)


def multiclass(y: ArrayLike, p: ArrayLike, metrics: Iterable[Metric] = ()) -> Figures:
    """Compute metrics of a target with classes.

    Reads:  y (n,) or (n, 1), index of the class; p (n, C), probability of each class; metrics: () for all.
    Returns: name -> figure; shares in [0, 1], log_loss in nats. Undefined figures: see the module.
    """
    return _figures(_answers(y, p), tuple(metrics) or metrics_of(CLASSES))


def multiclass_labels(y: ArrayLike, predicted: ArrayLike, classes: int) -> Figures:
    """Compute the metrics that labels without probabilities have.

    Reads:  y, predicted (n,) or (n, 1), indices of so many classes.
    """
    label, answer = np.asarray(y).reshape(-1), np.asarray(predicted).reshape(-1)
    answers = Answers(label.astype(np.int64), answer.astype(np.int64), classes)
    return _figures(answers, metrics_of(CLASSES, of_labels=True))


def multiclass_confusion(y: ArrayLike, p: ArrayLike) -> Counts:
    """Count the rows by class (first axis) and prediction (second axis): (C, C); arguments as of `multiclass`."""
    return _answers(y, p).counts


def _figures(answers: Answers, metrics: Iterable[Metric]) -> Figures:
    uncertain = answers.probability is not None and bool(np.isnan(answers.probability).any())
    return figures(metrics, FORMULAS, answers, rows=answers.label.size, uncertain=uncertain)


def _answers(y: ArrayLike, p: ArrayLike) -> Answers:
    label, probability = _columns(y, p)
    return Answers(label, probability.argmax(axis=1), probability.shape[1], probability)


def _columns(y: ArrayLike, p: ArrayLike) -> tuple[Counts, NDArray[np.float64]]:
    """Return y as indices (n,) and p as float64 (n, C); ValueError where they do not pair up."""
    probability = np.asarray(p, dtype=np.float64)
    truth: NDArray[Any] = np.asarray(y).reshape(-1)
    if probability.ndim != 2 or len(truth) != len(probability):
        raise ValueError(f"y has {truth.size} values and p the shape {probability.shape}; p must be (rows, classes)")
    if not np.all((truth >= 0) & (truth < probability.shape[1]) & (truth == np.floor(truth))):
        raise ValueError(f"y must hold whole numbers from 0 to {probability.shape[1] - 1}; leave unlabelled steps out")
    return truth.astype(np.int64), probability


def _accuracy(answers: Answers) -> float:
    return int(np.diag(answers.counts).sum()) / int(answers.counts.sum())


def _macro_f1(answers: Answers) -> float:
    counts = answers.counts
    both = counts.sum(axis=0) + counts.sum(axis=1)
    occurs = both > 0
    return float(np.mean(2 * np.diag(counts)[occurs] / both[occurs]))


def _balanced_accuracy(answers: Answers) -> float:
    """Mean recall of the classes that occur among the labels."""
    actual = answers.counts.sum(axis=1)
    occurs = actual > 0
    return float(np.mean(np.diag(answers.counts)[occurs] / actual[occurs]))


def _log_loss(answers: Answers) -> float:
    assert answers.probability is not None
    eps = float(np.finfo(np.float64).eps)
    of_class = answers.probability[np.arange(answers.label.size), answers.label]
    return -float(np.mean(np.log(np.clip(of_class, eps, 1.0 - eps))))


FORMULAS: dict[str, Callable[[Answers], float | None]] = {
    "accuracy": _accuracy,
    "balanced_accuracy": _balanced_accuracy,
    "macro_f1": _macro_f1,
    "log_loss": _log_loss,
}
