"""The gradient of a chunk of sequences, and the records that an update is made of.

Two engines compute the gradient of a chunk: `sequence` (one short sequence, a small vanilla RNN in registers) and
`packed` (any cell, any number of sequences). Numba picks them, the cell, the loss and the optimizer by the words of the
shape `s`, at compile time.
"""

from typing import NamedTuple

import numpy as np
from numba.extending import overload

from rnnfast.kernels.lanes.compiling import PART, inlined, part
from rnnfast.kernels.lanes.span import at
from rnnfast.kernels.lanes.vec import prefetch
from rnnfast.kernels.packed import layer as recurrence
from rnnfast.kernels.packed import stack as chunk
from rnnfast.kernels.packed.products import transpose
from rnnfast.kernels.small import pair as rnn_pair
from rnnfast.kernels.small import sequence as rnn_sequence
from rnnfast.kernels.threads import Team
from rnnfast.network.layout import Head

# How far ahead features are asked for, measured on shuffled orders: sequences, and cache lines of each.
AHEAD = 3
PREFETCH_LINES = 64

NORM_BLOCK = 1024  # elements of a partial sum of the norm: the same for any number of threads


class Network(NamedTuple):
    """What the engines need to know of a network at run time."""

    table: np.ndarray  # (units, fields) int64, see workspace.place
    units: int
    head: Head
    size: int  # of the span of parameters


class Plan(NamedTuple):
    """How an epoch is cut into updates."""

    sequences: int
    batch: int  # sequences of an update
    chunk: int  # sequences that are packed together
    accumulators: int  # S
    window: int  # steps of truncated BPTT; 0: whole sequences
    mean: bool  # the loss is a mean over the labelled steps of a batch, else their sum
    per_update: bool  # rates holds a learning rate per update, else per epoch
    per_sequence: int  # width of the states carried from window to window
    dropout: float
    seed: int  # of dropout


class Task(NamedTuple):
    """What the leader of the threads writes down before it opens a phase of an update, see batch.py."""

    integers: np.ndarray  # (8,) int64
    numbers: np.ndarray  # (8,) float64


class Shared(NamedTuple):
    """Memory that all threads see."""

    derived: np.ndarray  # transposed weights and summed biases
    states: np.ndarray  # (batch, per_sequence)
    partial: np.ndarray  # (S,) float64 losses of the accumulators
    norms: np.ndarray  # (blocks,) float64 partial sums of the gradient's norm
    task: Task
    team: Team


@inlined
def prefetch_sequence(s, data, q):
    """Ask for the features of sequence q: in shuffled order no hardware prefetcher finds them in time."""
    first = data.offsets[q] * s.F
    last = data.offsets[q + 1] * s.F
    for i in range(first, min(last, first + PREFETCH_LINES * s.line), s.line):
        prefetch(data.x, i)


def _sequence_chunk(s, network, p, g, data, order, first, count, begin, window, scale, work, shared, tail):
    loss = 0.0
    a, b = work
    transpose(at(p, s.Wh), s.W, s.H, s.H, a.WhT, s.W)
    for n in range(first, first + count - 1, 2):
        prefetch_sequence(s, data, order[n + AHEAD - 1])
        prefetch_sequence(s, data, order[n + AHEAD])
        start_a, start_b = data.offsets[order[n]], data.offsets[order[n + 1]]
        T_a, T_b = data.offsets[order[n] + 1] - start_a, data.offsets[order[n + 1] + 1] - start_b
        loss += rnn_pair.pair_gradient(s, p, g, data, start_a, T_a, start_b, T_b, scale, a, b, a.WhT)
    if count % 2:
        start = data.offsets[order[first + count - 1]]
        T = data.offsets[order[first + count - 1] + 1] - start
        loss += rnn_sequence.sequence_gradient(s, p, g, data, start, T, scale, a)
    return loss


def _packed_chunk(s, network, p, g, data, order, first, count, begin, window, scale, work, shared, tail):
    return chunk.packed_gradient(
        s, network.table, network.units, network.head, p, shared.derived, g, data, order, first, count, begin, window,
        scale, work, shared.states, tail,
    )  # fmt: skip


ENGINES = {"sequence": _sequence_chunk, "packed": _packed_chunk}


def chunk_gradient(s, network, p, g, data, order, first, count, begin, window, scale, work, shared, tail):
    """Add the scaled gradient of the sequences order[first : first + count] to g, by the engine that the shape names.

    Returns: sum of weight * loss over their outputs.
    """


@overload(chunk_gradient, jit_options=PART)
def _chunk_gradient(s, network, p, g, data, order, first, count, begin, window, scale, work, shared, tail):
    return ENGINES[s.dims["engine"]]


def derive_unit(s, network, p, shared, i):
    """Transposed weights and summed biases of unit i."""


@overload(derive_unit, jit_options=PART)
def _derive_unit(s, network, p, shared, i):
    def nothing(s, network, p, shared, i):
        pass

    def unit(s, network, p, shared, i):
        recurrence.derive(s, chunk.unit_at(network.table, i), p, shared.derived)

    return nothing if s.dims["engine"] == "sequence" else unit


@part
def window_mass(data, order, first, stop, begin, window, C):
    """Sum of the weights, over one target, of the steps begin .. begin + window - 1 of the sequences of a batch."""
    mass = 0.0
    for n in range(first, stop):
        start = data.offsets[order[n]] + begin
        for row in range(start, min(start + window, data.offsets[order[n] + 1])):
            mass += data.weight[row * C]
    return mass
