"""What scalings and fills need to know of columns, gathered over blocks of rows that are visited once.

    n = n_a + n_b      mean = mean_a + d n_b / n      S = S_a + S_b + d^2 n_a n_b / n      d = mean_b - mean_a

for means and sums of squared deviations S of two blocks (Chan, Golub, LeVeque 1983, eq. 2.1). All values count from the
lowest one of the first block, so that a large offset costs no digits.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

ROW_BLOCK = 4096  # rows looked at in one go, so that they stay in the cache
MOST_SAMPLED = 1_000_000  # rows that quartiles of several blocks are taken from
FOLD = 64  # rows side by side in a reduction: one long loop instead of a short one per row
STREAM = 4  # of the random numbers: split, weights and order have 1 to 3


class Summary:
    """Range of all columns; mean, deviation and quartiles of those that need them. NaN is ignored.

    low, high: (F,), NaN for a column without values. squares: (F,), sum of squared deviations, 0 for columns that did
    not ask for it; count: (F,) values in it.
    """

    def __init__(self, columns: int, moments: Sequence[int] = (), quartiles: Sequence[int] = ()) -> None:
        self.low, self.high = np.full(columns, np.nan), np.full(columns, np.nan)
        self.count, self._mean, self.squares = np.zeros(columns), np.zeros(columns), np.zeros(columns)
        self._origin = np.full(columns, np.nan)  # that values and _mean count from
        self._moments, self._quartiles = list(moments), list(quartiles)
        self._sample = np.empty((0, len(self._quartiles)))
        self._keys = np.empty(0)
        self._random = np.random.default_rng(STREAM)
        self._blocks = 0

    def add(self, values: Floats, rows: NDArray[np.bool_] | None = None, columns: Sequence[int] | None = None) -> None:
        """Take values (rows, columns) into account.

        rows: (rows,) those that count, or None for all; columns: which are the F columns, or None for all, in order.
        """
        for start in range(0, len(values), ROW_BLOCK):
            block = values[start : start + ROW_BLOCK]
            if rows is not None:
                block = block[rows[start : start + ROW_BLOCK]]
            if columns is not None:
                block = block[:, columns]
            if not len(block):
                continue
            low = _reduced(np.fmin, block)
            np.fmin(self.low, low, out=self.low)
            np.fmax(self.high, _reduced(np.fmax, block), out=self.high)
            if self._moments:
                self._add_moments(block[:, self._moments], low[self._moments])
        if self._quartiles:
            picked = [j if columns is None else columns[j] for j in self._quartiles]
            self._add_sample(values[:, picked] if rows is None else values[np.flatnonzero(rows)[:, None], picked])

    def _add_moments(self, block: Floats, low: Floats) -> None:
        """Merge mean and squares of a block; low: its minima."""
        of = self._moments
        self._origin[of] = origin = np.where(np.isnan(self._origin[of]), low, self._origin[of])
        with np.errstate(over="ignore", invalid="ignore"):  # beyond float64: whoever asks sees that it is not finite
            above = block - origin
            known = ~np.isnan(above)
            added = known.sum(axis=0)
            mean = np.where(known, above, 0.0).sum(axis=0) / np.maximum(added, 1)
            squares = np.square(np.where(known, above - mean, 0.0)).sum(axis=0)
            total = np.maximum(self.count[of] + added, 1)
            step = np.where(added, mean - self._mean[of], 0.0)
            self.squares[of] += squares + step * step * (self.count[of] * added / total)
            self._mean[of] += step * (added / total)
        self.count[of] += added

    def _add_sample(self, values: Floats) -> None:
        """Keep rows for quartiles: of several blocks those with the lowest random keys, which is a uniform sample."""
        self._blocks += 1
        self._keys = np.concatenate((self._keys, self._random.random(len(values))))
        self._sample = np.concatenate((self._sample, values))
        if self._blocks > 1 and len(self._keys) > MOST_SAMPLED:
            kept = np.argpartition(self._keys, MOST_SAMPLED)[:MOST_SAMPLED]
            self._keys, self._sample = self._keys[kept], self._sample[kept]

    @property
    def mean(self) -> Floats:
        """(F,), 0 for a column without values."""
        return np.where(np.isnan(self._origin), 0.0, self._origin) + self._mean

    @property
    def deviation(self) -> Floats:
        """(F,), population standard deviation."""
        return np.sqrt(self.squares / np.maximum(self.count, 1))

    def quartiles(self, column: int) -> tuple[float, float, float]:
        """25th, 50th and 75th percentile of a column, interpolated; 0 where it has no value."""
        values = self._sample[:, self._quartiles.index(column)]
        values = values[~np.isnan(values)]
        if not len(values):
            return 0.0, 0.0, 0.0
        first, median, third = np.quantile(values, (0.25, 0.5, 0.75))
        return float(first), float(median), float(third)


def _reduced(function: np.ufunc, block: Floats) -> Floats:
    """Reduce the rows of a block (rows, F) to (F,)."""
    folded = len(block) // FOLD * FOLD
    if folded <= FOLD:
        return np.asarray(function.reduce(block, axis=0))
    wide = function.reduce(block[:folded].reshape(-1, FOLD * block.shape[1]), axis=0).reshape(FOLD, -1)
    return np.asarray(function.reduce(np.concatenate((wide, block[folded:])), axis=0))
