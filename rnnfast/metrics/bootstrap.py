"""Intervals of metrics by the bootstrap (Efron 1979) over owners: ids, or sequences where there is no id; never rows.

A resample draws as many units as there are, with replacement. Metrics are functions of sums, so the sums of each unit
are computed once, and a resample multiplies them by how often it drew each: one matrix product for all of them.

* More owners than MOST_UNITS are dealt into that many units at random. The spread of a sum over independent owners
  stays what it is; 1.6 % is how far 2,048 units miss it, 2.2 % how far 1,000 resamples do.
* Rankings sum the weight of both classes at each score. Scores of negatives between the same two positives are one;
  more than MOST_SCORES then are pooled at quantiles of both classes. What that changes in the figure of all rows, the
  figures of the resamples are corrected by.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnfast.metrics.whole import Floats, Integers, Ties, Whole, areas, summed_by, ties

RESAMPLES = 1000
MOST_UNITS = 2048
MOST_SCORES = 1024
LEAST_DEFINED = 0.5  # share of the resamples that must have a figure for an interval
CONSTANT = 1e-12  # of the variation of all rows: what rounding leaves of that of equal ones

Interval = tuple[float, float]


@dataclass(frozen=True, eq=False)
class Resamples:
    """So many resamples of the units of a table.

    unit: (n,) of each row; counts: (R, units), how often each resample drew each unit; weight: (n,) of rows, or None.
    Two models scored on the same rows share one of these, so that their differences are paired.
    """

    unit: Integers
    counts: Floats
    weight: Floats | None = None

    @classmethod
    def of(cls, owner: Integers, weight: Floats | None = None, resamples: int = RESAMPLES, seed: int = 0) -> Resamples:
        """Draw units of the rows whose owners (n,) are numbered in any way; a seed gives the same draws anywhere."""
        generator = np.random.default_rng(seed)
        names, unit = np.unique(owner, return_inverse=True)
        units = min(len(names), MOST_UNITS)
        if units < len(names):
            unit = (generator.permutation(len(names)) % units)[unit]
        drawn = generator.integers(0, units, (resamples, units))
        places = drawn + units * np.arange(resamples)[:, None]
        counts = np.bincount(places.ravel(), minlength=resamples * units).reshape(resamples, units)
        return cls(unit, counts.astype(np.float64), weight)

    @property
    def units(self) -> int:
        """How many units there are."""
        return int(self.counts.shape[1])

    def repeated(self, times: int) -> Resamples:
        """The same where each row has so many answers, side by side."""
        if times == 1:
            return self
        weight = None if self.weight is None else np.repeat(self.weight, times)
        return Resamples(np.repeat(self.unit, times), self.counts, weight)

    def total(self, rows: int) -> Floats:
        """(R,), the weight of all rows."""
        return self._total

    @cached_property
    def _total(self) -> Floats:
        return self.counts @ np.bincount(self.unit, self.weight, self.units)

    def sum(self, values: NDArray[Any]) -> Floats:
        """(R,), the sum of (n,) values."""
        weighted = values if self.weight is None else values * self.weight
        return self.counts @ np.bincount(self.unit, weighted, self.units)

    def by(self, code: Integers, size: int) -> Floats:
        """(R, size), the weight of the rows of each code."""
        return self.counts @ summed_by(self.unit, self.units, code, size, self.weight)

    def variation(self, values: Floats) -> Floats:
        """(R,), the sum of squared distances from the mean of each resample."""
        distance = values - np.average(values, weights=self.weight)
        squares = self.sum(np.square(distance))
        with np.errstate(divide="ignore", invalid="ignore"):
            spread = squares - np.square(self.sum(distance)) / self.total(len(values))
        return np.where(spread > CONSTANT * squares, spread, 0.0)

    def ranking(self, positive: NDArray[np.bool_], score: Floats) -> tuple[Floats, Floats]:
        """(R,) areas under the ROC curve and under precision by recall."""
        order = ties(score)
        code, size = score_codes(order, positive)
        drawn, all_rows = zip(*(self._by_score(rows, code[rows], size) for rows in (positive, ~positive)), strict=True)
        resampled = areas(*(np.cumsum(sums, axis=1) for sums in drawn))
        exact = Whole(self.weight).ranked(order, positive)
        pooled = areas(*(np.cumsum(sums, axis=1) for sums in all_rows))
        auroc, auprc = (np.clip(r + (e - p), 0.0, 1.0) for r, e, p in zip(resampled, exact, pooled, strict=True))
        return auroc, auprc

    def _by_score(self, rows: NDArray[np.bool_], code: Integers, size: int) -> tuple[Floats, Floats]:
        """Return the weight of the rows of a class at each score, (R, size) in the resamples and (1, size) in all.

        code: of each of these rows. Of a rare class most units and scores have no row, and are no part of the product.
        """
        weight = None if self.weight is None else self.weight[rows]
        unit, units = _compact(self.unit[rows], self.units)
        own, codes = _compact(code, size)
        sums = summed_by(unit, len(units), own, len(codes), weight)
        drawn, every = np.zeros((len(self.counts), size)), np.zeros((1, size))
        drawn[:, codes] = self.counts[:, units] @ sums
        every[:, codes] = sums.sum(axis=0)
        return drawn, every


def _compact(numbers: Integers, size: int) -> tuple[Integers, Integers]:
    """Number those numbers (n,) below `size` that occur from 0 on. Returns: (n,) the new ones, and the old of each."""
    occurs = np.bincount(numbers, minlength=size) > 0
    return (np.cumsum(occurs) - 1)[numbers], np.flatnonzero(occurs)


@dataclass(frozen=True)
class Difference:
    """How much better one model scores than another on the same rows, as the difference of a metric.

    interval: of the difference; higher: share of the resamples in which the first one's figure is higher.
    """

    difference: float
    interval: Interval
    higher: float

    @property
    def certain(self) -> bool:
        """Whether the interval leaves out 0."""
        low, high = self.interval
        return low > 0 or high < 0


def intervals(measures: Mapping[str, Floats], level: float) -> dict[str, Interval | None]:
    """Return the percentile interval of each metric; level: in per cent. None where most resamples have no figure."""
    return {name: _interval(values, level) for name, values in measures.items()}


def paired(
    first: Mapping[str, Floats], second: Mapping[str, Floats], points: Mapping[str, float | None], level: float
) -> dict[str, Difference | None]:
    """Compare two models by their figures (R,) in the same resamples; points: first minus second on all rows.

    None where a figure is undefined, on all rows or in most resamples.
    """
    compared: dict[str, Difference | None] = {}
    for name, values in first.items():
        differences, point = values - second[name], points.get(name)
        interval = _interval(differences, level)
        compared[name] = None
        if interval is not None and point is not None:
            defined = differences[np.isfinite(differences)]
            compared[name] = Difference(point, interval, float(np.mean(defined > 0)))
    return compared


def score_codes(sorted_scores: Ties, positive: NDArray[np.bool_]) -> tuple[Integers, int]:
    """Number scores (n,) from the highest one, equal ones alike, so that no more than MOST_SCORES numbers are needed.

    Returns: (n,) codes, and how many there are.
    """
    order, last = sorted_scores
    hits, selected = np.cumsum(positive[order])[last], last + 1
    gains = np.diff(hits, prepend=0)
    of_negatives = gains == 0
    begins = np.append(True, ~(of_negatives[1:] & of_negatives[:-1]))
    if np.count_nonzero(begins) > MOST_SCORES:
        mass = hits / max(hits[-1], 1) + (selected - hits) / max(int(selected[-1] - hits[-1]), 1)
        place = np.floor(np.append(0.0, mass[:-1]) * (MOST_SCORES / 2 - 1)).astype(np.int64)
        begins = np.append(True, place[1:] != place[:-1])
    of_tie = np.cumsum(begins) - 1
    code = np.empty(len(order), np.int64)
    code[order] = np.repeat(of_tie, np.diff(selected, prepend=0))
    return code, int(of_tie[-1]) + 1


def _interval(values: Floats, level: float) -> Interval | None:
    defined = values[np.isfinite(values)]
    if len(defined) < max(LEAST_DEFINED * len(values), 1):
        return None
    tail = (1 - level / 100) / 2
    low, high = np.quantile(defined, [tail, 1 - tail])
    return float(low), float(high)


__all__ = ["RESAMPLES", "Difference", "Interval", "Resamples", "intervals", "paired"]
