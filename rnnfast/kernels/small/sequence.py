"""Forward and BPTT of one or two sequences through a small vanilla RNN that lives in registers.

    h_t   = f(Wx' x_t + b_ih + Wh' h_{t-1} + b_hh),  h_{-1} = 0          (Elman 1990)
    out_t = Wy h_t + b_y
    d_t   = (Wy' dy_t + Wh d_{t+1}) f'(h_t)                              (Werbos 1990)
    dWx   = sum_t x_t d_t',  dWh = sum_t h_{t-1} d_t',  db_ih = db_hh = sum_t d_t,  dWy = sum_t dy_t h_t'

A hidden state is one SIMD value of W lanes, Wh is H of them held in registers through the recurrence. The chain of
states is bound by latency: each state needs the one before. A sequence alone has the product with its next inputs
computed beside the chain; two that share the weights of a minibatch fill each other's waiting time. They run side by
side as long as both last, the rest of the longer one runs alone. F, H, O and W are compile-time constants, and so is
the length 0 of a second sequence that is not there: what belongs to it is not compiled.

Gradients are added to a span that may be the parameters themselves: with dy scaled by -lr that is the SGD update, and
no gradient buffer exists. Every weight is therefore read before its gradient is added.
"""

from typing import Any, NamedTuple

from rnnfast.kernels.lanes.arguments import records
from rnnfast.kernels.lanes.compiling import calling_entry, inlined
from rnnfast.kernels.lanes.rows import add_scaled, combine, load_rows, matvec, outer_update, store_rows
from rnnfast.kernels.lanes.scalars import larger, smaller
from rnnfast.kernels.lanes.span import Matrix, at, number
from rnnfast.kernels.lanes.specialisation import part_of
from rnnfast.kernels.lanes.vec import broadcast, first_lanes, fma, load, store, total, zeros
from rnnfast.kernels.packed.products import transpose
from rnnfast.kernels.rules.cell import gate_gradient, state_of
from rnnfast.kernels.rules.losses import Targets, loss_and_gradient

NONE = -1  # in place of the number of a second sequence

# What the way forward depends on: it is lowered once for training and prediction.
FORWARD = "cell F H O W Wx Wh b_ih b_hh Wy by"


class Sequence(NamedTuple):
    """One sequence and its workspace."""

    first: int  # row of its first step
    T: int
    work: Any  # SequenceWork


@inlined
def project(s, p, x, row, bias):
    """bias + Wx' x[row], in two partial sums."""
    start = row * s.F
    even, odd = bias, zeros(x, s)
    for i in range(0, s.F - 1, 2):
        even = fma(broadcast(x, start + i, s), load(p, s.Wx + i * s.W, s), even)
        odd = fma(broadcast(x, start + i + 1, s), load(p, s.Wx + (i + 1) * s.W, s), odd)
    if s.F % 2:
        even = fma(broadcast(x, start + s.F - 1, s), load(p, s.Wx + (s.F - 1) * s.W, s), even)
    return even + odd


@inlined
def keep(s, p, state, t, one):
    """Store h_t and its output, out_t = Wy h_t + b_y."""
    store(one.work.h, (t + 1) * s.W, state)
    for o in range(s.O):
        one.work.out[t * s.O + o] = total(state * load(p, s.Wy + o * s.W, s)) + p[s.by + o]


@inlined
def goes_on(a, b):
    """Whether b is the longer one, which runs on alone; known while compiling where b has no step."""
    return b.T > 0 and b.T > a.T


@inlined
def run_on(s, p, x, one, state, begin, bias, Wh):
    """The steps of a sequence from `begin` on, alone; state: h_{begin - 1}."""
    if begin < one.T:
        pre = project(s, p, x, one.first + begin, bias)
        for t in range(begin, one.T - 1):
            ahead = project(s, p, x, one.first + t + 1, bias)  # independent of the chain: runs in its shadow
            state = state_of(matvec(state, Wh, pre), s)
            keep(s, p, state, t, one)
            pre = ahead
        keep(s, p, state_of(matvec(state, Wh, pre), s), one.T - 1, one)


