"""Areas under the ROC and the precision-recall curve of scores that lie in many places, from what each place counts.

A tally is the weight of positives and negatives by score. Coarse ones drop the lowest bits of the scores, so that many
scores share an entry of which nobody knows the order inside; how far the areas may be off follows from the entries:

    auroc    sum over entries of P_k N_k / 2, divided by P N                    each pair in an entry counts as a tie
    auprc    with an entry's positives all before its negatives, and all behind     the area lies between

P_k, N_k: positives and negatives of an entry; P, N: of all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnfast.metrics.whole import areas

Floats = NDArray[np.float64]

COARSE = 38  # bits that are dropped: 14 of the 52 behind the binary point stay, so that a score is known to 0.00006
FEWEST = 1 << 16  # entries that wait to be merged, 24 bytes each


class Tally(NamedTuple):
    """Entries by ascending score.

    code: (K,) uint64, scores as whole numbers in their order, less the bits that are dropped. positive, negative: (K,)
    weight of the rows of each class.
    """

    code: NDArray[np.uint64]
    positive: Floats
    negative: Floats


class Ranking(NamedTuple):
    """Areas, NaN with one class, and how far each may be off."""

    auroc: float
    auprc: float
    auroc_bound: float
    auprc_bound: float


def tally(positive: NDArray[np.bool_], score: Floats, weight: Floats | None = None, coarse: int = 0) -> Tally:
    """Count rows (n,) by score, which is not negative; coarse: bits that are dropped, weight: None for rows alike."""
    weight = np.ones(len(score)) if weight is None else weight
    code = (np.asarray(score, np.float64) + 0.0).view(np.uint64) >> np.uint64(coarse)  # -0.0 becomes 0.0
    return merged([Tally(code, np.where(positive, weight, 0.0), np.where(positive, 0.0, weight))])


def merged(tallies: Sequence[Tally]) -> Tally:
    """Put tallies together; sums run in their order."""
    code, entry = np.unique(np.concatenate([one.code for one in tallies]), return_inverse=True)
    positive = np.concatenate([one.positive for one in tallies])
    negative = np.concatenate([one.negative for one in tallies])
    return Tally(code, *(np.bincount(entry, each, len(code)).astype(np.float64) for each in (positive, negative)))


class Tallies:
    """Tallies that come one after the other, and what they are together."""

    def __init__(self) -> None:
        self._pieces, self._waiting = [Tally(np.zeros(0, np.uint64), np.zeros(0), np.zeros(0))], 0

    def add(self, piece: Tally) -> None:
        """Take another one; merged when those that wait outgrow the rest, so that n entries take time for n log n."""
        self._pieces.append(piece)
        self._waiting += len(piece.code)
        if self._waiting > max(len(self._pieces[0].code), FEWEST):
            self._pieces, self._waiting = [self.whole], 0

    @property
    def whole(self) -> Tally:
        """All that came."""
        return merged(self._pieces)


def ranking(counts: Tally, coarse: int = 0) -> Ranking:
    """Return the areas of a tally; coarse: bits that its scores have lost. If none, equal scores are ties."""
    if not len(counts.code):
        return Ranking(np.nan, np.nan, 0.0, 0.0)
    positive, negative = counts.positive[::-1], counts.negative[::-1]
    hits, false = np.cumsum(positive), np.cumsum(negative)
    auroc, auprc = (float(area[0]) for area in areas(hits[None], false[None]))
    if not coarse or np.isnan(auroc):
        return Ranking(auroc, auprc, 0.0, 0.0)
    before_hits, before_false = hits - positive, false - negative
    best = np.sum(positive * _share(hits, hits + before_false)) / hits[-1]
    worst = np.sum(positive * _share(before_hits, before_hits + false)) / hits[-1]
    pairs = np.sum(positive * negative) / 2 / (hits[-1] * false[-1])
    return Ranking(auroc, auprc, float(pairs), float(max(best - auprc, auprc - worst)))


def _share(part: NDArray[Any], whole: NDArray[Any]) -> Floats:
    """Return part / whole, 0 where the whole is 0."""
    return np.asarray(np.divide(part, whole, out=np.zeros(len(whole)), where=whole > 0), np.float64)
