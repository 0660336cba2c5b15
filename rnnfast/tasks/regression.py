"""Quantities: the answer is a number for each target, in its original unit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnfast.metrics import baseline_regression, regression
from rnnfast.metrics.conformal import Region
from rnnfast.metrics.figures import Figures, Measures
from rnnfast.metrics.regression import regression_measures
from rnnfast.metrics.whole import Over
from rnnfast.tasks.base import Floats, Metrics, Task, Texts, Weight


class Regression(Task):
    """Outputs are scaled targets."""

    def labels(self, y: Floats) -> Floats:
        """Return scaled targets."""
        return self.target.scaler.transform(y)

    @np.errstate(over="ignore", invalid="ignore")
    def answers(self, outputs: Floats) -> Floats:
        """Return the outputs in original units; what exceeds their precision is infinite."""
        answers: Floats = self.target.scaler.inverse(outputs).astype(outputs.dtype)
        return answers

    def _average(self, outputs: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the mean: scaling is linear."""
        return np.asarray(outputs.mean(axis=0))

    def naive_outputs(self) -> Floats:
        """Return the scaled mean of the training targets."""
        mean = np.asarray(self.target.mean, np.float64)
        return self.labels(mean[None]).reshape(-1)

    def measures(self, y: Floats, answers: Floats, over: Over, metrics: Metrics = ()) -> Measures:
        """Return the metrics in original units, means over the targets."""
        return regression_measures(y, answers, over, metrics)

    def naive_figures(self, y: Floats, weight: Weight = None) -> Figures:
        """Return the metrics of the training mean."""
        return baseline_regression(self.target.mean, y, weight)

    def repeated_figures(self, y: Floats, repeated: Floats, weight: Weight = None) -> Figures:
        """Return the metrics of repeated values."""
        return regression(y, repeated, weight=weight)

    @property
    def scales(self) -> bool:
        """Whether the scaling changes any number."""
        probe = np.array([[0.0], [1.0]]) + np.zeros(len(self.target.names))
        return not np.array_equal(self.labels(probe), probe)

    def meaningless(self, y: Floats) -> tuple[str, ...]:
        """Leave relative errors out where labels are on both sides of 0."""
        return ("mape",) if ((y > 0).any(axis=0) & (y < 0).any(axis=0)).any() else ()

    def residuals(self, y: Floats, answers: Floats) -> NDArray[np.float64]:
        """Return (n,) of one target, (n, targets) of several."""
        residuals = np.asarray(y - answers, np.float64)
        return residuals[:, 0] if residuals.shape[1] == 1 else residuals

    def columns(self, answers: Floats, texts: Texts) -> Iterator[tuple[str, list[Any]]]:
        """Yield the prediction of each target."""
        for j, name in enumerate(self.target.names):
            yield f"{name}_pred", texts(answers[:, j])

    def nonconformity(self, y: Floats, answers: Floats) -> NDArray[np.float64]:
        """Return label minus prediction."""
        return np.asarray(y - answers, np.float64)

    def region_columns(self, answers: Floats, region: Region, texts: Texts) -> Iterator[tuple[str, list[Any]]]:
        """Yield the ends of the interval of each target."""
        low, high = (np.asarray(answers + bound, answers.dtype) for bound in region)
        for j, name in enumerate(self.target.names):
            yield f"{name}_low", texts(low[:, j])
            yield f"{name}_high", texts(high[:, j])

    def held(self, y: Floats, answers: Floats, region: Region) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
        """Return whether labels lie in their intervals, and how wide these are."""
        scores = self.nonconformity(y, answers)
        widths = np.broadcast_to(region.high - region.low, scores.shape)
        return np.asarray((region.low <= scores) & (scores <= region.high)), widths
