"""Entry points: whole epochs of training, and prediction.

A batch is cut into chunks of sequences; each chunk adds its scaled gradient to g, then the optimizer steps. Where a
batch is one chunk and the rule is plain SGD, the chunk adds to the parameters themselves, with its scale times -lr
(`s.fused`).

Two engines compute the gradient of a chunk: `sequence` (one short sequence, a small vanilla RNN in registers) and
`packed` (any cell, any number of sequences). Numba picks them, the cell, the loss and the optimizer by the words of the
shape `s`, at compile time.
"""

import math

from numba.extending import overload

from rnnfast.kernels import head, rnn, rnn_sequence
from rnnfast.kernels.compiling import entry, inlined
from rnnfast.kernels.losses import loss_and_gradient
from rnnfast.kernels.optimizers import update
from rnnfast.kernels.packing import pack
from rnnfast.kernels.simd import fill, load, prefetch, store, total
from rnnfast.kernels.spans import at, number, spans

OK, DIVERGED = 0, 1

# How far ahead features are asked for, measured on shuffled orders: sequences, and cache lines of each.
AHEAD = 3
PREFETCH_LINES = 64

CELLS = {"rnn": rnn}

_PART = {"error_model": "numpy"}


def cell_forward(s, layer, p, x, T, P, R, pack, work):
    """States of a packed chunk, by the cell that the shape names."""


def cell_backward(s, layer, p, g, x, T, P, R, pack, work):
    """Gradients of a packed chunk, by the cell that the shape names."""


@overload(cell_forward, jit_options=_PART)
def _cell_forward(s, layer, p, x, T, P, R, pack, work):
    return CELLS[s.dims["cell"]].forward.py_func


@overload(cell_backward, jit_options=_PART)
def _cell_backward(s, layer, p, g, x, T, P, R, pack, work):
    return CELLS[s.dims["cell"]].backward.py_func


@inlined
def prefetch_sequence(s, data, q):
    """Ask for the features of sequence q: in shuffled order no hardware prefetcher finds them in time."""
    first = data.offsets[q] * s.F
    last = data.offsets[q + 1] * s.F
    for i in range(first, min(last, first + PREFETCH_LINES * s.line), s.line):
        prefetch(data.x, i)


def _sequence_chunk(s, network, p, g, data, order, first, count, scale, work):
    loss = 0.0
    for n in range(first, first + count):
        prefetch_sequence(s, data, order[n + AHEAD])
        start = data.offsets[order[n]]
        T = data.offsets[order[n] + 1] - start
        loss += rnn_sequence.sequence_gradient(s, p, g, data, start, T, scale, work)
    return loss


def _packed_chunk(s, network, p, g, data, order, first, count, scale, work):
    layer, top = network
    T, P = pack(data.offsets, order, first, count, work.pack)
    cell_forward(s, layer, p, data.x, T, P, count, work.pack, work)
    h = at(work.h, count * top.width)  # after the initial states
    head.forward(s, top, p, h, P, work.out)
    O = top.outputs
    for row in range(P):
        for o in range(O):
            work.y[row * O + o] = data.y[work.pack.source[row] * O + o]
            work.weight[row * O + o] = data.weight[work.pack.source[row] * O + o]
    loss = loss_and_gradient(s, work.out, work.y, work.weight, P * O, scale, work.dy)
    head.backward(s, top, p, P, work.dy, work.dh)
    cell_backward(s, layer, p, g, data.x, T, P, count, work.pack, work)
    head.add_gradient(s, top, g, h, P, work.pack.same, work.dy)
    return loss


ENGINES = {"sequence": _sequence_chunk, "packed": _packed_chunk}


def chunk_gradient(s, network, p, g, data, order, first, count, scale, work):
    """Add the scaled gradient of the sequences order[first : first + count] to g, by the engine that the shape names.

    Returns: sum of weight * loss over their outputs.
    """


@overload(chunk_gradient, jit_options=_PART)
def _chunk_gradient(s, network, p, g, data, order, first, count, scale, work):
    return ENGINES[s.dims["engine"]]


@inlined
def finite(s, size, p):
    """Whether every parameter is: 0 * p summed up is 0, or NaN."""
    zeros = fill(p, 0, s)
    for i in range(0, size, s.W):
        zeros = zeros + load(p, i, s) * fill(p, 0, s)
    return total(zeros) == 0


@entry
def train(s, network, p, g, data, orders, epochs, batch, chunk, mean, lr, work, losses, where):
    """Run `epochs` epochs.

    Reads:  data; orders (n * sequences + AHEAD,) int64, n orders of all sequences, epoch e takes the one at e % n;
            batch and chunk in sequences; mean: loss is a mean over the labelled steps of a batch (else their sum);
            lr, a scalar of the parameters' type.
    Writes: p; g (not used where s.fused); work; losses (epochs,) float64: sums of weight * loss over all outputs, each
            at the time of its update; where (2,) int64: epoch and update in which training diverged, both 0-based.
    Returns: OK or DIVERGED; p is of no use after the latter.
    """
    size, O = p.shape[0], network.head.outputs
    sequences = data.mass.shape[0]
    variants = (orders.shape[0] - AHEAD) // sequences
    order, p, g, data, work = spans(orders), spans(p), spans(g), spans(data), spans(work)
    for e in range(epochs):
        row = e % variants * sequences
        total_loss = 0.0
        for first in range(row, row + sequences, batch):
            stop = min(first + batch, row + sequences)
            mass = 0.0
            for n in range(first, stop):
                mass += data.mass[order[n]]
            if mass == 0:
                continue  # nothing labelled
            scale = 1.0 / (mass * O) if mean else 1.0 / O
            if s.fused:
                total_loss += chunk_gradient(
                    s, network, p, p, data, order, first, stop - first, number(p, -lr * scale), work
                )
            else:
                for i in range(0, size, s.W):
                    store(g, i, fill(g, 0, s))
                for n in range(first, stop, chunk):
                    count = min(chunk, stop - n)
                    total_loss += chunk_gradient(s, network, p, g, data, order, n, count, number(p, scale), work)
                update(s, size, p, g, lr)
            if not math.isfinite(total_loss):
                where[0], where[1] = e, (first - row) // batch
                return DIVERGED
        if not finite(s, size, p):
            where[0], where[1] = e, (sequences - 1) // batch
            return DIVERGED
        losses[e] = total_loss
    return OK


@entry
def predict(s, network, p, x, offsets, order, chunk, work, out):
    """Outputs of all steps.

    Reads:  p, x (rows, F), offsets (sequences + 1,), order (sequences,): sequences of like length side by side save
            work.
    Writes: out (rows * O,); work.
    """
    O, sequences = network.head.outputs, order.shape[0]
    p, x, offsets, order, work, out = spans(p), spans(x), spans(offsets), spans(order), spans(work), spans(out)
    for first in range(0, sequences, chunk):
        count = min(chunk, sequences - first)
        T, P = pack(offsets, order, first, count, work.pack)
        cell_forward(s, network.layer, p, x, T, P, count, work.pack, work)
        head.forward(s, network.head, p, at(work.h, count * network.head.width), P, work.out)
        for row in range(P):
            for o in range(O):
                out[work.pack.source[row] * O + o] = work.out[row * O + o]
