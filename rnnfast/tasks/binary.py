"""One of two classes: the answer is the probability of the second one, with several horizons one for each.

Figures of several horizons are those of all their answers together.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnfast.catalogue import TWO_CLASSES, metrics_of
from rnnfast.metrics import binary, confusion
from rnnfast.metrics.binary import binary_measures
from rnnfast.metrics.calibration import Calibration, calibration
from rnnfast.metrics.conformal import Region
from rnnfast.metrics.figures import Counts, Figures, Measures
from rnnfast.metrics.whole import Over
from rnnfast.tasks.base import LEAST_SHARE, Floats, Metrics, Task, Texts, Weight, log_sum, set_texts


class Binary(Task):
    """Logits become probabilities by the logistic function; other outputs are the score as they are, in [0, 1]."""

    naive_threshold = 0.5  # by which it is the majority class

    def answers(self, outputs: Floats) -> Floats:
        """Return the probability of the second class."""
        if not self.logits:
            return np.clip(outputs, 0.0, 1.0)
        outputs = outputs / self.target.temperature
        # exp of a negative number alone: no overflow, and small probabilities keep their digits
        decay = np.exp(-np.abs(outputs))
        return np.where(outputs >= 0, 1.0, decay) / (1.0 + decay)

    def answer(self, outputs: Floats) -> Floats:
        """Return the probability of one row; of a single output in a third of the time that arrays take."""
        if not self.logits or len(outputs) > 1 or self.target.temperature != 1:
            return super().answer(outputs)
        output = outputs[0]
        decay = np.exp(-abs(output))
        return np.array([(1 if output >= 0 else decay) / (1 + decay)])

    def _average(self, outputs: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the mean probability as a logit: log sum p - log sum (1 - p), from the logarithms of p and 1 - p.

        log p = -log(1 + e^-z) = min(z, 0) - log(1 + e^-|z|), so that neither a probability near 0 nor one near 1 loses
        its digits.
        """
        if not self.logits:
            return np.asarray(self.answers(outputs).mean(axis=0))
        rest = np.log1p(np.exp(-np.abs(outputs)))
        positive, negative = (log_sum(np.minimum(sign * outputs, 0.0) - rest, axis=0)[0] for sign in (1.0, -1.0))
        return np.asarray(positive - negative)

    def naive_outputs(self) -> Floats:
        """Return the share of the second class, as the network would say it."""
        share = np.asarray(self.target.mean, np.float64)
        if not self.logits:
            return share
        share = np.clip(share, LEAST_SHARE, 1 - LEAST_SHARE)
        return np.asarray(np.log(share / (1 - share)))

    def measures(self, y: Floats, answers: Floats, over: Over, metrics: Metrics = ()) -> Measures:
        """Return the metrics at the threshold of the model."""
        return binary_measures(y, answers, self.target.threshold, over.repeated(y.shape[1]), metrics)

    def naive_figures(self, y: Floats, weight: Weight = None) -> Figures:
        """Return the metrics of the training share as everyone's probability."""
        share = np.broadcast_to(np.asarray(self.target.mean, np.float64), np.shape(y))
        return _figures(binary(y, share, weight=_of_answers(weight, y)))

    def repeated_figures(self, y: Floats, repeated: Floats, weight: Weight = None) -> Figures:
        """Return the metrics of repeated labels."""
        metrics = metrics_of(TWO_CLASSES, of_labels=True)
        return _figures(binary(y, repeated, metrics=metrics, weight=_of_answers(weight, y)))

    def threshold(self) -> float:
        """Return the probability from which on the second class is predicted."""
        return self.target.threshold

    def alarms(self, answers: Floats) -> int:
        """Return how many answers are the second class; NaN is none."""
        return int(self.positive(answers).sum())

    def positive(self, answers: Floats) -> NDArray[np.bool_]:
        """Return where the second class is predicted.

        A float32 would be compared with the threshold rounded to float32, and scores compare in float64.
        """
        return np.asarray(np.asarray(answers, np.float64) >= self.target.threshold)

    def confusion(self, y: Floats, answers: Floats, weight: Weight = None) -> Counts:
        """Return [[true negatives, false positives], [false negatives, true positives]]."""
        return confusion(y, answers, self.target.threshold, _of_answers(weight, y))

    def calibration(self, y: Floats, answers: Floats, weight: Weight = None) -> Calibration | None:
        """Compare the probabilities of the second class with its share, those of all horizons together."""
        return calibration(np.asarray(answers, np.float64).ravel(), y.ravel() == 1, _of_answers(weight, y))

    def columns(self, answers: Floats, texts: Texts) -> Iterator[tuple[str, list[Any]]]:
        """Yield the predicted class and the probability of the second one, of each horizon."""
        classes = np.array(self.target.classes, dtype=object)
        for j, name in enumerate(self.target.names):
            yield f"{name}_pred", classes[self.positive(answers[:, j]).astype(np.int64)].tolist()
            yield f"{name}_prob", texts(answers[:, j])

    def nonconformity(self, y: Floats, answers: Floats) -> NDArray[np.float64]:
        """Return the probability that is left for the other class."""
        return np.asarray(np.where(y == 1, 1.0 - answers, answers), np.float64)

    def region_columns(self, answers: Floats, region: Region, texts: Texts) -> Iterator[tuple[str, list[Any]]]:
        """Yield the classes that are within reach, of each horizon."""
        members = self._members(answers, region)
        for j, name in enumerate(self.target.names):
            yield f"{name}_set", set_texts(members[:, j], self.target.classes)

    def held(self, y: Floats, answers: Floats, region: Region) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
        """Return whether labels are in their sets, and how many classes these have."""
        members = self._members(answers, region)
        is_member = np.where(y == 1, members[:, :, 1], members[:, :, 0])
        return np.asarray(is_member, bool), members.sum(axis=2).astype(np.float64)

    def _members(self, answers: Floats, region: Region) -> NDArray[np.bool_]:
        """Return (n, O, 2) bool, which classes are within reach; the predicted one always is."""
        positive = self.positive(answers)
        return np.stack([(answers <= region.high) | ~positive, (1.0 - answers <= region.high) | positive], axis=2)


def _of_answers(weight: Weight, y: Floats) -> Weight:
    """Return the weight of each answer, of which a step has one for each horizon."""
    return None if weight is None else np.repeat(weight, y.shape[1])


def _figures(values: Figures) -> Figures:
    return {name: value for name, value in values.items() if name != "threshold"}
