"""One update: the gradient of a batch, by chunks and accumulators, and the step of the optimizer.

A batch is cut into chunks of sequences. Chunk c adds its scaled gradient to accumulator c % S; the accumulators are
summed in their order, and the optimizer steps. Where a batch is one chunk and the rule is plain SGD, the chunk adds to
the parameters themselves, with its scale times -lr (`plan.fused`).

Else an update has phases, of items that threads share out as they come (see threads.py):

    DERIVE    a direction of a layer, or a layer of the front: its transposed weights and summed biases
    GRADIENT  an accumulator: all of its chunks
    SUM       a block of the span of parameters: the sum of the accumulators, and its squared norm; only for clipping
    STEP      a block: the step of the optimizer, and before that the sum where there was no SUM

Neither S nor the blocks nor any order of summation depends on the number of threads, so the bits do not either.
"""

import math

from numba.extending import overload

from rnnfast.kernels.lanes.compiling import INLINED, PART, inlined, part
from rnnfast.kernels.lanes.linking import call
from rnnfast.kernels.lanes.scalars import smaller
from rnnfast.kernels.lanes.span import at, number
from rnnfast.kernels.lanes.vec import load, store
from rnnfast.kernels.packed.dropout import Dropout
from rnnfast.kernels.packed.layer import Weights
from rnnfast.kernels.packed.packing import Slice
from rnnfast.kernels.packed.products import clear
from rnnfast.kernels.packed.stack import Batch, Carried
from rnnfast.kernels.rules.optimizers import CLIPPED, SEEN, STEPS, Step, squared_norm
from rnnfast.kernels.run.threads import await_items, close_phase, finish, open_phase, settle, take
from rnnfast.kernels.run.update import AHEAD, mass_of, prefetch_sequence
from rnnfast.kernels.run.waiting import nanoseconds
from rnnfast.kernels.small.sequence import gradient_of_one, transpose_recurrent

NORM_BLOCK = 1024  # elements of a partial sum of the norm: the same for any number of threads
# Dropout has a key for each update: seed * SEED_STRIDE + update * UPDATE_STRIDE + layer, layers being fewer than 64.
SEED_STRIDE, UPDATE_STRIDE = 1000003, 64

DERIVE, GRADIENT, SUM, STEP = range(4)

# Elements of Task. ALONE: items that the leader keeps to itself, or 0.
KIND, ALONE, FIRST, COUNT, BEGIN, WINDOW, KEY = range(7)
SCALE, RATE, CLIP = range(3)


@part
def add_gradients(s, run, order, work, a):
    """Accumulator a: the gradients of its chunks. Writes: its part of run.g, its loss."""
    plan, shared, size = run.plan, run.shared, run.network.size
    integers = shared.task.integers
    first, stop = integers[FIRST], integers[FIRST] + integers[COUNT]
    carried, dropout = Carried(shared.states, plan.carried, first), Dropout(plan.dropout, integers[KEY])
    batch = Batch(shared.task.numbers[SCALE], carried, dropout)
    g = at(run.g, a * size)
    clear(s, g, size)
    loss = 0.0
    for n in range(first + a * plan.chunk, stop, plan.accumulators * plan.chunk):
        chunk = Slice(order, n, smaller(plan.chunk, stop - n), integers[BEGIN], integers[WINDOW])
        loss += call(run.links.gradient, (work, g, chunk, batch))
    shared.partial[a] = loss


@inlined
def add_up(s, run, step):
    """Sum the accumulators over a block. Writes: the first accumulator."""
    g, size = run.g, run.network.size
    for a in range(1, run.plan.accumulators):
        for i in range(step.first, step.last, s.W):
            store(g, i, load(g, i, s) + load(g, a * size + i, s))


@part
def derive(run, item):
    """What is derived from the weights of a direction or, after these, of a layer of the front."""
    network = run.network
    if item < network.directions:
        call(run.links.derive, (network.table, item, run.p, run.shared.derived))
    else:
        call(run.links.derive_front, (network.front.table, item - network.directions, run.p, run.shared.derived))


@part
def do_items(s, run, order, worker):
    """Do items of the open phase until none is left. Returns: how many this thread did."""
    shared, state = run.shared, run.state
    team, integers, numbers = shared.team, shared.task.integers, shared.task.numbers
    alone = worker.number == 0 and integers[ALONE] > 0
    count = 0
    while True:
        item = take(team, worker.number) if not alone else count if count < integers[ALONE] else -1
        if item < 0:
            return count
        kind = integers[KIND]
        if kind == DERIVE:
            derive(run, item)
        elif kind == GRADIENT:
            add_gradients(s, run, order, worker.work, item)
        else:
            last = smaller((item + 1) * NORM_BLOCK, run.network.size)
            step = Step(item * NORM_BLOCK, last, numbers[RATE], numbers[CLIP])
            if kind == SUM or state.settings.clip_norm == 0:
                add_up(s, run, step)
            if kind == SUM:
                shared.norms[item] = squared_norm(s, run.g, step.first, last)
            else:
                call(run.links.update, (run.p, run.g, state, step))
        if not alone:
            finish(team, worker.number)
        count += 1


