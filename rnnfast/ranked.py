"""Different values and quantiles of arrays.

The same as NumPy's `unique` and `quantile`, which import its masked arrays at their first call: 0.02 s of a command.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def distinct(values: NDArray[Any]) -> NDArray[Any]:
    """Return the different values of an array without NaN, in ascending order."""
    ranked = np.sort(values, axis=None)
    return np.asarray(ranked[np.append(np.ones(min(len(ranked), 1), bool), ranked[1:] != ranked[:-1])])


def quantiles(values: NDArray[np.float64], shares: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the quantiles (shares,) of finite values (n,), n > 0: linear between two values."""
    ranked = np.sort(values)
    place = np.asarray(shares) * (len(ranked) - 1)
    below = np.floor(place).astype(np.int64)
    low, high, share = ranked[below], ranked[np.minimum(below + 1, len(ranked) - 1)], place - below
    # From the nearer end, as NumPy does, so that the bits are the same.
    return np.asarray(np.where(share < 0.5, low + (high - low) * share, high - (high - low) * (1 - share)))
