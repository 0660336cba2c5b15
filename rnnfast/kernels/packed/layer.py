"""Layers of a network over a packed chunk: what all cells share.

A cell (rnn.py, gru.py, ...) knows one step. Its functions take

    u          Unit: sizes and offsets of one direction of one layer (layout.py)
    p, g       parameters and their gradients; derived: transposed weights, summed biases
    previous   (P,) row of the state before each packed row, among R initial states and then P states; same: (P,) 0,
    1, 2, .. gates      (P, N) what the cell computes before the state, and in the way back its gradient
    extra      what else it keeps, cell.EXTRA matrices (R + P, width)
    h          (R + P, ldh) states; dh (P, ldh) their gradients from above
    carry      (R, width) gradient of the state from the step that follows in its direction
    row, count the packed rows of the step; K: rows of the recurrent product, 0 where all previous states are 0

Input projections and weight gradients need no step order: they are one product each over all packed rows.
"""

from rnnfast.kernels.lanes.compiling import inlined, part
from rnnfast.kernels.lanes.span import at
from rnnfast.kernels.lanes.vec import fill, load, store
from rnnfast.kernels.packed.products import accumulate_rows, multiply_rows, sum_rows, transpose
from rnnfast.kernels.rules.cells.registry import add_recurrent, step, step_back


@part
def derive(s, u, p, derived):
    """Transposed weights and the start of the gates, once per batch.

    Reads: p. Writes: derived.
    """
    shared = s.shared * u.width
    for n in range(0, u.N, s.W):
        bias = load(p, u.b_ih + n, s)
        store(derived, u.bias + n, bias + load(p, u.b_hh + n, s) if n < shared else bias)
    if s.recurrent:
        transpose(at(p, u.Wh), u.ldg, u.hidden, u.N, at(derived, u.WhT), u.width)
    if u.layer > 0:
        for b in range(u.blocks):
            Wx = at(p, u.Wx + b * u.inputs * u.ldg)
            transpose(Wx, u.ldg, u.inputs, u.N, at(derived, u.WxT + b * u.block), u.ldx)


@inlined
def clear(s, memory, start, size):
    """Zeros."""
    for i in range(0, size, s.W):
        store(memory, start + i, fill(memory, 0, s))


@part
def forward(s, u, p, derived, x, index, pack, R, T, P, memory, carried):
    """States of one unit.

    Reads:  p, derived, x (.., u.ldx) through index. carried: whether the R initial states are given; else they are
            set to 0.
    Writes: memory: gates, extra, h.
    """
    N, ld = u.N, u.ldg
    gates, extra, h = at(memory, u.gates), at(memory, u.extra), at(memory, u.h + u.column)
    previous = pack.following if u.reverse else pack.previous
    multiply_rows(s, x, index, u.ldx, at(p, u.Wx), ld, at(derived, u.bias), 0, gates, ld, P, u.inputs, N)
    for b in range(1, u.blocks):
        Wx = at(p, u.Wx + b * u.inputs * ld)
        multiply_rows(s, at(x, b * u.block), index, u.ldx, Wx, ld, gates, ld, gates, ld, P, u.inputs, N)
    if not carried:
        for r in range(R):
            clear(s, h, r * u.ldh, u.width)
        clear(s, extra, 0, R * u.width * s.extra)
    for i in range(T):
        t = T - 1 - i if u.reverse else i
        row = pack.start[t]
        K = 0 if i == 0 and not carried else u.hidden
        step(s, u, p, previous, gates, extra, h, R, row, pack.start[t + 1] - row, K)


@part
def backward(s, u, derived, g, x, index, pack, R, T, P, memory, carry, carried):
    """Gradients of one unit's weights, added to g; its gates become their gradients.

    Reads:  x, derived, memory: gates, extra, h, dh. Writes: g, memory, carry.
    """
    N, ld = u.N, u.ldg
    gates, extra, h = at(memory, u.gates), at(memory, u.extra), at(memory, u.h + u.column)
    dh = at(memory, u.dh + u.column)
    previous = pack.following if u.reverse else pack.previous
    clear(s, carry, 0, R * u.width)
    clear(s, carry, u.carry_plane, R * u.width)
    for i in range(T):
        t = i if u.reverse else T - 1 - i
        row = pack.start[t]
        step_back(s, u, derived, pack.same, previous, gates, extra, h, dh, carry, R, row, pack.start[t + 1] - row)
    for b in range(u.blocks):
        Wx = at(g, u.Wx + b * u.inputs * ld)
        accumulate_rows(s, at(x, b * u.block), index, u.ldx, gates, ld, Wx, ld, P, u.inputs, N)
    # At the first step of all sequences the previous state is 0, unless it was carried over.
    first = 0 if u.reverse or carried else pack.start[1]
    add_recurrent(s, u, g, previous, gates, extra, h, first, P)
    sum_rows(s, gates, ld, at(g, u.b_ih), P, N)
    if s.recurrent_bias:
        # Gates that start from b_ih + b_hh hand both the same gradient, the others have their own product (extra).
        shared = s.shared * u.width
        sum_rows(s, gates, ld, at(g, u.b_hh), P, shared)
        if shared < N:
            sum_rows(s, extra, u.width, at(g, u.b_hh + shared), P, N - shared)


@part
def hand_down(s, u, derived, pack, P, memory, below):
    """Add the gradient of the unit's input to that of the states below: dx = d Wx'.

    Reads:  derived, memory: gates (now gradients). Writes: below (P, u.ldx).
    """
    multiply_rows(
        s, at(memory, u.gates), pack.same, u.ldg, at(derived, u.WxT), u.ldx, below, u.ldx, below, u.ldx, P, u.N, u.ldx
    )
