"""The gradient of a chunk of sequences, and the records that updates share.

Two engines compute it: `small` (one or two short sequences, a small vanilla RNN in registers) and `packed` (any cell,
any number of sequences). Numba picks them, the cell, the loss and the optimizer by the words of the specialisation `s`,
at compile time.
"""

from typing import Any, NamedTuple

import numpy as np
from numba.extending import overload

from rnnfast.kernels.lanes.compiling import PART, inlined, part
from rnnfast.kernels.lanes.scalars import smaller
from rnnfast.kernels.lanes.specialisation import part_of
from rnnfast.kernels.lanes.vec import prefetch
from rnnfast.kernels.packed import layer
from rnnfast.kernels.packed.layer import Weights
from rnnfast.kernels.packed.stack import NETWORK, Network, direction_at, packed_gradient
from rnnfast.kernels.rules.optimizers import State
from rnnfast.kernels.run.memory import Data
from rnnfast.kernels.run.threads import Team
from rnnfast.kernels.small.sequence import gradient_of_one, gradient_of_two, places, transpose_recurrent

# How far ahead features are asked for, measured on shuffled orders: sequences, and cache lines of each.
AHEAD = 3
PREFETCH_LINES = 64


class Plan(NamedTuple):
    """How an epoch is cut into updates."""

    sequences: int
    batch: int  # sequences of an update
    chunk: int  # sequences that are packed together
    accumulators: int  # S
    window: int  # steps of truncated BPTT; 0: whole sequences
    mean: bool  # the loss is a mean over the labelled steps of a batch, else their sum
    per_update: bool  # rates holds a learning rate per update, else per epoch
    carried: int  # width of the states carried from window to window
    dropout: float
    seed: int  # of dropout


class Task(NamedTuple):
    """What the leader of the threads writes down before it opens a phase of an update, see batch.py."""

    integers: np.ndarray  # (8,) int64
    numbers: np.ndarray  # (8,) float64


class Shared(NamedTuple):
    """Memory that all threads see."""

    derived: np.ndarray  # transposed weights and summed biases
    states: np.ndarray  # (batch, carried)
    partial: np.ndarray  # (S,) float64 losses of the accumulators
    norms: np.ndarray  # (blocks,) float64 partial sums of the gradient's norm
    task: Task
    team: Team


class Run(NamedTuple):
    """What stays the same through a call of the training kernel."""

    network: Network
    plan: Plan
    p: np.ndarray  # (size,) parameters
    g: np.ndarray  # (S * size,) gradients; not used where s.fused
    data: Data
    state: State
    shared: Shared


class Worker(NamedTuple):
    """One of the threads that run a kernel together."""

    number: int
    threads: int
    work: Any  # its workspace


@inlined
def prefetch_sequence(s, data, F, q):
    """Ask for the F features of sequence q: in shuffled order no hardware prefetcher finds them in time."""
    first = data.offsets[q] * F
    last = data.offsets[q + 1] * F
    for i in range(first, smaller(last, first + PREFETCH_LINES * s.line), s.line):
        prefetch(data.x, i)


def _small_chunk(s, run, g, piece, work, batch):
    loss, data, order, n = 0.0, run.data, piece.order, places(run.network)
    weights = Weights(run.p, work.WhT, g)
    transpose_recurrent(s, n, run.p, work.WhT)
    last = piece.first + piece.count
    for i in range(piece.first, last - 1, 2):
        prefetch_sequence(s, data, n.F, order[i + AHEAD - 1])
        prefetch_sequence(s, data, n.F, order[i + AHEAD])
        loss += gradient_of_two(s, n, weights, data, order[i], order[i + 1], batch.scale, work)
    if piece.count % 2:
        loss += gradient_of_one(s, n, weights, data, order[last - 1], batch.scale, work)
    return loss


def _packed_chunk(s, run, g, piece, work, batch):
    return packed_gradient(s, run.network, Weights(run.p, run.shared.derived, g), run.data, piece, work, batch)


ENGINES = {"small": _small_chunk, "packed": _packed_chunk}


def chunk_gradient(s, run, g, piece, work, batch):
    """Add the scaled gradient of a slice to g, by the engine that the specialisation names.

    Returns: sum of weight * loss over its outputs.
    """


@overload(chunk_gradient, jit_options=PART)
def _chunk_gradient(s, run, g, piece, work, batch):
    return ENGINES[s.dims["engine"]]


def derive_direction(s, run, i):
    """Transposed weights and summed biases of direction i."""


@overload(derive_direction, jit_options=PART)
def _derive_direction(s, run, i):
    def nothing(s, run, i):
        pass

    def direction(s, run, i):
        layer.derive(part_of(s, NETWORK), direction_at(run.network.table, i), run.p, run.shared.derived)

    return nothing if s.dims["engine"] == "small" else direction


@part
def mass_of(run, piece):
    """Sum of the weights, over one target, of the steps of a slice."""
    data, C, mass = run.data, run.network.head.targets, 0.0
    for n in range(piece.first, piece.first + piece.count):
        q = piece.order[n]
        if run.plan.window == 0:
            mass += data.mass[q]
        else:
            start = data.offsets[q] + piece.begin
            for row in range(start, smaller(start + piece.window, data.offsets[q + 1])):
                mass += data.weight[row * C]
    return mass
