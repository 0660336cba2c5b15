"""Metrics of a target with classes, from the counts of a confusion matrix and from probabilities.

    recall_c = n_cc / actual_c      balanced accuracy = mean recall of the classes that occur among the labels
    f1_c = 2 n_cc / (actual_c + predicted_c)
    macro_f1 = mean f1 of the classes that occur among the labels or the predictions
    log_loss = -mean ln p(class of the label), p clipped to [eps, 1 - eps], eps = 2.2e-16 (of float64)

All sums are of the weights of rows, 1 where none are told. The predicted class is the one with the highest probability,
the first of equal ones. The figures equal scikit-learn's (with zero_division=0: a class that is never predicted right
has the f1 0, and with its sample_weight); log_loss is None where a probability is NaN; all are None without rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rnnfast.catalogue import CLASSES, Metric, metrics_of
from rnnfast.metrics.figures import Counts, Figures, Measures, counted, figures, measures
from rnnfast.metrics.whole import EACH_ROW, Floats, Integers, Over, Whole, ratio


@dataclass(frozen=True)
class Answers:
    """Labels and answers of n steps, and the confusion matrix, counted once.

    label: (n,), index of the class; predicted: (n,), the same of the answer; classes: their number C; probability:
    (n, C), or None where the answers are labels. over: how steps are summed.
    """

    label: Integers
    predicted: Integers
    classes: int
    probability: NDArray[np.float64] | None = None
    over: Over = EACH_ROW

    @cached_property
    def right(self) -> Floats:
        """(R, C), the weight of the steps of each class that are predicted right."""
        return self.over.by(np.where(self.label == self.predicted, self.label, -1), self.classes)

    @cached_property
    def actual(self) -> Floats:
        """(R, C), the weight of the steps of each class."""
        return self.over.by(self.label, self.classes)


def multiclass(y: ArrayLike, p: ArrayLike, metrics: Iterable[Metric] = (), weight: Floats | None = None) -> Figures:
    """Compute metrics of a target with classes.

    Reads:  y (n,) or (n, 1), index of the class; p (n, C), probability of each class; metrics: () for all; weight: (n,)
            above 0, None for all alike.
    Returns: name -> figure; shares in [0, 1], log_loss in nats. Undefined figures: see the module.
    """
    return figures(multiclass_measures(y, p, Whole(weight), metrics))


def multiclass_measures(y: ArrayLike, p: ArrayLike, over: Over, metrics: Iterable[Metric] = ()) -> Measures:
    """Compute metrics of a target with classes, name -> (R,), for each time that `over` sums rows."""
    label, probability = _columns(y, p)
    answers = Answers(label, probability.argmax(axis=1), probability.shape[1], probability, over)
    entries = tuple(metrics) or metrics_of(CLASSES)
    uncertain = bool(np.isnan(probability).any())
    return measures(entries, FORMULAS, answers, rows=label.size, uncertain=uncertain)


def multiclass_labels(y: ArrayLike, predicted: ArrayLike, classes: int, weight: Floats | None = None) -> Figures:
    """Compute the metrics that labels without probabilities have.

    Reads:  y, predicted (n,) or (n, 1), indices of so many classes; weight as of `multiclass`.
    """
    label, answer = (np.asarray(labels).reshape(-1).astype(np.int64) for labels in (y, predicted))
    answers = Answers(label, answer, classes, None, Whole(weight))
    return figures(measures(metrics_of(CLASSES, of_labels=True), FORMULAS, answers, rows=label.size))


def multiclass_confusion(y: ArrayLike, p: ArrayLike, weight: Floats | None = None) -> Counts:
    """Sum up the rows by class (outer list) and prediction, each by its weight; arguments as of `multiclass`."""
    label, probability = _columns(y, p)
    classes = probability.shape[1]
    pairs = label * classes + probability.argmax(axis=1)
    return counted(Whole(weight).by(pairs, classes * classes).reshape(classes, classes))


def _columns(y: ArrayLike, p: ArrayLike) -> tuple[Integers, NDArray[np.float64]]:
    """Return y as indices (n,) and p as float64 (n, C); ValueError where they do not pair up."""
    probability = np.asarray(p, dtype=np.float64)
    truth: NDArray[Any] = np.asarray(y).reshape(-1)
    if probability.ndim != 2 or len(truth) != len(probability):
        raise ValueError(f"y has {truth.size} values and p the shape {probability.shape}; p must be (rows, classes)")
    if not np.all((truth >= 0) & (truth < probability.shape[1]) & (truth == np.floor(truth))):
        raise ValueError(f"y must hold whole numbers from 0 to {probability.shape[1] - 1}; leave unlabelled steps out")
    return truth.astype(np.int64), probability


def _accuracy(answers: Answers) -> Floats:
    return ratio(answers.right.sum(axis=1), answers.actual.sum(axis=1))


def _macro_f1(answers: Answers) -> Floats:
    both = answers.actual + answers.over.by(answers.predicted, answers.classes)
    return _mean_where(both > 0, ratio(2 * answers.right, both))


def _balanced_accuracy(answers: Answers) -> Floats:
    """Mean recall of the classes that occur among the labels."""
    return _mean_where(answers.actual > 0, ratio(answers.right, answers.actual))


def _mean_where(occurs: NDArray[np.bool_], values: Floats) -> Floats:
    """Return the mean (R,) over the classes that occur."""
    return ratio(np.where(occurs, values, 0.0).sum(axis=1), occurs.sum(axis=1))


def _log_loss(answers: Answers) -> Floats:
    assert answers.probability is not None
    eps = float(np.finfo(np.float64).eps)
    of_class = answers.probability[np.arange(answers.label.size), answers.label]
    return -answers.over.sum(np.log(np.clip(of_class, eps, 1.0 - eps))) / answers.over.total(of_class.size)


FORMULAS: dict[str, Callable[[Answers], Floats]] = {
    "accuracy": _accuracy,
    "balanced_accuracy": _balanced_accuracy,
    "macro_f1": _macro_f1,
    "log_loss": _log_loss,
}
