"""How the terms of a metric are summed over rows: all of them, each with its weight.

Every metric is a function of a few such sums. `Whole` gives one of each, and the figure of a table; `Resamples`
(bootstrap.py) gives one for each resample, and by the same formulas the figures of all of them. Arrays of figures are
(R,), R = 1 here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


class Over(Protocol):
    """What rows are summed over: R times."""

    def repeated(self, times: int) -> Over:
        """The same where each row has so many answers, side by side."""

    def total(self, rows: int) -> Floats:
        """(R,), the weight of all of so many rows."""

    def sum(self, values: NDArray[Any]) -> Floats:
        """(R,), the sum of (n,) values."""

    def by(self, code: Integers, size: int) -> Floats:
        """(R, size), the weight of the rows of each code; code: (n,), below 0 for rows of none."""

    def variation(self, values: Floats) -> Floats:
        """(R,), the sum of squared distances from the mean; 0 where all values are the same."""

    def ranking(self, positive: NDArray[np.bool_], score: Floats) -> tuple[Floats, Floats]:
        """(R,) areas under the ROC curve and under precision by recall, NaN with one class."""


class Ties(NamedTuple):
    """order: (n,) rows from the highest score on; last: (ties,) place of the last row of each equal score."""

    order: Integers
    last: Integers


@dataclass(frozen=True)
class Whole:
    """Each row once. weight: (n,) above 0, or None where all weigh 1."""

    weight: Floats | None = None

    def repeated(self, times: int) -> Whole:
        """The same where each row has so many answers."""
        return self if times == 1 or self.weight is None else Whole(np.repeat(self.weight, times))

    def total(self, rows: int) -> Floats:
        """(1,), the weight of all rows."""
        return np.array([float(rows) if self.weight is None else self.weight.sum()])

    def sum(self, values: NDArray[Any]) -> Floats:
        """(1,), the sum of (n,) values."""
        if self.weight is None:
            return np.array([np.count_nonzero(values) if values.dtype == bool else values.sum()], np.float64)
        return np.array([(values * self.weight).sum()], np.float64)

    def by(self, code: Integers, size: int) -> Floats:
        """(1, size), the weight of the rows of each code."""
        return summed_by(np.zeros(len(code), np.int64), 1, code, size, self.weight)

    def variation(self, values: Floats) -> Floats:
        """(1,), the sum of squared distances from the mean.

        Whether all are the same is asked of the values: the rounding of their mean would make the sum tiny in place of
        0.
        """
        if values.min() == values.max():
            return np.zeros(1)
        return self.sum(np.square(values - np.average(values, weights=self.weight)))

    def ranking(self, positive: NDArray[np.bool_], score: Floats) -> tuple[Floats, Floats]:
        """(1,) areas from one sort: of a number for score and label where rows weigh alike and no score is negative."""
        if self.weight is None and score.min() >= 0:
            _, hits, false = counted_ties(score, positive)
            return areas(hits[None] * 1.0, false[None] * 1.0)
        return self.ranked(ties(score), positive)

    def ranked(self, order: Ties, positive: NDArray[np.bool_]) -> tuple[Floats, Floats]:
        """(1,) areas of sorted scores."""
        rows = positive[order.order]
        if self.weight is None:
            hits: NDArray[Any] = np.cumsum(rows, dtype=np.int64)[order.last]
            return areas(hits[None] * 1.0, (order.last + 1 - hits)[None] * 1.0)
        weight = self.weight[order.order]
        of_positives = np.where(rows, weight, 0.0)
        weight -= of_positives
        hits, false = (np.cumsum(part, out=part)[order.last][None] for part in (of_positives, weight))
        return areas(hits, false)


EACH_ROW = Whole()
MOST_PACKED = 2**32 - 1  # rows whose number stands behind the bits of a score


def ties(score: Floats) -> Ties:
    """Sort scores (n,).

    Those of a network in float32, none of them negative, as whole numbers with the row behind the bits of the score:
    their own sort takes a third of the time of sorting rows by score.
    """
    key = _bits(score) if len(score) <= MOST_PACKED else None
    if key is None or key.dtype != np.uint32:
        order = np.argsort(score)[::-1]
        ranked: NDArray[Any] = score[order]
    else:
        packed = key.astype(np.uint64) << np.uint64(32)
        packed |= np.arange(len(score), dtype=np.uint64)
        packed.sort()
        packed = packed[::-1]
        order = (packed & np.uint64(MOST_PACKED)).astype(np.int64)
        ranked = packed >> np.uint64(32)
    return Ties(order, _last(ranked))


def _last(ranked: NDArray[Any]) -> Integers:
    """Return the place of the last one of each run of equal values."""
    return np.flatnonzero(np.append(ranked[1:] != ranked[:-1], np.ones(min(len(ranked), 1), bool)))


def _bits(score: Floats) -> NDArray[Any] | None:
    """Return the bits of scores as whole numbers in the order of the scores, 32 where float32 holds all of them.

    A new array; None where a score is negative or NaN, or there is none.
    """
    if not len(score) or not score.min() >= 0:
        return None
    short = score.astype(np.float32)
    return (short + np.float32(0)).view(np.uint32) if np.array_equal(short, score) else (score + 0.0).view(np.uint64)


def counted_ties(score: Floats, positive: NDArray[np.bool_]) -> tuple[Floats, Integers, Integers]:
    """Return (ties,) the different scores, descending, and positives and negatives from the highest down to each.

    score: (n,), n > 0, none of them negative or NaN.

    The bits of floats that are not negative are in the order of the numbers and their sign bit is 0: the label takes
    its place at the other end, and sorting these whole numbers takes half the time of sorting rows by score.
    """
    key = _bits(score)
    assert key is not None
    one, number = key.dtype.type(1), np.float32 if key.dtype == np.uint32 else np.float64
    key <<= one
    key |= positive
    key.sort()
    key = key[::-1]
    hits = np.cumsum(key & one, dtype=np.int64)
    key >>= one
    last = _last(key)
    hits = hits[last]
    return key[last].view(number).astype(np.float64), hits, last + 1 - hits


def areas(hits: NDArray[Any], false: NDArray[Any]) -> tuple[Floats, Floats]:
    """Return auroc and auprc, (R,), NaN with one class.

    hits, false: (R, K), the weight of the positives, and of the negatives, from the highest of K scores down to each.
    Equal scores count as one step. Whole numbers up to 1e15 pairs are exact.
    """
    positives, negatives = hits[:, -1], false[:, -1]
    both = np.where((positives > 0) & (negatives > 0), 1.0, np.nan)
    new = hits.copy()
    new[:, 1:] -= hits[:, :-1]
    terms = np.maximum(hits + false, np.finfo(np.float64).tiny)
    np.divide(hits, terms, out=terms)  # the precision
    terms *= new
    auprc = np.sum(terms, axis=1)
    # Each positive has as many negatives below it as there are in all, less those above, and of its equals half
    terms[:] = false
    terms[:, 1:] += false[:, :-1]
    terms *= new
    pairs = positives * negatives - np.sum(terms, axis=1) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        return pairs / (positives * negatives) * both, auprc / positives * both


def summed_by(unit: Integers, units: int, code: Integers, size: int, weight: Floats | None) -> Floats:
    """(units, size), the weight of the rows of each unit and code; rows with a code below 0 are left out."""
    if (code < 0).any():
        inside = code >= 0
        unit, code, weight = unit[inside], code[inside], None if weight is None else weight[inside]
    sums = np.bincount(unit * size + code, weight, units * size)
    return np.asarray(sums.reshape(units, size), np.float64)


def ratio(part: Floats, whole: Floats) -> Floats:
    """Return part / whole, 0 where the whole is 0."""
    return np.divide(part, whole, out=np.zeros(np.broadcast(part, whole).shape), where=np.asarray(whole) > 0)
