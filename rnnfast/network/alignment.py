"""Memory that starts on a cache line, and distances of rows that suit the caches."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

ALIGNMENT = 64  # bytes: a cache line and the widest register
SPAN = 64  # elements: tensors start at multiples of the widest SIMD value
_CROWDED = 512  # bytes: rows at multiples of this share few sets of the first-level cache


def aligned(size: int, dtype: DTypeLike) -> NDArray[Any]:
    """A flat array of zeros that starts on a cache line."""
    dtype = np.dtype(dtype)
    raw = np.zeros(size * dtype.itemsize + ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    return raw[start : start + size * dtype.itemsize].view(dtype)


def on_cache_line(x: NDArray[Any], dtype: DTypeLike) -> NDArray[Any]:
    """The numbers of x, flat: x itself where it is C-contiguous, of that type and on a cache line, else a copy."""
    if x.dtype == dtype and x.flags.c_contiguous and x.ctypes.data % ALIGNMENT == 0:
        return x.ravel()
    flat = aligned(x.size, dtype)
    flat[:] = x.ravel()
    return flat


def row_distance(width: int, dtype: DTypeLike) -> int:
    """Distance of rows of `width` numbers in a matrix that is read by columns of tiles.

    Rows that lie _CROWDED bytes or a multiple apart push each other out of the first-level cache: they get a cache line
    in between.
    """
    itemsize = np.dtype(dtype).itemsize
    return width if width * itemsize % _CROWDED else width + ALIGNMENT // itemsize


class Spans:
    """Hands out offsets in one span; tensors start, and the span ends, at a multiple of the widest SIMD value."""

    def __init__(self) -> None:
        self.size = 0

    def take(self, count: int) -> int:
        """The offset of `count` elements."""
        offset, self.size = self.size, self.size - (-count // SPAN) * SPAN
        return offset