@inlined
def forward(s, p, x, a, b):
    """States and outputs of the sequences a and b, of which b may have no step.

    Reads:  p, x (.., F). Writes: h (T + 1, W), row 0 stays the initial state 0, and out (T, O) of their workspaces.
    """
    both = smaller(a.T, b.T)
    bias = load(p, s.b_ih, s) + load(p, s.b_hh, s)
    Wh = load_rows(p, s.Wh, "H", s)
    state_a = state_b = state_of(project(s, p, x, a.first, bias), s)  # h_{-1} = 0: no recurrent term
    keep(s, p, state_a, 0, a)
    if b.T > 0:
        state_b = state_of(project(s, p, x, b.first, bias), s)
        keep(s, p, state_b, 0, b)
    for t in range(1, both):
        pre_a, pre_b = project(s, p, x, a.first + t, bias), project(s, p, x, b.first + t, bias)
        state_a, state_b = state_of(matvec(state_a, Wh, pre_a), s), state_of(matvec(state_b, Wh, pre_b), s)
        keep(s, p, state_a, t, a)
        keep(s, p, state_b, t, b)
    longer, state = (b, state_b) if goes_on(a, b) else (a, state_a)
    run_on(s, p, x, longer, state, larger(both, 1), bias, Wh)


@inlined
def step_back(s, delta, t, one, Wy, WhT):
    """d_t from d_{t+1}; stored too."""
    h = load(one.work.h, (t + 1) * s.W, s)
    # h_t = f(.. + Wh' h_{t-1}),  out_t = Wy h_t + b_y
    delta = gate_gradient(matvec(delta, WhT, combine(one.work.dy, t * s.O, Wy)), h, s)
    store(one.work.delta, t * s.W, delta)
    return delta


@inlined
def add_step(s, dWy, t, one):
    """dWy + dy_t h_t'."""
    return add_scaled(dWy, one.work.dy, t * s.O, load(one.work.h, (t + 1) * s.W, s))


@inlined
def backward(s, weights, a, b):
    """d_t of both sequences for all steps, last one first, and the gradient of the head on the way.

    Reads:  Wy, derived (transposed Wh), h and dy. Writes: delta (T, W), and Wy, by of the gradient.
    """
    p, g, both = weights.p, weights.g, smaller(a.T, b.T)
    WhT = load_rows(weights.derived, 0, "H", s)
    Wy, dWy = load_rows(p, s.Wy, "O", s), load_rows(g, s.Wy, "O", s)
    longer, delta = b if goes_on(a, b) else a, zeros(p, s)
    for t in range(longer.T - 1, both - 1, -1):
        dWy = add_step(s, dWy, t, longer)
        delta = step_back(s, delta, t, longer, Wy, WhT)
    delta_a, delta_b = (zeros(p, s), delta) if goes_on(a, b) else (delta, zeros(p, s))
    for t in range(both - 1, -1, -1):
        dWy = add_step(s, add_step(s, dWy, t, a), t, b)
        delta_a = step_back(s, delta_a, t, a, Wy, WhT)
        delta_b = step_back(s, delta_b, t, b, Wy, WhT)
    store_rows(g, s.Wy, first_lanes(dWy, s.H))  # padding lanes of h may be f(0) != 0
    for o in range(s.O):
        bias_a, bias_b = g[s.by + o], number(g, 0)
        for t in range(a.T):
            bias_a += a.work.dy[t * s.O + o]
        for t in range(b.T):
            bias_b += b.work.dy[t * s.O + o]
        g[s.by + o] = bias_a + bias_b


@inlined
def add_input_gradient(s, g, x, a, b):
    """g.Wx += sum_t x_t d_t' over both sequences, B features at a time: one load of d_t serves B multiply-adds."""
    F, W, B = s.F, s.W, s.B
    whole = F - F % B
    for i in range(0, whole, B):
        rows = load_rows(g, s.Wx + i * W, "B", s)
        for t in range(a.T):
            rows = add_scaled(rows, x, (a.first + t) * F + i, load(a.work.delta, t * W, s))
        for t in range(b.T):
            rows = add_scaled(rows, x, (b.first + t) * F + i, load(b.work.delta, t * W, s))
        store_rows(g, s.Wx + i * W, rows)
    for i in range(whole, F):
        row_a, row_b = load(g, s.Wx + i * W, s), zeros(g, s)
        for t in range(a.T):
            row_a = fma(broadcast(x, (a.first + t) * F + i, s), load(a.work.delta, t * W, s), row_a)
        for t in range(b.T):
            row_b = fma(broadcast(x, (b.first + t) * F + i, s), load(b.work.delta, t * W, s), row_b)
        store(g, s.Wx + i * W, row_a + row_b)


