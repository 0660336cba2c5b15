"""Arithmetic on all rows of a matrix, block by block: nothing but the result is as large as the matrix."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

BLOCK = (
    1 << 13
)  # elements: a block and its float64 copy stay in the first-level cache, and numpy converts as many at once


def affine(values: ArrayLike, shift: NDArray[np.float64], scale: NDArray[np.float64], dtype: DTypeLike) -> NDArray[Any]:
    """Compute (values - shift) * scale in float64 and return it, in another type, as a new C-contiguous array.

    values: (rows, F); shift, scale: (F,). Rows are taken by the hundred, as one long row with shift and scale repeated:
    a loop over the few columns of one row would cost more than its arithmetic.
    """
    given = np.ascontiguousarray(values)
    rows, columns = given.shape
    out = np.empty((rows, columns), dtype)
    together = max(min(BLOCK // max(columns, 1), rows), 1)
    shifts, scales = np.tile(shift, together), np.tile(scale, together)
    between = np.empty(together * columns)
    flat, result = given.reshape(-1), out.reshape(-1)
    for first in range(0, flat.size, between.size or 1):
        part = flat[first : first + between.size]
        size = part.size
        np.subtract(part, shifts[:size], out=between[:size], dtype=np.float64)
        np.multiply(between[:size], scales[:size], out=between[:size])
        result[first : first + size] = between[:size]
    return out
