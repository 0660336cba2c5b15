"""Forward and BPTT of two sequences at a time through a small vanilla RNN in registers; equations in rnn_sequence.py.

One sequence waits for itself: each state needs the one before. Two that share the weights of a minibatch fill each
other's waiting time. They run side by side as long as both last; the rest of the longer one runs alone.
"""

from rnnfast.kernels.lanes.compiling import inlined
from rnnfast.kernels.lanes.rows import add_scaled, combine, load_rows, matvec, outer_update, store_rows
from rnnfast.kernels.lanes.span import at
from rnnfast.kernels.lanes.vec import broadcast, fill, first_lanes, fma, load, store
from rnnfast.kernels.rules.activations import activate, activation_gradient
from rnnfast.kernels.rules.losses import loss_and_gradient
from rnnfast.kernels.small.sequence import output, project


@inlined
def keep(s, p, state, t, work):
    """Store h_t and its output."""
    store(work.h, (t + 1) * s.W, state)
    output(s, p, state, t, work.out)


@inlined
def forward(s, p, x, first_a, T_a, a, first_b, T_b, b):
    """States and outputs of two sequences in the workspaces a and b.

    Reads:  p, x (.., F). Writes: a.h, a.out, b.h, b.out.
    """
    both = min(T_a, T_b)
    bias = load(p, s.b_ih, s) + load(p, s.b_hh, s)
    Wh = load_rows(p, s.Wh, "H", s)
    state_a = activate(project(s, x, first_a, p, bias), s)
    state_b = activate(project(s, x, first_b, p, bias), s)
    keep(s, p, state_a, 0, a)
    keep(s, p, state_b, 0, b)
    for t in range(1, both):
        pre_a, pre_b = project(s, x, first_a + t, p, bias), project(s, x, first_b + t, p, bias)
        state_a, state_b = activate(matvec(state_a, Wh, pre_a), s), activate(matvec(state_b, Wh, pre_b), s)
        keep(s, p, state_a, t, a)
        keep(s, p, state_b, t, b)
    for t in range(both, T_a):
        state_a = activate(matvec(state_a, Wh, project(s, x, first_a + t, p, bias)), s)
        keep(s, p, state_a, t, a)
    for t in range(both, T_b):
        state_b = activate(matvec(state_b, Wh, project(s, x, first_b + t, p, bias)), s)
        keep(s, p, state_b, t, b)


@inlined
def backward(s, p, g, T_a, a, T_b, b, WhT):
    """d_t of both sequences for all steps, last one first, and the gradient of the head on the way.

    Reads:  p.Wy, h and dy of a and b, WhT. Writes: delta of a and b, g.Wy, g.by.
    """
    W, both = s.W, min(T_a, T_b)
    rows, Wy, dWy = load_rows(WhT, 0, "H", s), load_rows(p, s.Wy, "O", s), load_rows(g, s.Wy, "O", s)
    delta_a, delta_b = fill(p, 0, s), fill(p, 0, s)
    for t in range(T_a - 1, both - 1, -1):
        h = load(a.h, (t + 1) * W, s)
        dWy = add_scaled(dWy, a.dy, t * s.O, h)
        delta_a = matvec(delta_a, rows, combine(a.dy, t * s.O, Wy)) * activation_gradient(h, h, s)
        store(a.delta, t * W, delta_a)
    for t in range(T_b - 1, both - 1, -1):
        h = load(b.h, (t + 1) * W, s)
        dWy = add_scaled(dWy, b.dy, t * s.O, h)
        delta_b = matvec(delta_b, rows, combine(b.dy, t * s.O, Wy)) * activation_gradient(h, h, s)
        store(b.delta, t * W, delta_b)
    for t in range(both - 1, -1, -1):
        h_a, h_b = load(a.h, (t + 1) * W, s), load(b.h, (t + 1) * W, s)
        dWy = add_scaled(add_scaled(dWy, a.dy, t * s.O, h_a), b.dy, t * s.O, h_b)
        delta_a = matvec(delta_a, rows, combine(a.dy, t * s.O, Wy)) * activation_gradient(h_a, h_a, s)
        delta_b = matvec(delta_b, rows, combine(b.dy, t * s.O, Wy)) * activation_gradient(h_b, h_b, s)
        store(a.delta, t * W, delta_a)
        store(b.delta, t * W, delta_b)
    store_rows(g, s.Wy, first_lanes(dWy, s.H))  # padding lanes of h may be f(0) != 0
    for o in range(s.O):
        bias_a, bias_b = g[s.by + o], a.dy[0] - a.dy[0]
        for t in range(T_a):
            bias_a += a.dy[t * s.O + o]
        for t in range(T_b):
            bias_b += b.dy[t * s.O + o]
        g[s.by + o] = bias_a + bias_b


