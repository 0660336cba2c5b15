"""Gradients of the weights of a small vanilla RNN, from the gradients d_t of its pre-activations (see sequence.py).

dWx = sum_t x_t d_t',  dWh = sum_t h_{t-1} d_t',  db_ih = db_hh = sum_t d_t
"""

from rnnfast.kernels.lanes.compiling import inlined
from rnnfast.kernels.lanes.rows import add_scaled, load_rows, outer_update, store_last_rows, store_rows
from rnnfast.kernels.lanes.vec import first_lanes, load, store, zeros


@inlined
def add_features(s, rows, i, F, x, a, b):
    """rows + sum_t x_t d_t' of both sequences, for as many features as there are rows, from i on."""
    for t in range(a.T):
        rows = add_scaled(rows, x, (a.first + t) * F + i, load(a.work.delta, t * s.W, s))
    for t in range(b.T):
        rows = add_scaled(rows, x, (b.first + t) * F + i, load(b.work.delta, t * s.W, s))
    return rows


@inlined
def add_input_gradient(s, n, g, x, a, b):
    """g.Wx += sum_t x_t d_t' over both sequences, 8 or 4 features at a time: one load of d_t serves as many.

    The last features are summed together with those before them, which are not written again.
    """
    F, W = n.F, s.W
    if F >= 8:
        for i in range(0, F - 7, 8):
            store_rows(g, n.Wx + i * W, add_features(s, load_rows(g, n.Wx + i * W, 8, s), i, F, x, a, b))
        if F % 8:
            i = F - 8
            rows = add_features(s, load_rows(g, n.Wx + i * W, 8, s), i, F, x, a, b)
            store_last_rows(g, n.Wx + i * W, rows, F % 8)
    elif F >= 4:
        store_rows(g, n.Wx, add_features(s, load_rows(g, n.Wx, 4, s), 0, F, x, a, b))
        if F > 4:
            i = F - 4
            rows = add_features(s, load_rows(g, n.Wx + i * W, 4, s), i, F, x, a, b)
            store_last_rows(g, n.Wx + i * W, rows, F % 4)
    else:
        for i in range(F):
            store_rows(g, n.Wx + i * W, add_features(s, load_rows(g, n.Wx + i * W, 1, s), i, F, x, a, b))


@inlined
def hidden_units(s, n, h, t):
    """h_{t-1} with 0 in its padding, which rows of padding of dWh are multiplied with: there it may be f(0) != 0."""
    units = load(h, t * s.W, s)
    return first_lanes(units, n.hidden) if s.masked else units


@inlined
def add_recurrent_gradient(s, n, g, a, b):
    """g.Wh += sum_t h_{t-1} d_t' and g.b += sum_t d_t over both sequences, dWh in registers."""
    W = s.W
    dWh, sum_a, sum_b = load_rows(g, n.Wh, "H", s), load(a.work.delta, 0, s), zeros(g, s)
    if b.T > 0:
        sum_b = load(b.work.delta, 0, s)
    for t in range(1, a.T):
        delta = load(a.work.delta, t * W, s)
        dWh, sum_a = outer_update(dWh, hidden_units(s, n, a.work.h, t), delta), sum_a + delta
    for t in range(1, b.T):
        delta = load(b.work.delta, t * W, s)
        dWh, sum_b = outer_update(dWh, hidden_units(s, n, b.work.h, t), delta), sum_b + delta
    store_rows(g, n.Wh, dWh)
    store(g, n.b_ih, load(g, n.b_ih, s) + (sum_a + sum_b))
    if n.recurrent_bias:
        store(g, n.b_hh, load(g, n.b_hh, s) + (sum_a + sum_b))
