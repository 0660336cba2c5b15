"""Packing of a chunk: the steps of R sequences of unequal length in one matrix, time-major, without padding.

Sequences are ordered by falling length, so that those still running at step t are the first `active(t)`. Packed row
start[t] + r is step t of the r-th longest sequence (the layout of PyTorch's PackedSequence):

    lengths 3, 2, 1:    t = 0: rows 0 1 2    t = 1: rows 3 4    t = 2: row 5      start = 0 3 5 6

Indices say where the rows of a matrix product are found: `source` in the table, `previous` and `following` among the
states (R initial ones first, then one per packed row) for the two directions, `same` for the packed row itself.

Truncated BPTT works on a window of steps: the chunk is then what its sequences have between two steps.
"""

from typing import Any, NamedTuple

import numpy as np

from rnnfast.kernels.lanes.compiling import inlined, part
from rnnfast.kernels.lanes.scalars import quotient, smaller


class Slice(NamedTuple):
    """Steps begin .. begin + window - 1 of the sequences order[first : first + count]."""

    order: Any  # int64 numbers of sequences
    first: int
    count: int
    begin: int
    window: int


class Packing(NamedTuple):
    """Workspace of `pack` for chunks of up to R sequences and P rows."""

    place: np.ndarray  # (R,) int64 position in the batch of the sequences of the chunk, longest first
    length: np.ndarray  # (R,) int64 their steps inside the window
    start: np.ndarray  # (longest + 2,) int64 first packed row of each step
    first: np.ndarray  # (R,) int64 row of the table of their first step there
    source: np.ndarray  # (P,) int64 row of the table
    previous: np.ndarray  # (P,) int64 row of the state before this step
    following: np.ndarray  # (P,) int64 the same for the reverse direction
    same: np.ndarray  # (P,) int64 0, 1, 2, ..


def packing(sequences, longest, rows):
    """Allocate for chunks of up to `sequences` sequences of up to `longest` steps, `rows` packed rows in all."""

    def integers(size):
        return np.zeros(size, np.int64)

    return Packing(
        integers(sequences), integers(sequences), integers(longest + 2), integers(sequences), integers(rows),
        integers(rows), integers(rows), np.arange(rows),
    )  # fmt: skip


@inlined
def steps_of(offsets, q, stride):
    """Steps of sequence q: every `stride` rows one, the last at its last row."""
    return quotient(offsets[q + 1] - offsets[q] + stride - 1, stride)


@inlined
def row_of(offsets, q, stride, i):
    """Row of the table where step i of sequence q ends."""
    return offsets[q + 1] - 1 - (steps_of(offsets, q, stride) - 1 - i) * stride


@part
def pack(offsets, stride, piece, packing):
    """Pack the steps of a Slice: those of its sequences that reach so far.

    Reads:  offsets (sequences + 1,) rows; stride, rows from step to step; piece. Writes: packing.
    Returns: (R, T, P), sequences and steps of the longest one in the window, and packed rows.
    """
    place, length, start = packing.place, packing.length, packing.start
    order, begin = piece.order, piece.begin
    # Insertion sort by falling length: stable, and the chunk is small.
    R = 0
    for n in range(piece.first, piece.first + piece.count):
        q = order[n]
        steps = smaller(steps_of(offsets, q, stride) - begin, piece.window)
        if steps <= 0:
            continue
        i = R
        while i > 0 and length[i - 1] < steps:
            place[i], length[i] = place[i - 1], length[i - 1]
            i -= 1
        place[i], length[i] = n, steps
        R += 1
    if R == 0:
        return 0, 0, 0
    for r in range(R):
        packing.first[r] = row_of(offsets, order[place[r]], stride, begin)
    T, active, P = length[0], R, 0
    for t in range(T):
        while length[active - 1] <= t:
            active -= 1
        start[t] = P
        for r in range(active):
            packing.source[P + r] = packing.first[r] + t * stride
            # Step t - 1 had its rows from start[t - 1] on, step t + 1 will have its from P + active on.
            packing.previous[P + r] = R + start[t - 1] + r if t > 0 else r
            packing.following[P + r] = R + P + active + r if t + 1 < length[r] else r
        P += active
    start[T] = P
    start[T + 1] = P
    return R, T, P