@inlined
def add_input_gradient(s, g, x, first_a, T_a, a, first_b, T_b, b):
    """g.Wx += sum_t x_t d_t' over both sequences, B features at a time."""
    F, W, B = s.F, s.W, s.B
    whole = F - F % B
    for i in range(0, whole, B):
        rows = load_rows(g, s.Wx + i * W, "B", s)
        for t in range(T_a):
            rows = add_scaled(rows, x, (first_a + t) * F + i, load(a.delta, t * W, s))
        for t in range(T_b):
            rows = add_scaled(rows, x, (first_b + t) * F + i, load(b.delta, t * W, s))
        store_rows(g, s.Wx + i * W, rows)
    for i in range(whole, F):
        row_a, row_b = load(g, s.Wx + i * W, s), fill(g, 0, s)
        for t in range(T_a):
            row_a = fma(broadcast(x, (first_a + t) * F + i, s), load(a.delta, t * W, s), row_a)
        for t in range(T_b):
            row_b = fma(broadcast(x, (first_b + t) * F + i, s), load(b.delta, t * W, s), row_b)
        store(g, s.Wx + i * W, row_a + row_b)


@inlined
def add_recurrent_gradient(s, g, T_a, a, T_b, b):
    """g.Wh += sum_t h_{t-1} d_t' and g.b += sum_t d_t over both sequences, Wh in registers."""
    W = s.W
    Wh, sum_a, sum_b = load_rows(g, s.Wh, "H", s), load(a.delta, 0, s), load(b.delta, 0, s)
    for t in range(1, T_a):
        delta = load(a.delta, t * W, s)
        Wh, sum_a = outer_update(Wh, load(a.h, t * W, s), delta), sum_a + delta
    for t in range(1, T_b):
        delta = load(b.delta, t * W, s)
        Wh, sum_b = outer_update(Wh, load(b.h, t * W, s), delta), sum_b + delta
    store_rows(g, s.Wh, Wh)
    store(g, s.b_ih, load(g, s.b_ih, s) + (sum_a + sum_b))
    if s.recurrent_bias:
        store(g, s.b_hh, load(g, s.b_hh, s) + (sum_a + sum_b))


@inlined
def pair_gradient(s, p, g, data, first_a, T_a, first_b, T_b, scale, a, b, WhT):
    """Add the scaled gradient of two sequences to g, which is not p.

    Reads:  p, data (x, y, weight), WhT (H, W) transposed recurrent weights. Writes: g, a, b.
    Returns: sum of weight * loss over their outputs.
    """
    forward(s, p, data.x, first_a, T_a, a, first_b, T_b, b)
    targets = 1 if s.classes else s.O
    y, weight = at(data.y, first_a * targets), at(data.weight, first_a * targets)
    loss = loss_and_gradient(s, a.out, y, weight, T_a, s.O, scale, a.dy)
    y, weight = at(data.y, first_b * targets), at(data.weight, first_b * targets)
    loss += loss_and_gradient(s, b.out, y, weight, T_b, s.O, scale, b.dy)
    backward(s, p, g, T_a, a, T_b, b, WhT)
    add_input_gradient(s, g, data.x, first_a, T_a, a, first_b, T_b, b)
    add_recurrent_gradient(s, g, T_a, a, T_b, b)
    return loss
