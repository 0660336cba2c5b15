"""Entry points: whole epochs of training, and prediction. What an update is, batch.py says."""

import math
from typing import NamedTuple

import numpy as np

from rnnfast.kernels.lanes.arguments import records
from rnnfast.kernels.lanes.compiling import calling_entry, entry, inlined
from rnnfast.kernels.lanes.linking import call
from rnnfast.kernels.lanes.scalars import larger, smaller
from rnnfast.kernels.lanes.vec import load, total, zeros
from rnnfast.kernels.packed.dropout import Dropout
from rnnfast.kernels.packed.front import Rows
from rnnfast.kernels.packed.packing import Slice, steps_of
from rnnfast.kernels.packed.stack import Carried, packed, packed_outputs, steps_of_chunk
from rnnfast.kernels.run.batch import batch_update, help_leader
from rnnfast.kernels.run.threads import end_run

OK, DIVERGED = 0, 1
WHOLE = 1 << 62  # steps: more than any sequence has


class Course(NamedTuple):
    """What to train."""

    orders: np.ndarray  # (n * sequences + AHEAD,) int64: epoch e visits the sequences in the order e % n
    variants: int  # n
    epochs: int
    rates: np.ndarray  # float64 learning rates, per epoch or per update


class Outcome(NamedTuple):
    """What came of it."""

    losses: np.ndarray  # (epochs,) float64 sums of weight * loss over all outputs, each at the time of its update
    where: np.ndarray  # (2,) int64 epoch and update in which training diverged, both 0-based


class Passage(NamedTuple):
    """Which sequences are predicted, and in what portions."""

    order: np.ndarray  # (sequences,) int64 by falling length
    first: int
    stop: int
    chunk: int  # sequences at a time
    window: int  # steps at a time
    carried: int  # width of the states that go from window to window


@inlined
def finite(s, size, p):
    """Whether every parameter is: 0 * p summed up is 0, or NaN."""
    sums = zeros(p, s)
    for i in range(0, size, s.W):
        sums = sums + load(p, i, s) * 0.0
    return total(sums) == 0


@entry
def train(s, arguments):
    """Run epochs, or help with them: worker 0 leads, others may call it with their workers at any time.

    Takes:  Run, Course, Outcome, Worker.
    Writes: run.p, run.g, run.state, run.shared, the worker's work; outcome.
    Returns: OK or DIVERGED; run.p is of no use after the latter. Helpers always return OK.
    """
    run, course, outcome, worker = records(arguments)
    if worker.number > 0:
        help_leader(s, run, course.orders, worker)
        return OK
    status = train_epochs(s, run, course, outcome, worker)
    end_run(run.shared.team, worker.threads)
    return status


@inlined
def train_epochs(s, run, course, outcome, worker):
    """All epochs, as the leader. Returns: OK or DIVERGED."""
    plan, offsets, rate = run.plan, run.data.offsets, 0
    sequences = plan.sequences
    for e in range(course.epochs):
        row = e % course.variants * sequences
        total_loss = 0.0
        for first in range(row, row + sequences, plan.batch):
            count = smaller(plan.batch, row + sequences - first)
            step, longest = WHOLE, WHOLE
            if plan.window > 0:
                step, longest = plan.window, 0
                for n in range(first, first + count):
                    longest = larger(longest, steps_of(offsets, course.orders[n], run.network.front.stride))
            begin = 0
            while begin < longest:
                piece = Slice(course.orders, first, count, begin, step)
                total_loss += batch_update(s, run, piece, course.rates[rate], worker)
                begin += step
            if not math.isfinite(total_loss):
                outcome.where[0], outcome.where[1] = e, (first - row) // plan.batch
                return DIVERGED
            if plan.per_update:
                rate += 1
        if not finite(s, run.network.size, run.p):
            outcome.where[0], outcome.where[1] = e, (sequences - 1) // plan.batch
            return DIVERGED
        if not plan.per_update:
            rate += 1
        outcome.losses[e] = total_loss
    return OK


@calling_entry
def predict(s, arguments):
    """Outputs of all steps of some sequences.

    Takes:  Network; Weights; x (rows, F); offsets (sequences + 1,); Passage; PackedWork; states (chunk, carried);
            out (rows * O,).
    Writes: out, where a step ends; weights.derived, the work, states.
    """
    network, weights, x, offsets, passage, work, states, out = records(arguments)
    O, order = network.head.outputs, passage.order
    for i in range(network.directions):
        call(network.calls.passes.derive, (network.table, i, weights.p, weights.derived))
    for first in range(passage.first, passage.stop, passage.chunk):
        carried = Carried(states, passage.carried, first)
        for begin in range(0, steps_of(offsets, order[first], network.front.stride), passage.window):
            piece = Slice(order, first, smaller(passage.chunk, passage.stop - first), begin, passage.window)
            chunk = packed(network, offsets, piece, work, carried)
            steps = steps_of_chunk(network, chunk, Rows(x, offsets), piece, weights.p)
            packed_outputs(s, network, weights, chunk, steps, carried, Dropout(0.0, 0), work.out)
            for row in range(chunk.P):
                for o in range(O):
                    out[work.pack.source[row] * O + o] = work.out[row * O + o]
