"""One update: the gradient of a batch, by chunks and accumulators, and the step of the optimizer.

A batch is cut into chunks of sequences. Chunk c adds its scaled gradient to accumulator c % S; accumulators are shared
out among the threads, then summed in their order, and the optimizer steps. Neither S nor the order depends on the
number of threads, so the bits do not either. Where a batch is one chunk and the rule is plain SGD, the chunk adds to
the parameters themselves, with its scale times -lr (`s.fused`).

Two engines compute the gradient of a chunk: `small` (one or two short sequences, a small vanilla RNN in registers) and
`packed` (any cell, any number of sequences). Numba picks them, the cell, the loss and the optimizer by the words of the
specialisation `s`, at compile time.
"""

import math
from typing import Any, NamedTuple

import numpy as np
from numba.extending import overload

from rnnfast.kernels.lanes.compiling import INLINED, PART, inlined, part
from rnnfast.kernels.lanes.span import at, number
from rnnfast.kernels.lanes.specialisation import part_of
from rnnfast.kernels.lanes.vec import load, prefetch, store
from rnnfast.kernels.packed import layer
from rnnfast.kernels.packed.layer import Weights
from rnnfast.kernels.packed.products import clear
from rnnfast.kernels.packed.stack import NETWORK, Batch, Carried, Dropout, Network, Slice, direction_at, packed_gradient
from rnnfast.kernels.rules.optimizers import State, Step, squared_norm, update
from rnnfast.kernels.run.memory import Data
from rnnfast.kernels.run.threads import barrier
from rnnfast.kernels.small.sequence import gradient_of_one, gradient_of_two, transpose_recurrent

# How far ahead features are asked for, measured on shuffled orders: sequences, and cache lines of each.
AHEAD = 3
PREFETCH_LINES = 64

NORM_BLOCK = 1024  # elements of a partial sum of the norm: the same for any number of threads
# Dropout has a key for each update: seed * SEED_STRIDE + update * UPDATE_STRIDE + layer, layers being fewer than 64.
SEED_STRIDE, UPDATE_STRIDE = 1000003, 64


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


class Shared(NamedTuple):
    """Memory that all threads see."""

    derived: np.ndarray  # transposed weights and summed biases
    states: np.ndarray  # (batch, carried)
    partial: np.ndarray  # (S,) float64 losses of the accumulators
    norms: np.ndarray  # (blocks,) float64 partial sums of the gradient's norm
    counter: np.ndarray  # (1,) int64 of the barrier


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
def prefetch_sequence(s, data, q):
    """Ask for the features of sequence q: in shuffled order no hardware prefetcher finds them in time."""
    first = data.offsets[q] * s.F
    last = data.offsets[q + 1] * s.F
    for i in range(first, min(last, first + PREFETCH_LINES * s.line), s.line):
        prefetch(data.x, i)


def _small_chunk(s, run, g, piece, work, batch):
    loss, data, order = 0.0, run.data, piece.order
    weights = Weights(run.p, work.WhT, g)
    transpose_recurrent(s, run.p, work.WhT)
    last = piece.first + piece.count
    for n in range(piece.first, last - 1, 2):
        prefetch_sequence(s, data, order[n + AHEAD - 1])
        prefetch_sequence(s, data, order[n + AHEAD])
        loss += gradient_of_two(s, weights, data, order[n], order[n + 1], batch.scale, work)
    if piece.count % 2:
        loss += gradient_of_one(s, weights, data, order[last - 1], batch.scale, work)
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


def derive_all(s, run, worker):
    """Transposed weights and summed biases, each thread for its directions; all are there on return."""


@overload(derive_all, jit_options=PART)
def _derive_all(s, run, worker):
    def nothing(s, run, worker):
        pass

    def directions(s, run, worker):
        for i in range(worker.number, run.network.directions, worker.threads):
            layer.derive(part_of(s, NETWORK), direction_at(run.network.table, i), run.p, run.shared.derived)
        barrier(run.shared.counter, worker.threads)

    return nothing if s.dims["engine"] == "small" else directions


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
            for row in range(start, min(start + piece.window, data.offsets[q + 1])):
                mass += data.weight[row * C]
    return mass


