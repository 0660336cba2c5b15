"""All memory of the hot path: allocated once per run, 64-byte aligned, reused by every update.

Dimension letters, the same everywhere:

    F features            H hidden units         O outputs           G gates of a cell (1 for rnn)
    T steps of a sequence D directions           W lanes of a SIMD value   M rows of a register tile
    N = G * padded H, the width of the gates side by side; a padded width is a multiple of the lanes
    R sequences of a chunk, P packed rows: the steps of its sequences
    S accumulators of a gradient: a batch is cut into chunks, chunk c adds to accumulator c % S
"""

from typing import NamedTuple

import numpy as np

from rnnfast.kernels.packed.packing import Packing, packing

ALIGNMENT = 64  # bytes: a cache line and the widest register
_SPAN = 64  # elements: tensors start at multiples of the widest SIMD value


def aligned(size, dtype):
    """A flat array of zeros that starts on a cache line."""
    dtype = np.dtype(dtype)
    raw = np.zeros(size * dtype.itemsize + ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    return raw[start : start + size * dtype.itemsize].view(dtype)


def on_cache_line(x, dtype):
    """The numbers of x, flat: x itself where it is C-contiguous, of that type and on a cache line, else a copy."""
    if x.dtype == dtype and x.flags.c_contiguous and x.ctypes.data % ALIGNMENT == 0:
        return x.ravel()
    flat = aligned(x.size, dtype)
    flat[:] = x.ravel()
    return flat


class Data(NamedTuple):
    """The training or evaluation tensors of a kernel, all sequences end to end; C targets per step, O or 1 (class
    index).
    """

    x: np.ndarray  # (rows * F,) scaled features
    y: np.ndarray  # (rows * C + PAD,) scaled targets, 0 where unlabelled
    weight: np.ndarray  # (rows * C + PAD,) weight of each target in the loss, 0 where unlabelled
    offsets: np.ndarray  # (sequences + 1,) int64 first row of each sequence
    mass: np.ndarray  # (sequences,) float64 sum of the weights of a sequence, over one target


# Whole vectors of y and weight are read at the end of a sequence: this many elements must follow the last one.
PAD = 64


class SequenceWork(NamedTuple):
    """Workspace of rnn_sequence.py for sequences of up to T steps."""

    h: np.ndarray  # ((T + 1) * W,) states, row 0 is the initial state
    delta: np.ndarray  # (T * W,) gradient of the pre-activations
    out: np.ndarray  # (T * O + PAD,) outputs
    dy: np.ndarray  # (T * O + PAD,) gradient of the outputs
    WhT: np.ndarray  # (H * W,) transposed recurrent weights


class PairWork(NamedTuple):
    """Workspace of rnn_pair.py: one for each of two sequences."""

    a: SequenceWork
    b: SequenceWork


def pair_work(s, longest, dtype):
    """Allocate the workspaces of two sequences of up to `longest` steps."""
    return PairWork(sequence_work(s, longest, dtype), sequence_work(s, longest, dtype))


def sequence_work(s, longest, dtype):
    """Allocate the workspace of a shape for sequences of up to `longest` steps."""
    sizes = ((longest + 1) * s.W, longest * s.W, longest * s.O + PAD, longest * s.O + PAD, s.H * s.W)
    return SequenceWork(*(aligned(size, dtype) for size in sizes))


class PackedWork(NamedTuple):
    """Workspace of the packed engine for chunks of up to R sequences and P rows; one per thread."""

    pack: Packing
    memory: np.ndarray  # gates, states and their gradients of all units, where their Unit says
    carry: np.ndarray  # (2 * R * width,) gradients of h and c from the step that follows
    out: np.ndarray  # (P * O + PAD,) outputs
    dy: np.ndarray  # (P * O + PAD,) gradient of the outputs
    y: np.ndarray  # (P * C + PAD,) targets of the packed rows
    weight: np.ndarray  # (P * C + PAD,) their weights


def most_rows(lengths, sequences, window=0):
    """Packed rows that the chunk of the longest `sequences` sequences has; window: steps of them at a time, 0: all."""
    steps = np.minimum(lengths, window) if window else np.asarray(lengths)
    return int(np.sort(steps)[-sequences:].sum())


def place(layout, extra, sequences, P, training=True, dropout=False):
    """Lay out the memory of chunks of up to `sequences` sequences and P packed rows.

    extra: cell.EXTRA. Returns: the table (units, fields) int64 for kernels, the size of the memory in elements, and
    the width of the states that a sequence carries from one window of steps to the next.
    """
    size, rows, states = 0, [], 0
    levels = {}

    def take(count):
        nonlocal size
        offset, size = size, size - (-count // _SPAN) * _SPAN
        return offset

    widest = max(unit.width for unit in layout.units)
    last = layout.units[-1].layer
    for unit in layout.units:
        if unit.layer not in levels:
            levels[unit.layer] = (
                take((sequences + P) * unit.ldh),
                take(P * unit.ldh if training else 0),
                take(P * unit.ldh if dropout and unit.layer < last else 0),
            )
        h, dh, dropped = levels[unit.layer]
        plane = (sequences + P) * unit.width
        rows.append(
            unit._replace(
                gates=take(P * unit.ldg), extra=take(extra * plane), plane=plane, h=h, dh=dh, dropped=dropped,
                carry_plane=sequences * widest, state=states,
            )
        )  # fmt: skip
        states += unit.width * (2 if extra == 2 else 1)
    return np.array(rows, np.int64), size, states


def packed_work(layout, size, sequences, longest, P, targets, dtype):
    """Allocate a workspace with `size` elements of memory (see `place`); longest: steps; targets: C."""
    outputs = layout.head.outputs
    widest = max(unit.width for unit in layout.units)
    sizes = (size, 2 * sequences * widest, P * outputs + PAD, P * outputs + PAD, P * targets + PAD, P * targets + PAD)
    return PackedWork(packing(sequences, longest, P), *(aligned(count, dtype) for count in sizes))
