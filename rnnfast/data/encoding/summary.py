"""What scalings and fills need to know of columns, gathered over blocks of rows that are visited once.

    n = n_a + n_b      mean = mean_a + d n_b / n      S = S_a + S_b + d^2 n_a n_b / n      d = mean_b - mean_a

for means and sums of squared deviations S of two blocks (Chan, Golub, LeVeque 1983, eq. 2.1). All values count from the
lowest one of the first block, so that a large offset costs no digits.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

ROW_BLOCK = 4096  # rows looked at in one go, so that they stay in the cache
FOLD = 64  # rows side by side in a reduction: one long loop instead of a short one per row
STREAM = 4  # of the random numbers: split, weights and order have 1 to 3


class Summary:
    """Range of all columns; mean, deviation and quartiles of those that need them. NaN is ignored.

    moments, quartiles: the columns that need these. most: rows that quartiles are taken from, None for all: of more
    rows a uniform sample, in which the rank of a quartile is off by more than 2 / sqrt(most) once in 16,000 times.
    Rows are looked at in chunks of ROW_BLOCK, counted from the first one: the blocks that they come in do not matter.
    """

    def __init__(
        self, columns: int, moments: Sequence[int] = (), quartiles: Sequence[int] = (), most: int | None = None
    ) -> None:
        self._low, self._high = np.full(columns, np.nan), np.full(columns, np.nan)
        self._count, self._mean, self._squares = np.zeros(columns), np.zeros(columns), np.zeros(columns)
        self._origin = np.full(columns, np.nan)  # that values and _mean count from
        self._moments = list(moments)
        self._rest: list[Floats] = []  # rows that do not fill a chunk yet, and how many of the table they stand for
        self._rest_rows = 0
        self._sample = Sample(list(quartiles), most)

    def add(self, values: Floats, rows: NDArray[np.bool_] | None = None, columns: Sequence[int] | None = None) -> None:
        """Take values (rows, columns) into account.

        rows: (rows,) those that count, or None for all; columns: which are the F columns, or None for all, in order.
        """
        for name in ("mean", "deviation"):  # which are cached
            vars(self).pop(name, None)
        start = 0
        while start < len(values):
            stop = min(start + ROW_BLOCK - self._rest_rows, len(values))
            chunk = values[start:stop]
            if rows is not None:
                chunk = chunk[rows[start:stop]]
            if columns is not None:
                chunk = chunk[:, columns]
            if self._rest_rows + stop - start < ROW_BLOCK:
                self._rest.append(chunk.copy())
                self._rest_rows += stop - start
            else:
                self._look_at(np.concatenate((*self._rest, chunk)) if self._rest else chunk)
                self._rest, self._rest_rows = [], 0
            start = stop
        if self._sample.columns:
            places = [j if columns is None else columns[j] for j in self._sample.columns]
            self._sample.add(values[:, places] if rows is None else values[np.flatnonzero(rows)[:, None], places])

    def merge(self, other: Summary) -> Summary:
        """Take what another summary of other rows of these columns knows into account; returns itself."""
        self._finish()
        other._finish()
        for name in ("mean", "deviation"):  # of what was known before
            self.__dict__.pop(name, None)
        np.fmin(self._low, other._low, out=self._low)
        np.fmax(self._high, other._high, out=self._high)
        of = self._moments
        if of:
            # Means count from the origin of each summary: where this one has none, that of the other is as good.
            self._origin[of] = origin = np.where(np.isnan(self._origin[of]), other._origin[of], self._origin[of])
            shift = np.where(np.isnan(other._origin[of]), 0.0, other._origin[of] - origin)
            self._add(other._count[of], other._mean[of] + shift, other._squares[of])
        self._sample.merge(other._sample)
        return self

    def _finish(self) -> None:
        """Look at the rows that fill no chunk."""
        if self._rest:
            self._look_at(np.concatenate(self._rest))
            self._rest, self._rest_rows = [], 0

    def _look_at(self, chunk: Floats) -> None:
        """Merge a chunk of rows (rows, F)."""
        if not chunk.size:
            return
        low = _reduced(np.fmin, chunk)
        np.fmin(self._low, low, out=self._low)
        np.fmax(self._high, _reduced(np.fmax, chunk), out=self._high)
        if self._moments:
            self._add_moments(chunk[:, self._moments], low[self._moments])

    def _add_moments(self, block: Floats, low: Floats) -> None:
        """Merge mean and squares of a block; low: its minima."""
        of = self._moments
        self._origin[of] = origin = np.where(np.isnan(self._origin[of]), low, self._origin[of])
        with np.errstate(over="ignore", invalid="ignore"):  # beyond float64: whoever asks sees that it is not finite
            above = block - origin
            present = ~np.isnan(above)
            added = present.sum(axis=0)
            mean = np.where(present, above, 0.0).sum(axis=0) / np.maximum(added, 1)
            squares = np.square(np.where(present, above - mean, 0.0)).sum(axis=0)
        self._add(added, mean, squares)

    def _add(self, added: Any, mean: Floats, squares: Floats) -> None:
        """Merge count, mean from the origin, and sum of squared deviations of other rows, (moments,) each."""
        of = self._moments
        with np.errstate(over="ignore", invalid="ignore"):
            total = np.maximum(self._count[of] + added, 1)
            step = np.where(added, mean - self._mean[of], 0.0)
            self._squares[of] += squares + step * step * (self._count[of] * added / total)
            self._mean[of] += step * (added / total)
        self._count[of] += added

    @property
    def low(self) -> Floats:
        """(F,), the lowest value, NaN for a column without values."""
        self._finish()
        return self._low

    @property
    def high(self) -> Floats:
        """(F,), the highest value, NaN for a column without values."""
        self._finish()
        return self._high

    @property
    def squares(self) -> Floats:
        """(F,), sum of squared deviations, 0 for columns that did not ask for it."""
        self._finish()
        return self._squares

    @cached_property
    def mean(self) -> Floats:
        """(F,), 0 for a column without values."""
        self._finish()
        return np.where(np.isnan(self._origin), 0.0, self._origin) + self._mean

    @cached_property
    def deviation(self) -> Floats:
        """(F,), population standard deviation."""
        return np.sqrt(self.squares / np.maximum(self._count, 1))

    def quartiles(self, column: int) -> tuple[float, float, float]:
        """25th, 50th and 75th percentile of a column, interpolated; 0 where it has no value."""
        values = self.values(column)
        if not len(values):
            return 0.0, 0.0, 0.0
        first, median, third = np.quantile(values, (0.25, 0.5, 0.75))
        return float(first), float(median), float(third)

    def values(self, column: int) -> Floats:
        """Return the values of a column that asked for quartiles, (n,), those of a sample where there are too many."""
        return self._sample.values(column)


class Sample:
    """Rows of some columns for quartiles: all, or those with the lowest of random keys, which is a uniform sample.

    columns: which they are; most: how many rows are kept, None for all.
    """

    def __init__(self, columns: list[int], most: int | None) -> None:
        self.columns, self.most = columns, most
        self._place_of = {column: place for place, column in enumerate(columns)}
        self._random = np.random.default_rng(STREAM)
        self._rows: list[Floats] = []
        self._keys: list[Floats] = []
        self._count = 0
        self._bound = np.inf  # keys from here on were let go

    def merge(self, other: Sample) -> None:
        """Keep the rows of another sample too: those below the bounds of both, a uniform sample of all."""
        self._rows += other._rows
        self._keys += other._keys
        self._count += other._count
        self._bound = min(self._bound, other._bound)
        if self._keys and self._bound < np.inf:
            keys = np.concatenate(self._keys)
            low = keys < self._bound
            self._keys, self._rows, self._count = [keys[low]], [np.concatenate(self._rows)[low]], int(low.sum())

    def add(self, values: Floats) -> None:
        """Keep rows (rows, columns)."""
        self._rows.append(values)
        if self.most is None:
            return
        self._keys.append(self._random.random(len(values)))
        self._count += len(values)
        if self._count > 2 * self.most:
            self._cut(self.most)

    def _cut(self, most: int) -> None:
        """Keep the rows with the lowest keys."""
        keys, rows = np.concatenate(self._keys), np.concatenate(self._rows)
        order = np.argpartition(keys, most)
        lowest, self._bound = np.sort(order[:most]), min(self._bound, float(keys[order[most]]))
        self._keys, self._rows, self._count = [keys[lowest]], [rows[lowest]], most

    def values(self, column: int) -> Floats:
        """As of Summary."""
        if self.most is not None and self._count > self.most:
            self._cut(self.most)
        if len(self._rows) != 1:
            self._rows = [np.concatenate(self._rows)] if self._rows else [np.empty((0, len(self.columns)))]
        values = self._rows[0][:, self._place_of[column]]
        return np.asarray(values[~np.isnan(values)], np.float64)


def _reduced(function: np.ufunc, block: Floats) -> Floats:
    """Reduce the rows of a block (rows, F) to (F,)."""
    folded = len(block) // FOLD * FOLD
    if folded <= FOLD:
        return np.asarray(function.reduce(block, axis=0))
    wide = function.reduce(block[:folded].reshape(-1, FOLD * block.shape[1]), axis=0).reshape(FOLD, -1)
    return np.asarray(function.reduce(np.concatenate((wide, block[folded:])), axis=0))
