"""Packing of a chunk: the steps of R sequences of unequal length in one matrix, time-major, without padding.

Sequences are ordered by falling length, so that those still running at step t are the first `active(t)`. Packed row
start[t] + r is step t of the r-th longest sequence (the layout of PyTorch's PackedSequence):

    lengths 3, 2, 1:    t = 0: rows 0 1 2    t = 1: rows 3 4    t = 2: row 5      start = 0 3 5 6

Three indices say where the rows of a matrix product are found: `source` in the table, `previous` among the states (R
initial ones first, then one per packed row), `same` for the packed row itself.
"""

from typing import NamedTuple

import numpy as np

from rnnfast.kernels.compiling import part


class Packing(NamedTuple):
    """Workspace of `pack` for chunks of up to R sequences and P rows."""

    sequence: np.ndarray  # (R,) int64 sequences of the chunk, longest first
    start: np.ndarray  # (longest + 1,) int64 first packed row of each step
    source: np.ndarray  # (P,) int64 row of the table
    previous: np.ndarray  # (P,) int64 row of the state before this step
    same: np.ndarray  # (P,) int64 0, 1, 2, ..


def packing(sequences, longest):
    """Allocate for chunks of up to `sequences` sequences of up to `longest` steps."""
    rows = sequences * longest
    integers = np.int64
    return Packing(
        np.zeros(sequences, integers), np.zeros(longest + 1, integers), np.zeros(rows, integers),
        np.zeros(rows, integers), np.arange(rows),
    )  # fmt: skip


@part
def pack(offsets, order, first, R, packing):
    """Pack the sequences order[first : first + R].

    Reads:  offsets (sequences + 1,), order. Writes: packing.
    Returns: (T, P), steps of the longest sequence and packed rows.
    """
    sequence, start, source, previous, _ = packing
    # Insertion sort by falling length: stable, and R is small.
    for r in range(R):
        q = order[first + r]
        length = offsets[q + 1] - offsets[q]
        place = r
        while place > 0 and offsets[sequence[place - 1] + 1] - offsets[sequence[place - 1]] < length:
            sequence[place] = sequence[place - 1]
            place -= 1
        sequence[place] = q
    T = offsets[sequence[0] + 1] - offsets[sequence[0]]
    active, P = R, 0
    for t in range(T):
        while offsets[sequence[active - 1] + 1] - offsets[sequence[active - 1]] <= t:
            active -= 1
        start[t] = P
        for r in range(active):
            source[P + r] = offsets[sequence[r]] + t
            # States: R initial ones, then the packed rows. Step t - 1 had its rows from start[t - 1] on.
            previous[P + r] = R + start[t - 1] + r if t > 0 else r
        P += active
    start[T] = P
    return T, P
