"""The vanilla RNN on packed chunks of sequences.

    h_t = f(Wx' x_t + b_ih + Wh' h_{t-1} + b_hh)                          (Elman 1990)
    d_t = (dh_t + Wh d_{t+1}) f'(h_t),  dh_t from the layer above         (Werbos 1990)
    dWx = sum_t x_t d_t',  dWh = sum_t h_{t-1} d_t',  db_ih = db_hh = sum_t d_t

A cell is one file like this: GATES, `forward` and `backward`, registered in epoch.py. Matrix products go through
tiles.py, so what is written here is the order of the steps and the elementwise part.
"""

from rnnfast.kernels.activations import activate, activation_gradient
from rnnfast.kernels.compiling import part
from rnnfast.kernels.simd import fill, load, store
from rnnfast.kernels.spans import at
from rnnfast.kernels.tiles import accumulate_rows, multiply_rows, sum_rows, transpose

GATES = 1


@part
def forward(s, layer, p, x, T, P, R, pack, work):
    """States of all packed rows.

    Reads:  p (parameters), x (.., layer.inputs) through pack.source.
    Writes: work.gates (P, N) pre-activations, work.h (R + P, N) with the initial states 0.
    """
    N, W = layer.width, s.W
    for n in range(0, N, W):
        bias = load(p, layer.b_ih + n, s) + load(p, layer.b_hh + n, s)
        for row in range(P):
            store(work.gates, row * N + n, bias)
        for r in range(R):
            store(work.h, r * N + n, fill(p, 0, s))
    multiply_rows(s, x, pack.source, layer.inputs, at(p, layer.Wx), work.gates, P, layer.inputs, N)
    for t in range(T):
        first, count = pack.start[t], pack.start[t + 1] - pack.start[t]
        if t > 0:  # the initial state is 0
            previous, gates = at(pack.previous, first), at(work.gates, first * N)
            multiply_rows(s, work.h, previous, N, at(p, layer.Wh), gates, count, layer.hidden, N)
        for i in range(first * N, (first + count) * N, W):
            store(work.h, R * N + i, activate(load(work.gates, i, s), s))


@part
def backward(s, layer, p, g, x, T, P, R, pack, work):
    """Gradients of the layer, added to g.

    Reads:  p, x, work.h, work.dh (P, N) from above. Writes: g, work.delta (P, N), work.carry (R, N), work.WhT.
    """
    N, W, H = layer.width, s.W, layer.hidden
    transpose(at(p, layer.Wh), N, H, H, work.WhT, N)
    for i in range(0, R * N, W):
        store(work.carry, i, fill(p, 0, s))
    for t in range(T - 1, -1, -1):
        first, count = pack.start[t], pack.start[t + 1] - pack.start[t]
        # h_t = f(.. + Wh' h_{t-1}); a sequence that ends at t has no d_{t+1}: its carry is still 0
        for i in range(0, count * N, W):
            packed = first * N + i
            dh = load(work.dh, packed, s) + load(work.carry, i, s)
            store(work.delta, packed, dh * activation_gradient(load(work.h, R * N + packed, s), s))
            store(work.carry, i, fill(p, 0, s))
        if t > 0:
            multiply_rows(s, at(work.delta, first * N), pack.same, N, work.WhT, work.carry, count, H, N)
    accumulate_rows(s, x, pack.source, layer.inputs, work.delta, at(g, layer.Wx), P, layer.inputs, N)
    later = pack.start[1]  # at t = 0 the previous state is 0
    previous, delta = at(pack.previous, later), at(work.delta, later * N)
    accumulate_rows(s, work.h, previous, N, delta, at(g, layer.Wh), P - later, H, N)
    sum_rows(s, work.delta, at(g, layer.b_ih), P, N)
    if s.recurrent_bias:
        sum_rows(s, work.delta, at(g, layer.b_hh), P, N)
