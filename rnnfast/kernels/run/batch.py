"""One update: the gradient of a batch, by chunks and accumulators, and the step of the optimizer.

A batch is cut into chunks of sequences. Chunk c adds its scaled gradient to accumulator c % S; the accumulators are
summed in their order, and the optimizer steps. Where a batch is one chunk and the rule is plain SGD, the chunk adds to
the parameters themselves, with its scale times -lr (`s.fused`).

Else an update has phases, of items that threads share out as they come (see threads.py):

    DERIVE    a unit of the network: its transposed weights and summed biases
    GRADIENT  an accumulator: all of its chunks
    SUM       a block of the span of parameters: the sum of the accumulators, and its squared norm; only for clipping
    STEP      a block: the step of the optimizer, and before that the sum where there was no SUM

Neither S nor the blocks nor any order of summation depends on the number of threads, so the bits do not either.
"""

import math
from typing import NamedTuple

import numpy as np
from numba.extending import overload

from rnnfast.kernels.lanes.compiling import INLINED, PART, inlined, part
from rnnfast.kernels.lanes.span import at, number
from rnnfast.kernels.lanes.vec import load, store
from rnnfast.kernels.memory import Data
from rnnfast.kernels.packed import layer as recurrence
from rnnfast.kernels.rules.optimizers import State, squared_norm, update
from rnnfast.kernels.run.waiting import nanoseconds
from rnnfast.kernels.small import sequence as rnn_sequence
from rnnfast.kernels.threads import await_items, close_phase, finish, open_phase, settle, take
from rnnfast.kernels.update import (
    AHEAD,
    NORM_BLOCK,
    Network,
    Plan,
    Shared,
    chunk_gradient,
    derive_unit,
    prefetch_sequence,
    window_mass,
)

DERIVE, GRADIENT, SUM, STEP = range(4)

# Elements of Task.
KIND, ALONE, FIRST, STOP, BEGIN, WINDOW, KEY = range(7)  # ALONE: items that the leader keeps to itself, or 0
SCALE, RATE, CLIP = range(3)


class Run(NamedTuple):
    """What all updates of a run and all threads see."""

    network: Network
    plan: Plan
    p: np.ndarray  # (size,) parameters
    g: np.ndarray  # (S * size,) accumulators
    data: Data
    order: np.ndarray  # int64 sequences, batch after batch
    state: State
    shared: Shared


class Steps(NamedTuple):
    """The steps that an update learns from: begin .. begin + window - 1 of the sequences order[first : stop]."""

    first: int
    stop: int
    begin: int
    window: int


@part
def add_gradients(s, run, work, a):
    """Accumulator a: the gradients of its chunks. Writes: its part of run.g, its loss."""
    plan, shared, p = run.plan, run.shared, run.p
    integers = shared.task.integers
    first, stop, size = integers[FIRST], integers[STOP], run.network.size
    scale, tail = number(p, shared.task.numbers[SCALE]), (plan.per_sequence, first, plan.dropout, integers[KEY])
    g = at(run.g, a * size)
    recurrence.clear(s, g, 0, size)
    loss = 0.0
    for n in range(first + a * plan.chunk, stop, plan.accumulators * plan.chunk):
        loss += chunk_gradient(
            s, run.network, p, g, run.data, run.order, n, min(plan.chunk, stop - n), integers[BEGIN], integers[WINDOW],
            scale, work, shared, tail,
        )  # fmt: skip
    shared.partial[a] = loss


@inlined
def add_up(s, g, size, accumulators, first, last):
    """Sum the accumulators' elements first .. last - 1. Writes: those of the first accumulator."""
    for a in range(1, accumulators):
        for i in range(first, last, s.W):
            store(g, i, load(g, i, s) + load(g, a * size + i, s))


@part
def do_items(s, run, work, thread):
    """Do items of the open phase until none is left. Returns: how many this thread did."""
    shared, g, size, state = run.shared, run.g, run.network.size, run.state
    team, integers, numbers = shared.team, shared.task.integers, shared.task.numbers
    alone = thread == 0 and integers[ALONE] > 0
    count = 0
    while True:
        item = take(team, thread) if not alone else count if count < integers[ALONE] else -1
        if item < 0:
            return count
        kind = integers[KIND]
        first, last = item * NORM_BLOCK, min((item + 1) * NORM_BLOCK, size)
        if kind == DERIVE:
            derive_unit(s, run.network, run.p, shared, item)
        elif kind == GRADIENT:
            add_gradients(s, run, work, item)
        elif kind == SUM:
            add_up(s, g, size, run.plan.accumulators, first, last)
            shared.norms[item] = squared_norm(s, first, last, g)
        else:
            if state.settings[3] == 0:
                add_up(s, g, size, run.plan.accumulators, first, last)
            update(s, first, last, run.p, g, state, numbers[RATE], numbers[CLIP])
        if not alone:
            finish(team, thread)
        count += 1


def help(s, run, work, thread):
    """Help the leader until the run is over."""


