"""Entry points: whole epochs of training, and prediction. What an update is, update.py says."""

import math

from rnnfast.kernels.lanes.compiling import entry, inlined
from rnnfast.kernels.lanes.span import at, spans
from rnnfast.kernels.lanes.vec import fill, load, total
from rnnfast.kernels.packed import head
from rnnfast.kernels.packed import layer as recurrence
from rnnfast.kernels.packed import stack as chunk
from rnnfast.kernels.packed.packing import pack
from rnnfast.kernels.run.batch import Run, Steps, batch_update, help
from rnnfast.kernels.threads import begin_run, end_run
from rnnfast.kernels.update import AHEAD, Network

OK, DIVERGED = 0, 1


@inlined
def finite(s, size, p):
    """Whether every parameter is: 0 * p summed up is 0, or NaN."""
    zeros = fill(p, 0, s)
    for i in range(0, size, s.W):
        zeros = zeros + load(p, i, s) * fill(p, 0, s)
    return total(zeros) == 0


@entry
def train(s, network, plan, p, g, data, orders, epochs, rates, state, work, shared, losses, where, thread, threads):
    """Run `epochs` epochs, or help with them: thread 0 leads, others may call it with their numbers at any time.

    Reads:  data; orders (n * sequences + AHEAD,) int64, n orders of all sequences, epoch e takes the one at e % n;
            rates, learning
            rates, per epoch or per update.
    Writes: p; g (S * size,) (not used where s.fused); state; work (of this thread); shared; losses (epochs,)
            float64: sums of weight * loss over all outputs, each at the time of its update; where (2,) int64: epoch and
            update in which training diverged, both 0-based.
    Returns: OK or DIVERGED; p is of no use after the latter. Helpers always return OK.
    """
    network = Network(spans(network.table), network.units, network.head, network.size)
    variants = (orders.shape[0] - AHEAD) // plan.sequences
    work = spans(work)
    run = Run(network, plan, spans(p), spans(g), spans(data), spans(orders), spans(state), spans(shared))
    if thread > 0:
        help(s, run, work, thread)
        return OK
    begin_run(run.shared.team)
    status = run_epochs(s, run, work, epochs, variants, spans(rates), spans(losses), spans(where), thread, threads)
    end_run(run.shared.team, threads)
    return status


@inlined
def run_epochs(s, run, work, epochs, variants, rates, losses, where, thread, threads):
    """All epochs, as the leader. Returns: OK or DIVERGED."""
    plan, order, data = run.plan, run.order, run.data
    sequences, rate = plan.sequences, 0
    window = plan.window if plan.window > 0 else 1 << 62
    for e in range(epochs):
        row = e % variants * sequences
        total_loss = 0.0
        for first in range(row, row + sequences, plan.batch):
            stop = min(first + plan.batch, row + sequences)
            lr = rates[rate]
            longest = 1
            if plan.window > 0:
                for n in range(first, stop):
                    longest = max(longest, data.offsets[order[n] + 1] - data.offsets[order[n]])
            for begin in range(0, longest, window):
                total_loss += batch_update(s, run, work, Steps(first, stop, begin, window), lr, thread, threads)
            if not math.isfinite(total_loss):
                where[0], where[1] = e, (first - row) // plan.batch
                return DIVERGED
            if plan.per_update:
                rate += 1
        if not finite(s, run.network.size, run.p):
            where[0], where[1] = e, (sequences - 1) // plan.batch
            return DIVERGED
        if not plan.per_update:
            rate += 1
        losses[e] = total_loss
    return OK


@entry
def predict(s, network, p, derived, x, offsets, order, first, stop, size, window, width, work, states, out):
    """Outputs of all steps of the sequences order[first : stop], in chunks of `size` and windows of `window` steps.

    Reads:  p, derived (see `derive`), x (rows, F), offsets (sequences + 1,), order: sequences by falling length.
    Writes: out (rows * O,); work; states (size, width), which go from window to window.
    """
    O = network.head.outputs
    network = Network(spans(network.table), network.units, network.head, network.size)
    p, derived, x, offsets, order, work = spans(p), spans(derived), spans(x), spans(offsets), spans(order), spans(work)
    out, states = spans(out), spans(states)
    for n in range(first, stop, size):
        for begin in range(0, offsets[order[n] + 1] - offsets[order[n]], window):
            R, T, P = pack(offsets, order, n, min(size, stop - n), begin, window, work.pack)
            carried = begin > 0 and width > 0
            if carried:
                chunk.exchange_states(s, network.table, network.units, R, T, work, states, width, n, False)
            chunk.forward(s, network.table, network.units, p, derived, x, R, T, P, work, carried, 0.0, 0)
            if width > 0:
                chunk.exchange_states(s, network.table, network.units, R, T, work, states, width, n, True)
            u = chunk.unit_at(network.table, network.units - 1)
            head.forward(s, network.head, p, at(work.memory, u.h + R * u.ldh), P, work.out)
            for row in range(P):
                for o in range(O):
                    out[work.pack.source[row] * O + o] = work.out[row * O + o]


@entry
def derive(s, network, p, derived):
    """What `predict` wants of the parameters: summed biases (and transposed weights, which cost little).

    Reads: p. Writes: derived.
    """
    table, p, derived = spans(network.table), spans(p), spans(derived)
    for i in range(network.units):
        recurrence.derive(s, chunk.unit_at(table, i), p, derived)
