"""The vanilla RNN (Elman 1990).

    h_t = f(z_t),  z_t = Wx' x_t + b_ih + b_hh + Wh' h_{t-1}
    d_t = (dh_t + Wh d_{t+1}) f'(z_t)                          (Werbos 1990; dh_t comes from above)

The argument lists are those of every cell, see recurrence.py.
"""

from rnnfast.kernels.lanes.compiling import part
from rnnfast.kernels.lanes.span import at
from rnnfast.kernels.lanes.vec import fill, first_lanes, load, store
from rnnfast.kernels.packed.products import accumulate_rows, multiply_rows
from rnnfast.kernels.rules.activations import activate, activation_gradient

GATES = 1
SHARED = 1  # gates that start from b_ih + b_hh, the others from b_ih
EXTRA = 0  # matrices (R + P, width) that the cell keeps beside gates and h
RECURRENT = True


@part
def step(s, u, p, previous, gates, extra, h, R, row, count, K):
    """States of the packed rows row .. row + count - 1."""
    N, ld, z = u.N, u.ldg, at(gates, row * u.ldg)
    multiply_rows(s, h, at(previous, row), u.ldh, at(p, u.Wh), ld, z, ld, z, ld, count, K, N)
    for r in range(count):
        for n in range(0, N, s.W):
            y = activate(load(z, r * ld + n, s), s)
            store(h, (R + row + r) * u.ldh + n, first_lanes(y, u.hidden - n) if s.masked else y)


@part
def step_back(s, u, derived, same, previous, gates, extra, h, dh, carry, R, row, count):
    """z_t becomes d_t, the carry the gradient of the previous state."""
    N, ld, z = u.N, u.ldg, at(gates, row * u.ldg)
    for r in range(count):
        for n in range(0, N, s.W):
            up = load(dh, (row + r) * u.ldh + n, s) + load(carry, r * N + n, s)
            # h_t = f(z_t)
            y = load(h, (R + row + r) * u.ldh + n, s)
            store(z, r * ld + n, up * activation_gradient(load(z, r * ld + n, s), y, s))
            store(carry, r * N + n, fill(carry, 0, s))
    # z_t = .. + Wh' h_{t-1}
    multiply_rows(s, z, same, ld, at(derived, u.WhT), N, carry, N, carry, N, count, u.hidden, N)


@part
def add_recurrent(s, u, g, previous, gates, extra, h, first, P):
    """DWh += sum_t h_{t-1} d_t' over the rows first .. P - 1."""
    ld, d = u.ldg, at(gates, first * u.ldg)
    accumulate_rows(s, h, at(previous, first), u.ldh, d, ld, at(g, u.Wh), ld, P - first, u.hidden, u.N)