@inlined
def add_recurrent_gradient(s, g, a, b):
    """g.Wh += sum_t h_{t-1} d_t' and g.b += sum_t d_t over both sequences, dWh in registers."""
    W = s.W
    dWh, sum_a, sum_b = load_rows(g, s.Wh, "H", s), load(a.work.delta, 0, s), zeros(g, s)
    if b.T > 0:
        sum_b = load(b.work.delta, 0, s)
    for t in range(1, a.T):
        delta = load(a.work.delta, t * W, s)
        dWh, sum_a = outer_update(dWh, load(a.work.h, t * W, s), delta), sum_a + delta
    for t in range(1, b.T):
        delta = load(b.work.delta, t * W, s)
        dWh, sum_b = outer_update(dWh, load(b.work.h, t * W, s), delta), sum_b + delta
    store_rows(g, s.Wh, dWh)
    store(g, s.b_ih, load(g, s.b_ih, s) + (sum_a + sum_b))
    if s.recurrent_bias:
        store(g, s.b_hh, load(g, s.b_hh, s) + (sum_a + sum_b))


@inlined
def loss_of(s, data, one, scale):
    """Weighted loss of a sequence. Writes: its dy."""
    start = one.first * s.O
    targets = Targets(at(data.y, start), at(data.weight, start))
    return loss_and_gradient(s, one.work.out, targets, one.T, s.O, scale, one.work.dy)


@inlined
def gradient(s, weights, data, a, b, scale):
    """Add the scaled gradient of the sequences a and b, of which b may have no step; returns their weighted loss."""
    forward(part_of(s, FORWARD), weights.p, data.x, a, b)
    loss = loss_of(s, data, a, scale)
    if b.T > 0:
        loss += loss_of(s, data, b, scale)
    backward(s, weights, a, b)
    add_input_gradient(s, weights.g, data.x, a, b)
    add_recurrent_gradient(s, weights.g, a, b)
    return loss


@inlined
def transpose_recurrent(s, p, WhT):
    """Wh', by rows. Early, so that the scattered stores have reached the cache when whole rows are loaded."""
    transpose(Matrix(at(p, s.Wh), s.W), Matrix(WhT, s.W), s.H, s.H)


@inlined
def sequence_at(data, q, work):
    """The sequence with number q."""
    first = data.offsets[q]
    return Sequence(first, data.offsets[q + 1] - first, work)


@inlined
def gradient_of_one(s, weights, data, q, scale, work):
    """Add the scaled gradient of the sequence q to weights.g, which may be weights.p.

    Reads:  weights.p; weights.derived, the transposed Wh; data. Writes: weights.g, work.a.
    Returns: sum of weight * loss over its outputs.
    """
    return gradient(s, weights, data, sequence_at(data, q, work.a), Sequence(0, 0, work.b), scale)


@inlined
def gradient_of_two(s, weights, data, q_a, q_b, scale, work):
    """The same for two sequences, or one where q_b is NONE; weights.g is not weights.p."""
    b = sequence_at(data, larger(q_b, 0), work.b)
    b = Sequence(b.first, b.T if q_b != NONE else 0, b.work)
    return gradient(s, weights, data, sequence_at(data, q_a, work.a), b, scale)


@calling_entry
def predict(s, arguments):
    """Outputs of all steps of all sequences.

    Takes:  p; x (rows, F); offsets (sequences + 1,); sequences; SequenceWork; out (rows * O,). Writes: the last two.
    """
    p, x, offsets, sequences, work, out = records(arguments)
    for q in range(sequences):
        one = Sequence(offsets[q], offsets[q + 1] - offsets[q], work)
        forward(part_of(s, FORWARD), p, x, one, Sequence(0, 0, work))
        for i in range(one.T * s.O):
            out[one.first * s.O + i] = work.out[i]
