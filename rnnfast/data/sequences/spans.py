"""Stretches of rows: offsets, their indices, windows cut from them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]


def ends(lengths: Integers) -> Integers:
    """Return (n + 1,) offsets of sequences with these lengths."""
    return np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(lengths, dtype=np.int64)))


def spans(starts: Integers, lengths: Integers) -> Integers:
    """Return the indices starts[k] .. starts[k] + lengths[k] - 1 for all k, end to end."""
    offsets = ends(lengths)
    return np.arange(offsets[-1], dtype=np.int64) + np.repeat(starts - offsets[:-1], lengths)


def steps(lengths: Integers) -> Integers:
    """Return the step of each row in its sequence, from 0, for sequences with these lengths, end to end."""
    return spans(np.zeros(len(lengths), dtype=np.int64), lengths)


def windows(offsets: Integers, window: int, stride: int) -> tuple[Integers, Integers, Integers]:
    """Cut each sequence into windows that start every `stride` rows; a rest becomes a shorter last window.

    A window that would hold only rows of the one before is left out. A stride above the window leaves rows between out.
    Returns: sequence (windows,), start row (windows,) and length (windows,) of each window.
    """
    lengths = np.diff(offsets)
    count = np.minimum(-(-np.maximum(lengths - window, 0) // stride) + 1, -(-lengths // stride))
    sequence = np.repeat(np.arange(len(lengths), dtype=np.int64), count)
    inside = steps(count) * stride
    return sequence, offsets[sequence] + inside, np.minimum(window, lengths[sequence] - inside)