@part
def reduce_and_update(s, run, lr, worker):
    """Sum the accumulators in their order and let the optimizer step, each thread on its blocks of the span."""
    size, S, g, shared = run.network.size, run.plan.accumulators, run.g, run.shared
    blocks = (size + NORM_BLOCK - 1) // NORM_BLOCK
    clip_norm = run.state.settings.clip_norm
    if S > 1 or clip_norm > 0:
        for block in range(worker.number, blocks, worker.threads):
            first, last = block * NORM_BLOCK, min((block + 1) * NORM_BLOCK, size)
            for a in range(1, S):
                for i in range(first, last, s.W):
                    store(g, i, load(g, i, s) + load(g, a * size + i, s))
            if clip_norm > 0:
                shared.norms[block] = squared_norm(s, g, first, last)
    clip = 1.0
    if clip_norm > 0:
        barrier(shared.counter, worker.threads)
        squares = 0.0
        for block in range(blocks):
            squares += shared.norms[block]
        # torch.nn.utils.clip_grad_norm_
        clip = min(1.0, clip_norm / (math.sqrt(squares) + 1e-6)) if squares == squares else squares
    for block in range(worker.number, blocks, worker.threads):
        step = Step(block * NORM_BLOCK, min((block + 1) * NORM_BLOCK, size), lr, clip)
        update(s, run.p, g, run.state, step)


def batch_update(s, run, piece, lr, worker):
    """One update from the sequences and steps of a slice. Returns: sum of weight * loss over their outputs."""


def _alone(s):
    """Whether an update is one sequence in registers: then a call with a hundred arguments would cost more than it."""
    return s.dims["engine"] == "small" and s.dims["fused"]


@overload(batch_update, jit_options=INLINED)
def _inlined_update(s, run, piece, lr, worker):
    return _sequence_update if _alone(s) else None


@overload(batch_update, jit_options=PART)
def _called_update(s, run, piece, lr, worker):
    return None if _alone(s) else _chunked_update


def _sequence_update(s, run, piece, lr, worker):
    data, q = run.data, piece.order[piece.first]
    if data.mass[q] == 0:
        return 0.0  # nothing labelled
    prefetch_sequence(s, data, piece.order[piece.first + AHEAD])
    scale = 1.0 / (data.mass[q] * s.O) if run.plan.mean else 1.0 / s.O
    weights = Weights(run.p, worker.work.WhT, run.p)
    transpose_recurrent(s, run.p, worker.work.WhT)
    return gradient_of_one(s, weights, data, q, number(run.p, -lr * scale), worker.work)


def _chunked_update(s, run, piece, lr, worker):
    plan, state, shared, size = run.plan, run.state, run.shared, run.network.size
    S, mass, C = plan.accumulators, mass_of(run, piece), run.network.head.targets
    scale = 1.0 / (mass * C) if plan.mean else 1.0 / C
    if mass == 0:
        scale = 0.0  # nothing labelled: the states go on, nothing is learnt
    derive_all(s, run, worker)
    carried = Carried(shared.states, plan.carried, piece.first)
    dropout = Dropout(plan.dropout, plan.seed * SEED_STRIDE + state.updates[1] * UPDATE_STRIDE)
    if s.fused:
        state.updates[1] += 1
        return chunk_gradient(s, run, run.p, piece, worker.work, Batch(number(run.p, -lr * scale), carried, dropout))
    batch = Batch(number(run.p, scale), carried, dropout)
    for a in range(worker.number, S, worker.threads):
        mine = at(run.g, a * size)
        clear(s, mine, size)
        loss = 0.0
        last = piece.first + piece.count
        for n in range(piece.first + a * plan.chunk, last, S * plan.chunk):
            chunk = Slice(piece.order, n, min(plan.chunk, last - n), piece.begin, piece.window)
            loss += chunk_gradient(s, run, mine, chunk, worker.work, batch)
        shared.partial[a] = loss
    barrier(shared.counter, worker.threads)
    if worker.number == 0:
        state.updates[1] += 1
        if mass > 0:
            state.updates[0] += 1  # the bias correction of adam counts the steps that it makes
    barrier(shared.counter, worker.threads)
    loss = 0.0
    for a in range(S):
        loss += shared.partial[a]
    if mass > 0:
        reduce_and_update(s, run, lr, worker)
    barrier(shared.counter, worker.threads)
    return loss
