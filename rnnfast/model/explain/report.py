"""What attributions of several answers say together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rnnfast.model.explain.attribution import Explanation
from rnnfast.records import UNSET, Record, UnsetType

NEAR = 24  # steps beside the explained one that are shown by themselves


class FeatureShare(Record, frozen=True):
    """How much a feature moves the output, over all steps.

    magnitude: sum of the magnitudes of its attributions, mean over the answers; share: of all features' magnitudes.
    sum: of its attributions, with their signs, mean over the answers. by_step: magnitude at each of the steps of the
    report, mean over the answers.
    """

    feature: str
    magnitude: float
    share: float
    sum: float
    by_step: tuple[float, ...]


class AttributionReport(Record, frozen=True, kw_only=True):
    """What `explain --json` prints.

    answer: the output that is explained: a target, a class, or "the predicted class". explained: so many answers, of
    `sequences` sequences. baseline: what they are explained beside. start, end: mean output for it, and for the rows.
    error: the largest difference between the sum of attributions and end - start, as a share of that; points: most
    that an integral took. steps: from the explained row, 0. features: those that move the output most first.
    id, row: of a single answer. output: the file that was written, of so many lines.
    """

    task: str
    answer: str
    explained: int
    sequences: int
    baseline: str
    start: float
    end: float
    error: float
    points: int
    steps: tuple[int, ...]
    features: tuple[FeatureShare, ...]
    id: str | UnsetType = UNSET
    row: int | UnsetType = UNSET
    output: str | UnsetType = UNSET
    lines: int | UnsetType = UNSET
    notes: tuple[str, ...] = ()


class Totals:
    """Sums over explanations, one after the other."""

    def __init__(self, features: Sequence[str]) -> None:
        self.features, self.count = features, 0
        self.sums, self.magnitudes = np.zeros(len(features)), np.zeros(len(features))
        self.steps: dict[int, NDArray[np.float64]] = {}
        self.start = self.end = self.error = 0.0
        self.points = 0

    def add(self, one: Explanation) -> None:
        """Count one more."""
        self.count += 1
        self.sums += one.attribution.sum(axis=0)
        self.magnitudes += np.abs(one.attribution).sum(axis=0)
        first, stop = max(0, one.own - NEAR), min(len(one.rows), one.own + NEAR + 1)
        for step in range(first, stop):
            at = step - one.own
            self.steps[at] = self.steps.get(at, 0.0) + np.abs(one.attribution[step])
        self.start, self.end = self.start + one.start, self.end + one.end
        self.error, self.points = max(self.error, one.error), max(self.points, one.points)

    def shares(self) -> tuple[FeatureShare, ...]:
        """Return what each feature does, those that move the output most first."""
        total, by_step = float(self.magnitudes.sum()), self._by_step() / self.count
        order = np.argsort(-self.magnitudes, kind="stable").tolist()
        return tuple(
            FeatureShare(
                feature=self.features[j],
                magnitude=float(self.magnitudes[j]) / self.count,
                share=float(self.magnitudes[j]) / total if total else 0.0,
                sum=float(self.sums[j]) / self.count,
                by_step=tuple(by_step[:, j].tolist()),
            )
            for j in order
        )

    def _by_step(self) -> NDArray[np.float64]:
        return np.stack([self.steps[at] for at in sorted(self.steps)])
