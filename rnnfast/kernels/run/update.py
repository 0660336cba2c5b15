"""The records that updates share, and what they know of a batch."""

from typing import Any, NamedTuple

import numpy as np

from rnnfast.kernels.lanes.compiling import inlined, part
from rnnfast.kernels.lanes.scalars import smaller
from rnnfast.kernels.lanes.vec import prefetch
from rnnfast.kernels.packed.packing import row_of, steps_of
from rnnfast.kernels.packed.stack import Network
from rnnfast.kernels.rules.optimizers import State
from rnnfast.kernels.run.memory import Data
from rnnfast.kernels.run.threads import Team

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
    fused: bool  # the gradient is added to the parameters themselves


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

    links: Any  # Links (engines.py); () where an update is compiled as a whole
    network: Network
    plan: Plan
    p: np.ndarray  # (size,) parameters
    g: np.ndarray  # (S * size,) gradients; not used where plan.fused
    data: Data
    state: State
    shared: Shared


class Worker(NamedTuple):
    """One of the threads that run a kernel together."""

    number: int
    threads: int
    work: Any  # its workspace, or the block of its engine


@inlined
def prefetch_sequence(s, data, q):
    """Ask for the features of sequence q: in shuffled order no hardware prefetcher finds them in time."""
    first = data.offsets[q] * s.F
    last = data.offsets[q + 1] * s.F
    for i in range(first, smaller(last, first + PREFETCH_LINES * s.line), s.line):
        prefetch(data.x, i)


@part
def mass_of(run, piece):
    """Sum of the weights, over one target, of the steps of a slice."""
    data, C, mass = run.data, run.network.head.targets, 0.0
    for n in range(piece.first, piece.first + piece.count):
        q = piece.order[n]
        if run.plan.window == 0:
            mass += data.mass[q]
        else:
            stride = run.network.front.stride
            for i in range(piece.begin, smaller(piece.begin + piece.window, steps_of(data.offsets, q, stride))):
                mass += data.weight[row_of(data.offsets, q, stride, i) * C]
    return mass
