"""One of several classes: the answer is the probability of each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnfast.metrics import baseline_multiclass, multiclass_confusion, multiclass_labels
from rnnfast.metrics.calibration import Calibration, calibration
from rnnfast.metrics.conformal import Region
from rnnfast.metrics.figures import Counts, Figures, Measures
from rnnfast.metrics.multiclass import multiclass_measures
from rnnfast.metrics.whole import Over
from rnnfast.tasks.base import LEAST_SHARE, Floats, Metrics, Task, Texts, Weight, log_sum, set_texts


class Multiclass(Task):
    """Outputs are logits, one for each class; the most probable class is predicted, the first of equal ones."""

    @np.errstate(over="ignore", invalid="ignore")
    def answers(self, outputs: Floats) -> Floats:
        """Return the softmax of the outputs of a step; of infinite ones NaN."""
        likelihood = np.exp((outputs - outputs.max(axis=1, keepdims=True)) / self.target.temperature)
        return np.asarray(likelihood / likelihood.sum(axis=1, keepdims=True))

    @np.errstate(over="ignore", invalid="ignore")
    def _average(self, outputs: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the logarithms of the mean probabilities, from those of the probabilities: no digit is lost near 0."""
        logarithms = outputs - log_sum(outputs, axis=2)
        return np.asarray(log_sum(logarithms, axis=0)[0] - np.log(len(outputs)))

    def naive_outputs(self) -> Floats:
        """Return the logits of the shares of the classes."""
        return np.asarray(np.log(np.maximum(np.asarray(self.target.mean, np.float64), LEAST_SHARE)))

    def measures(self, y: Floats, answers: Floats, over: Over, metrics: Metrics = ()) -> Measures:
        """Return the metrics of the most probable classes."""
        return multiclass_measures(y, answers, over, metrics)

    def naive_figures(self, y: Floats, weight: Weight = None) -> Figures:
        """Return the metrics of the training shares as everyone's probabilities."""
        return baseline_multiclass(self.target.mean, y, weight)

    def repeated_figures(self, y: Floats, repeated: Floats, weight: Weight = None) -> Figures:
        """Return the metrics of repeated labels."""
        return multiclass_labels(y, repeated, len(self.target.classes), weight)

    def confusion(self, y: Floats, answers: Floats, weight: Weight = None) -> Counts:
        """Return a row for each class and a column for each prediction."""
        return multiclass_confusion(y, answers, weight)

    def calibration(self, y: Floats, answers: Floats, weight: Weight = None) -> Calibration | None:
        """Compare the probabilities of the predicted classes with how often they are right."""
        predicted = answers.argmax(axis=1)
        return calibration(np.asarray(answers.max(axis=1), np.float64), predicted == y[:, 0], weight)

    def columns(self, answers: Floats, texts: Texts) -> Iterator[tuple[str, list[Any]]]:
        """Yield the predicted class and the probability of each."""
        name, classes = self.target.names[0], np.array(self.target.classes, dtype=object)
        yield f"{name}_pred", classes[answers.argmax(axis=1)].tolist()
        for j, label in enumerate(classes):
            yield f"{name}_prob_{label}", texts(answers[:, j])

    def spread_columns(self, answers: Floats, spread: Floats, texts: Texts) -> Iterator[tuple[str, list[Any]]]:
        """Yield the spread of the probability of the predicted class."""
        predicted = answers.argmax(axis=1)[:, None]
        yield f"{self.target.names[0]}_std", texts(np.take_along_axis(spread, predicted, axis=1)[:, 0])

    def nonconformity(self, y: Floats, answers: Floats) -> NDArray[np.float64]:
        """Return the probability that is left for other classes, (n, 1)."""
        true = np.take_along_axis(answers, np.asarray(y, np.int64), axis=1)
        return np.asarray(1.0 - true, np.float64)

    def region_columns(self, answers: Floats, region: Region, texts: Texts) -> Iterator[tuple[str, list[Any]]]:
        """Yield the classes that are within reach."""
        yield f"{self.target.names[0]}_set", set_texts(self._members(answers, region), self.target.classes)

    def held(self, y: Floats, answers: Floats, region: Region) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
        """Return whether labels are in their sets, and how many classes these have, (n, 1) both."""
        members = self._members(answers, region)
        is_member = np.take_along_axis(members, np.asarray(y, np.int64), axis=1)
        return is_member, members.sum(axis=1, keepdims=True).astype(np.float64)

    def _members(self, answers: Floats, region: Region) -> NDArray[np.bool_]:
        """Return (n, O) bool, which classes are within reach; the predicted one always is."""
        members = np.asarray(1.0 - answers <= region.high)
        members[np.arange(len(answers)), answers.argmax(axis=1)] = True
        return members
