"""One update: the gradient of a batch, by chunks and accumulators, and the step of the optimizer.

A batch is cut into chunks of sequences. Chunk c adds its scaled gradient to accumulator c % S; accumulators are shared
out among the threads, then summed in their order, and the optimizer steps. Neither S nor the order depends on the
number of threads, so the bits do not either. Where a batch is one chunk and the rule is plain SGD, the chunk adds to
the parameters themselves, with its scale times -lr (`s.fused`).

Two engines compute the gradient of a chunk: `sequence` (one short sequence, a small vanilla RNN in registers) and
`packed` (any cell, any number of sequences). Numba picks them, the cell, the loss and the optimizer by the words of the
shape `s`, at compile time.
"""

import math
from typing import NamedTuple

import numpy as np
from numba.extending import overload

from rnnfast.kernels.lanes.compiling import INLINED, PART, inlined, part
from rnnfast.kernels.lanes.span import at, number
from rnnfast.kernels.lanes.vec import load, prefetch, store
from rnnfast.kernels.packed import layer as recurrence
from rnnfast.kernels.packed import stack as chunk
from rnnfast.kernels.packed.products import transpose
from rnnfast.kernels.rules.optimizers import squared_norm, update
from rnnfast.kernels.small import pair as rnn_pair
from rnnfast.kernels.small import sequence as rnn_sequence
from rnnfast.kernels.threads import barrier
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


class Shared(NamedTuple):
    """Memory that all threads see."""

    derived: np.ndarray  # transposed weights and summed biases
    states: np.ndarray  # (batch, per_sequence)
    partial: np.ndarray  # (S,) float64 losses of the accumulators
    norms: np.ndarray  # (blocks,) float64 partial sums of the gradient's norm
    counter: np.ndarray  # (1,) int64 of the barrier


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


def derive_all(s, network, p, shared, thread, threads):
    """Transposed weights and summed biases, each thread for its units; all are there on return."""


@overload(derive_all, jit_options=PART)
def _derive_all(s, network, p, shared, thread, threads):
    def nothing(s, network, p, shared, thread, threads):
        pass

    def units(s, network, p, shared, thread, threads):
        for i in range(thread, network.units, threads):
            recurrence.derive(s, chunk.unit_at(network.table, i), p, shared.derived)
        barrier(shared.counter, threads)

    return nothing if s.dims["engine"] == "sequence" else units


@part
def window_mass(data, order, first, stop, begin, window, C):
    """Sum of the weights, over one target, of the steps begin .. begin + window - 1 of the sequences of a batch."""
    mass = 0.0
    for n in range(first, stop):
        start = data.offsets[order[n]] + begin
        for row in range(start, min(start + window, data.offsets[order[n] + 1])):
            mass += data.weight[row * C]
    return mass


@part
def reduce_and_update(s, network, plan, p, g, state, shared, lr, thread, threads):
    """Sum the accumulators in their order and let the optimizer step, each thread on its blocks of the span."""
    size, S = network.size, plan.accumulators
    blocks = (size + NORM_BLOCK - 1) // NORM_BLOCK
    clip_norm = state.settings[3]
    if S > 1 or clip_norm > 0:
        for block in range(thread, blocks, threads):
            first, last = block * NORM_BLOCK, min((block + 1) * NORM_BLOCK, size)
            for a in range(1, S):
                for i in range(first, last, s.W):
                    store(g, i, load(g, i, s) + load(g, a * size + i, s))
            if clip_norm > 0:
                shared.norms[block] = squared_norm(s, first, last, g)
    clip = 1.0
    if clip_norm > 0:
        barrier(shared.counter, threads)
        squares = 0.0
        for block in range(blocks):
            squares += shared.norms[block]
        # torch.nn.utils.clip_grad_norm_
        clip = min(1.0, clip_norm / (math.sqrt(squares) + 1e-6)) if squares == squares else squares
    for block in range(thread, blocks, threads):
        update(s, block * NORM_BLOCK, min((block + 1) * NORM_BLOCK, size), p, g, state, lr, clip)


def batch_update(
    s, network, plan, p, g, data, order, first, stop, begin, window, lr, state, work, shared, thread, threads
):
    """One update from steps begin .. begin + window - 1 of the sequences order[first : stop].

    Returns: sum of weight * loss over their outputs.
    """


def _alone(s):
    """Whether an update is one sequence in registers: then a call with a hundred arguments would cost more than it."""
    return s.dims["engine"] == "sequence" and s.dims["fused"]


@overload(batch_update, jit_options=INLINED)
def _inlined_update(
    s, network, plan, p, g, data, order, first, stop, begin, window, lr, state, work, shared, thread, threads
):
    return _sequence_update if _alone(s) else None


@overload(batch_update, jit_options=PART)
def _called_update(
    s, network, plan, p, g, data, order, first, stop, begin, window, lr, state, work, shared, thread, threads
):
    return None if _alone(s) else _chunked_update


def _sequence_update(
    s, network, plan, p, g, data, order, first, stop, begin, window, lr, state, work, shared, thread, threads
):
    q = order[first]
    if data.mass[q] == 0:
        return 0.0  # nothing labelled
    prefetch_sequence(s, data, order[first + AHEAD])
    start = data.offsets[q]
    scale = 1.0 / (data.mass[q] * s.O) if plan.mean else 1.0 / s.O
    step = number(p, -lr * scale)
    return rnn_sequence.sequence_gradient(s, p, p, data, start, data.offsets[q + 1] - start, step, work.a)


def _chunked_update(
    s, network, plan, p, g, data, order, first, stop, begin, window, lr, state, work, shared, thread, threads
):
    O, size, S = network.head.outputs, network.size, plan.accumulators
    mass = 0.0
    if plan.window > 0:
        mass = window_mass(data, order, first, stop, begin, window, 1 if s.classes else O)
    else:
        for n in range(first, stop):
            mass += data.mass[order[n]]
    outputs = 1 if s.classes else O
    scale = 1.0 / (mass * outputs) if plan.mean else 1.0 / outputs
    if mass == 0:
        scale = 0.0  # nothing labelled: the states go on, nothing is learnt
    derive_all(s, network, p, shared, thread, threads)
    key = plan.seed * 1000003 + state.updates[1] * 64
    tail = (plan.per_sequence, first, plan.dropout, key)
    if s.fused:
        state.updates[1] += 1
        step = number(p, -lr * scale)
        return chunk_gradient(
            s, network, p, p, data, order, first, stop - first, begin, window, step, work, shared, tail
        )
    for a in range(thread, S, threads):
        mine = at(g, a * size)
        recurrence.clear(s, mine, 0, size)
        loss = 0.0
        for n in range(first + a * plan.chunk, stop, S * plan.chunk):
            count = min(plan.chunk, stop - n)
            loss += chunk_gradient(
                s, network, p, mine, data, order, n, count, begin, window, number(p, scale), work, shared, tail
            )
        shared.partial[a] = loss
    barrier(shared.counter, threads)
    if thread == 0:
        state.updates[1] += 1
        if mass > 0:
            state.updates[0] += 1  # the bias correction of adam counts the steps that it makes
    barrier(shared.counter, threads)
    loss = 0.0
    for a in range(S):
        loss += shared.partial[a]
    if mass > 0:
        reduce_and_update(s, network, plan, p, g, state, shared, lr, thread, threads)
    barrier(shared.counter, threads)
    return loss