@overload(help, jit_options=PART)
def _help(s, run, work, thread):
    def never(s, run, work, thread):
        pass

    def until_it_is_over(s, run, work, thread):
        while await_items(run.shared.team, thread):
            do_items(s, run, work, thread)

    return never if s.dims["fused"] else until_it_is_over


def batch_update(s, run, work, steps, lr, thread, threads):
    """One update, as the leader; with helpers where there are several threads.

    Returns: sum of weight * loss over the outputs.
    """


def _in_registers(s):
    """Whether an update is one sequence in registers: then a call with a hundred arguments would cost more than it."""
    return s.dims["engine"] == "sequence" and s.dims["fused"]


@overload(batch_update, jit_options=INLINED)
def _inlined_update(s, run, work, steps, lr, thread, threads):
    return _sequence_update if _in_registers(s) else None


@overload(batch_update, jit_options=PART)
def _called_update(s, run, work, steps, lr, thread, threads):
    if _in_registers(s):
        return None
    return _fused_update if s.dims["fused"] else _shared_update


def _sequence_update(s, run, work, steps, lr, thread, threads):
    data, first = run.data, steps.first
    q = run.order[first]
    if data.mass[q] == 0:
        return 0.0  # nothing labelled
    prefetch_sequence(s, data, run.order[first + AHEAD])
    start = data.offsets[q]
    scale = 1.0 / (data.mass[q] * s.O) if run.plan.mean else 1.0 / s.O
    rate = number(run.p, -lr * scale)
    return rnn_sequence.sequence_gradient(s, run.p, run.p, data, start, data.offsets[q + 1] - start, rate, work.a)


@inlined
def mass_and_scale(data, order, plan, steps, outputs):
    """Sum of the weights of the steps, over one of so many targets, and the scale of their gradients."""
    mass = 0.0
    if plan.window > 0:
        mass = window_mass(data, order, steps.first, steps.stop, steps.begin, steps.window, outputs)
    else:
        for n in range(steps.first, steps.stop):
            mass += data.mass[order[n]]
    if mass == 0:
        return mass, 0.0  # nothing labelled: the states go on, nothing is learnt
    return mass, 1.0 / (mass * outputs) if plan.mean else 1.0 / outputs


@inlined
def dropout_key(plan, state):
    """What the entries that drop out in this update depend on."""
    return plan.seed * 1000003 + state.updates[1] * 64


def _fused_update(s, run, work, steps, lr, thread, threads):
    network, plan, first = run.network, run.plan, steps.first
    _, scale = mass_and_scale(run.data, run.order, plan, steps, 1 if s.classes else network.head.outputs)
    for i in range(network.units):
        derive_unit(s, network, run.p, run.shared, i)
    tail = (plan.per_sequence, first, plan.dropout, dropout_key(plan, run.state))
    run.state.updates[1] += 1
    return chunk_gradient(
        s, network, run.p, run.p, run.data, run.order, first, steps.stop - first, steps.begin, steps.window,
        number(run.p, -lr * scale), work, run.shared, tail,
    )  # fmt: skip


def _shared_update(s, run, work, steps, lr, thread, threads):
    plan, state, shared = run.plan, run.state, run.shared
    team, integers, numbers = shared.team, shared.task.integers, shared.task.numbers
    began = nanoseconds()
    mass, scale = mass_and_scale(run.data, run.order, plan, steps, 1 if s.classes else run.network.head.outputs)
    integers[FIRST], integers[STOP], integers[BEGIN], integers[WINDOW] = steps
    integers[KEY] = dropout_key(plan, state)
    numbers[SCALE], numbers[RATE], numbers[CLIP] = scale, lr, 1.0
    blocks = (run.network.size + NORM_BLOCK - 1) // NORM_BLOCK
    clip_norm, loss = state.settings[3], 0.0
    for kind in range(DERIVE, STEP + 1):
        if (kind > GRADIENT and mass == 0) or (kind == SUM and clip_norm == 0):
            continue
        count = run.network.units if kind == DERIVE else plan.accumulators if kind == GRADIENT else blocks
        alone = threads == 1 or count == 1 or team.active[0] == 0
        integers[KIND], integers[ALONE] = kind, count if alone else 0
        start = nanoseconds()
        if not alone:
            open_phase(team, count)
        mine = do_items(s, run, work, thread)
        if mine < count:
            close_phase(team, count, mine, start)
        if kind == GRADIENT:
            for a in range(plan.accumulators):
                loss += shared.partial[a]
            state.updates[1] += 1
            if mass > 0:
                state.updates[0] += 1  # the bias correction of adam counts the steps that it makes
        elif kind == SUM:
            squares = 0.0
            for block in range(blocks):
                squares += shared.norms[block]
            # torch.nn.utils.clip_grad_norm_
            numbers[CLIP] = min(1.0, clip_norm / (math.sqrt(squares) + 1e-6)) if squares == squares else squares
    if threads > 1:
        settle(team, nanoseconds() - began, threads)
    return loss