def help_leader(s, run, order, worker):
    """Help until the run is over."""


@overload(help_leader, jit_options=PART)
def _help_leader(s, run, order, worker):
    def never(s, run, order, worker):
        pass

    def until_it_is_over(s, run, order, worker):
        while await_items(run.shared.team, worker.number):
            do_items(s, run, order, worker)

    return never if s.dims["whole"] else until_it_is_over


def batch_update(s, run, piece, lr, worker):
    """One update from the sequences and steps of a slice, as the leader.

    Returns: sum of weight * loss over their outputs.
    """


@overload(batch_update, jit_options=INLINED)
def _inlined_update(s, run, piece, lr, worker):
    # One sequence in registers: a call with a hundred arguments would cost more than it.
    return _sequence_update if s.dims["whole"] else None


@overload(batch_update, jit_options=PART)
def _called_update(s, run, piece, lr, worker):
    return None if s.dims["whole"] else _update


def _sequence_update(s, run, piece, lr, worker):
    data, q = run.data, piece.order[piece.first]
    if data.mass[q] == 0:
        return 0.0  # nothing labelled
    prefetch_sequence(s, data, piece.order[piece.first + AHEAD])
    scale = 1.0 / (data.mass[q] * s.O) if run.plan.mean else 1.0 / s.O
    weights = Weights(run.p, worker.work.WhT, run.p)
    transpose_recurrent(s, run.p, worker.work.WhT)
    return gradient_of_one(s, weights, data, q, number(run.p, -lr * scale), worker.work)


@inlined
def scale_of(run, mass):
    """What the gradient of the loss is multiplied with; mass: see `mass_of`."""
    C = run.network.head.targets
    if mass == 0:
        return 0.0  # nothing labelled: the states go on, nothing is learnt
    return 1.0 / (mass * C) if run.plan.mean else 1.0 / C


@inlined
def dropout_key(plan, state):
    """What the entries that drop out in this update depend on."""
    return plan.seed * SEED_STRIDE + state.updates[SEEN] * UPDATE_STRIDE


def _update(s, run, piece, lr, worker):
    if run.plan.fused:
        return fused_update(run, piece, lr, worker)
    return shared_update(s, run, piece, lr, worker)


@part
def fused_update(run, piece, lr, worker):
    """A batch of one chunk, by plain SGD: its gradient is added to the parameters."""
    plan, state = run.plan, run.state
    scale = scale_of(run, mass_of(run, piece))
    for i in range(run.network.directions + run.network.front.layers):
        derive(run, i)
    carried = Carried(run.shared.states, plan.carried, piece.first)
    dropout = Dropout(plan.dropout, dropout_key(plan, state))
    state.updates[SEEN] += 1
    return call(run.links.gradient, (worker.work, run.p, piece, Batch(-lr * scale, carried, dropout)))


@part
def shared_update(s, run, piece, lr, worker):
    """Any batch, by phases."""
    plan, state, shared = run.plan, run.state, run.shared
    team, integers, numbers = shared.team, shared.task.integers, shared.task.numbers
    began = nanoseconds()
    mass = mass_of(run, piece)
    integers[FIRST], integers[COUNT], integers[BEGIN], integers[WINDOW] = (
        piece.first, piece.count, piece.begin, piece.window,
    )  # fmt: skip
    integers[KEY] = dropout_key(plan, state)
    numbers[SCALE], numbers[RATE], numbers[CLIP] = scale_of(run, mass), lr, 1.0
    blocks = (run.network.size + NORM_BLOCK - 1) // NORM_BLOCK
    clip_norm, loss = state.settings.clip_norm, 0.0
    for kind in range(DERIVE, STEP + 1):
        if (kind > GRADIENT and mass == 0) or (kind == SUM and clip_norm == 0):
            continue
        count = plan.accumulators if kind == GRADIENT else blocks
        if kind == DERIVE:
            count = run.network.directions + run.network.front.layers
        alone = worker.threads == 1 or count == 1 or team.active[0] == 0
        integers[KIND], integers[ALONE] = kind, count if alone else 0
        start = nanoseconds()
        if not alone:
            open_phase(team, count)
        mine = do_items(s, run, piece.order, worker)
        if mine < count:
            close_phase(team, count, mine, start)
        if kind == GRADIENT:
            for a in range(plan.accumulators):
                loss += shared.partial[a]
            state.updates[SEEN] += 1
            if mass > 0:
                state.updates[STEPS] += 1  # the bias correction of adam counts the steps that it makes
        elif kind == SUM:
            squares = 0.0
            for block in range(blocks):
                squares += shared.norms[block]
            # torch.nn.utils.clip_grad_norm_
            numbers[CLIP] = smaller(1.0, clip_norm / (math.sqrt(squares) + 1e-6)) if squares == squares else squares
            if numbers[CLIP] < 1.0:
                state.updates[CLIPPED] += 1
    if worker.threads > 1:
        settle(team, nanoseconds() - began, worker.threads)
    return loss
