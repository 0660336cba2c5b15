"""Scaling by ranks: the share of the training values below a value, from 0 to 1, whatever their distribution.

    rank(v) = the mean of i / (n - 1) over the places i at which v stands among n sorted values

At most MOST_KNOTS values, at even shares, stand for all; between them the rank is linear, outside it is that of the
nearest one.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MOST_KNOTS = 1000


class Knots(NamedTuple):
    """Values of a column, ascending and different, and the ranks of these: (knots,) each, one or more."""

    values: Floats
    ranks: Floats

    @classmethod
    def of(cls, values: Floats) -> Knots:
        """Take the knots of the values (n,) of a column, one or more of them and none NaN."""
        last = len(values) - 1
        places = np.rint(np.linspace(0, last, min(len(values), MOST_KNOTS))).astype(np.int64)
        knots, number, count = np.unique(np.sort(values)[places], return_inverse=True, return_counts=True)
        return cls(knots, np.bincount(number, places) / count / max(last, 1))

    def rank(self, values: NDArray[Any]) -> Floats:
        """Return the ranks of values of any shape, NaN where these are."""
        return np.asarray(np.interp(values, self.values, self.ranks))

    def value(self, ranks: NDArray[Any]) -> Floats:
        """Return the values that ranks stand for."""
        return np.asarray(np.interp(ranks, self.ranks, self.values))

    @property
    def usable(self) -> bool:
        """Whether they can be the knots of a column."""
        ascending = all(bool((np.diff(numbers) > 0).all()) for numbers in self)
        finite = all(bool(np.isfinite(numbers).all()) for numbers in self)
        return ascending and finite and len(self.values) == len(self.ranks) > 0
