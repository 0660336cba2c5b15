"""Forward and BPTT of one sequence through a small vanilla RNN that lives in registers.

    h_t   = f(Wx' x_t + b_ih + Wh' h_{t-1} + b_hh),  h_{-1} = 0          (Elman 1990)
    out_t = Wy h_t + b_y
    d_t   = (Wy' dy_t + Wh d_{t+1}) f'(h_t)                              (Werbos 1990)
    dWx   = sum_t x_t d_t',  dWh = sum_t h_{t-1} d_t',  db_ih = db_hh = sum_t d_t,  dWy = sum_t dy_t h_t'

A hidden state is one SIMD value of W lanes, Wh is H of them held in registers through the recurrence. The chain of
states is bound by latency, so the input projection of the next step is computed beside it. F, H, O and W are
compile-time constants.

Gradients are added to a span that may be the parameters themselves: with dy scaled by -lr that is the SGD update, and
no gradient buffer exists. Every weight is therefore read before its gradient is added.
"""

from rnnfast.kernels.lanes.compiling import entry, inlined
from rnnfast.kernels.lanes.rows import add_scaled, combine, load_rows, matvec, outer_update, store_rows
from rnnfast.kernels.lanes.span import at, spans
from rnnfast.kernels.lanes.vec import broadcast, fill, first_lanes, fma, load, store, total
from rnnfast.kernels.packed.products import transpose
from rnnfast.kernels.rules.activations import activate, activation_gradient
from rnnfast.kernels.rules.losses import loss_and_gradient


@inlined
def project(s, x, row, p, bias):
    """Bias + Wx' x[row], in two partial sums."""
    start = row * s.F
    even, odd = bias, fill(x, 0, s)
    for i in range(0, s.F - 1, 2):
        even = fma(broadcast(x, start + i, s), load(p, s.Wx + i * s.W, s), even)
        odd = fma(broadcast(x, start + i + 1, s), load(p, s.Wx + (i + 1) * s.W, s), odd)
    if s.F % 2:
        even = fma(broadcast(x, start + s.F - 1, s), load(p, s.Wx + (s.F - 1) * s.W, s), even)
    return even + odd


@inlined
def output(s, p, h, t, out):
    """out[t] = Wy h + b_y."""
    for o in range(s.O):
        out[t * s.O + o] = total(h * load(p, s.Wy + o * s.W, s)) + p[s.by + o]


@inlined
def forward(s, p, x, first, T, work):
    """States and outputs of the sequence in rows first .. first + T - 1 of x.

    Reads:  p, x (.., F). Writes: work.h (T + 1, W), row 0 is the initial state 0; work.out (T, O).
    """
    W = s.W
    bias = load(p, s.b_ih, s) + load(p, s.b_hh, s)
    Wh = load_rows(p, s.Wh, "H", s)
    state = activate(project(s, x, first, p, bias), s)  # h_{-1} = 0: no recurrent term
    store(work.h, W, state)
    output(s, p, state, 0, work.out)
    if T == 1:
        return
    pre = project(s, x, first + 1, p, bias)
    for t in range(1, T - 1):
        ahead = project(s, x, first + t + 1, p, bias)  # independent of the chain: runs in its shadow
        state = activate(matvec(state, Wh, pre), s)
        store(work.h, (t + 1) * W, state)
        output(s, p, state, t, work.out)
        pre = ahead
    state = activate(matvec(state, Wh, pre), s)
    store(work.h, T * W, state)
    output(s, p, state, T - 1, work.out)


@inlined
def backward(s, p, g, T, work):
    """d_t for all steps, last one first, and the gradient of the head on the way.

    Reads:  p.Wy, work.h (T + 1, W), work.dy (T, O), work.WhT. Writes: work.delta (T, W), g.Wy, g.by.
    """
    W = s.W
    WhT = load_rows(work.WhT, 0, "H", s)
    Wy, dWy = load_rows(p, s.Wy, "O", s), load_rows(g, s.Wy, "O", s)
    delta = fill(p, 0, s)
    for t in range(T - 1, -1, -1):
        h = load(work.h, (t + 1) * W, s)
        # out_t = Wy h_t + b_y
        dh = combine(work.dy, t * s.O, Wy)
        dWy = add_scaled(dWy, work.dy, t * s.O, h)
        # h_t = f(.. + Wh' h_{t-1})
        delta = matvec(delta, WhT, dh) * activation_gradient(h, h, s)
        store(work.delta, t * W, delta)
    store_rows(g, s.Wy, first_lanes(dWy, s.H))  # padding lanes of h may be f(0) != 0
    for o in range(s.O):
        bias = g[s.by + o]
        for t in range(T):
            bias += work.dy[t * s.O + o]
        g[s.by + o] = bias


@inlined
def add_input_gradient(s, g, x, first, T, work):
    """g.Wx += sum_t x_t d_t', B features at a time so that one load of d_t serves B multiply-adds."""
    F, W, B = s.F, s.W, s.B
    whole = F - F % B
    for i in range(0, whole, B):
        rows = load_rows(g, s.Wx + i * W, "B", s)
        for t in range(T):
            rows = add_scaled(rows, x, (first + t) * F + i, load(work.delta, t * W, s))
        store_rows(g, s.Wx + i * W, rows)
    for i in range(whole, F):
        row = load(g, s.Wx + i * W, s)
        for t in range(T):
            row = fma(broadcast(x, (first + t) * F + i, s), load(work.delta, t * W, s), row)
        store(g, s.Wx + i * W, row)


@inlined
def add_recurrent_gradient(s, g, T, work):
    """g.Wh += sum_t h_{t-1} d_t' and g.b += sum_t d_t, Wh in registers."""
    W = s.W
    Wh, total_delta = load_rows(g, s.Wh, "H", s), load(work.delta, 0, s)
    for t in range(1, T):
        delta = load(work.delta, t * W, s)
        Wh = outer_update(Wh, load(work.h, t * W, s), delta)
        total_delta = total_delta + delta
    store_rows(g, s.Wh, Wh)
    store(g, s.b_ih, load(g, s.b_ih, s) + total_delta)
    if s.recurrent_bias:
        store(g, s.b_hh, load(g, s.b_hh, s) + total_delta)


@inlined
def sequence_gradient(s, p, g, data, first, T, scale, work):
    """Add the scaled gradient of one sequence to g; g may be p.

    Reads:  p (parameters), data (x, y, weight), work. Writes: g, work.
    Returns: sum of weight * loss over its outputs.
    """
    # Early, so that the scattered stores have reached the cache when backward loads whole rows.
    transpose(at(p, s.Wh), s.W, s.H, s.H, work.WhT, s.W)
    forward(s, p, data.x, first, T, work)
    targets = 1 if s.classes else s.O
    y, weight = at(data.y, first * targets), at(data.weight, first * targets)
    loss = loss_and_gradient(s, work.out, y, weight, T, s.O, scale, work.dy)
    backward(s, p, g, T, work)
    add_input_gradient(s, g, data.x, first, T, work)
    add_recurrent_gradient(s, g, T, work)
    return loss


@entry
def predict(s, p, x, offsets, work, out):
    """Outputs of all steps of all sequences.

    Reads:  p, x (rows, F), offsets (sequences + 1,). Writes: out (rows * O,); work.
    """
    sequences = offsets.shape[0] - 1
    p, x, offsets, work, out = spans(p), spans(x), spans(offsets), spans(work), spans(out)
    for q in range(sequences):
        first = offsets[q]
        T = offsets[q + 1] - first
        forward(s, p, x, first, T, work)
        for i in range(T * s.O):
            out[first * s.O + i] = work.out[i]
