"""A layer without recurrence: each step by itself.

h_t = f(z_t),  z_t = Wx' x_t + b
d_t = dh_t f'(z_t)
"""

from rnnfast.kernels.lanes.compiling import part
from rnnfast.kernels.lanes.span import at
from rnnfast.kernels.lanes.vec import first_lanes, load, store
from rnnfast.kernels.rules.activations import activate, activation_gradient

GATES = 1
SHARED = 0
EXTRA = 0
RECURRENT = False


@part
def step(s, u, p, previous, gates, extra, h, R, row, count, K):
    """Outputs of the packed rows row .. row + count - 1."""
    N, ld, z = u.N, u.ldg, at(gates, row * u.ldg)
    for r in range(count):
        for n in range(0, N, s.W):
            y = activate(load(z, r * ld + n, s), s)
            store(h, (R + row + r) * u.ldh + n, first_lanes(y, u.hidden - n) if s.masked else y)


@part
def step_back(s, u, derived, same, previous, gates, extra, h, dh, carry, R, row, count):
    """z_t becomes d_t."""
    N, ld, z = u.N, u.ldg, at(gates, row * u.ldg)
    for r in range(count):
        for n in range(0, N, s.W):
            # h_t = f(z_t)
            y = load(h, (R + row + r) * u.ldh + n, s)
            up = load(dh, (row + r) * u.ldh + n, s)
            store(z, r * ld + n, up * activation_gradient(load(z, r * ld + n, s), y, s))


@part
def add_recurrent(s, u, g, previous, gates, extra, h, first, P):
    """Nothing recurs."""
