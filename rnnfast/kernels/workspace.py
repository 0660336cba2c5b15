"""All memory of the hot path: allocated once per run, 64-byte aligned, reused by every update.

Dimension letters, the same everywhere:

    F features            H hidden units         O outputs           G gates of a cell (1 for rnn)
    T steps of a sequence L layers               W lanes of a SIMD value   M rows of a register tile
    N = G * padded H, the width of the gates side by side; a padded width is a multiple of the lanes
    R sequences of a chunk, P packed rows: the steps of its sequences
"""

from typing import NamedTuple

import numpy as np

from rnnfast.kernels.packing import Packing, packing

ALIGNMENT = 64  # bytes: a cache line and the widest register


def aligned(size, dtype):
    """A flat array of zeros that starts on a cache line."""
    dtype = np.dtype(dtype)
    raw = np.zeros(size * dtype.itemsize + ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    return raw[start : start + size * dtype.itemsize].view(dtype)


class Data(NamedTuple):
    """The training or evaluation tensors of a kernel, all sequences end to end."""

    x: np.ndarray  # (rows * F,) scaled features
    y: np.ndarray  # (rows * O + PAD,) scaled targets, 0 where unlabelled
    weight: np.ndarray  # (rows * O + PAD,) weight of each output in the loss, 0 where unlabelled
    offsets: np.ndarray  # (sequences + 1,) int64 first row of each sequence
    mass: np.ndarray  # (sequences,) float64 sum of the weights of a sequence, over one output


# Whole vectors of y and weight are read at the end of a sequence: this many elements must follow the last one.
PAD = 64


class SequenceWork(NamedTuple):
    """Workspace of rnn_sequence.py for sequences of up to T steps."""

    h: np.ndarray  # ((T + 1) * W,) states, row 0 is the initial state
    delta: np.ndarray  # (T * W,) gradient of the pre-activations
    out: np.ndarray  # (T * O + PAD,) outputs
    dy: np.ndarray  # (T * O + PAD,) gradient of the outputs
    WhT: np.ndarray  # (H * W,) transposed recurrent weights; its padding stays 0, as allocated


def sequence_work(s, longest, dtype):
    """Allocate the workspace of a shape for sequences of up to `longest` steps."""
    sizes = ((longest + 1) * s.W, longest * s.W, longest * s.O + PAD, longest * s.O + PAD, s.H * s.W)
    return SequenceWork(*(aligned(size, dtype) for size in sizes))


class PackedWork(NamedTuple):
    """Workspace of the packed cells for chunks of up to R sequences and P rows."""

    pack: Packing
    gates: np.ndarray  # (P * N,) pre-activations
    h: np.ndarray  # ((R + P) * N,) initial states, then the states of the packed rows
    dh: np.ndarray  # (P * N,) gradient of the states from above
    delta: np.ndarray  # (P * N,) gradient of the pre-activations
    carry: np.ndarray  # (R * N,) gradient of the states from the next step
    WhT: np.ndarray  # (N * N,) transposed recurrent weights; its padding stays 0, as allocated
    out: np.ndarray  # (P * O + PAD,) outputs
    dy: np.ndarray  # (P * O + PAD,) gradient of the outputs
    y: np.ndarray  # (P * O + PAD,) targets of the packed rows
    weight: np.ndarray  # (P * O + PAD,) their weights


def packed_work(network, sequences, longest, dtype):
    """Allocate the workspace of a network for chunks of up to `sequences` sequences of up to `longest` steps."""
    P, N, O = sequences * longest, network.layer.width, network.head.outputs
    rows = (P * N, (sequences + P) * N, P * N, P * N, sequences * N, N * N)
    outputs = (P * O + PAD,) * 4
    return PackedWork(packing(sequences, longest), *(aligned(size, dtype) for size in rows + outputs))
