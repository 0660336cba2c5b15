"""Long short-term memory (Hochreiter, Schmidhuber 1997; forget gate by Gers et al. 2000), gates in PyTorch's order.

    i, f, o = sigmoid(W' x_t + b_i + U' h_{t-1} + b_h),  g = tanh(the same), each with its own W, U, b
    c_t = f c_{t-1} + i g
    h_t = o tanh(c_t)

With d = dh_t + carry and k = tanh(c_t):

    do = d k o (1 - o)        dc = d o (1 - k^2) + carry_c
    di = dc g i (1 - i)       df = dc c_{t-1} f (1 - f)       dg = dc i (1 - g^2)       carry_c = dc f
    carry = Ui di + Uf df + Ug dg + Uo do

Gates hold i, f, g, o side by side and later their gradients; `extra` holds c and, a plane further on, k.
"""

from rnnfast.kernels.lanes.compiling import part
from rnnfast.kernels.lanes.span import at
from rnnfast.kernels.lanes.vec import fill, fma, load, store
from rnnfast.kernels.packed.products import accumulate_rows, multiply_rows
from rnnfast.kernels.rules.activations import vsigmoid, vtanh

GATES = 4
SHARED = 4
EXTRA = 2
RECURRENT = True


@part
def step(s, u, p, previous, gates, extra, h, R, row, count, K):
    """States of the packed rows row .. row + count - 1."""
    ld, w = u.ldg, u.width
    z, before = at(gates, row * ld), at(previous, row)
    multiply_rows(s, h, before, u.ldh, at(p, u.Wh), ld, z, ld, z, ld, count, K, u.N)
    for m in range(count):
        for n in range(0, w, s.W):
            at_i = m * ld + n
            i, f = vsigmoid(load(z, at_i, s)), vsigmoid(load(z, at_i + w, s))
            g, o = vtanh(load(z, at_i + 2 * w, s)), vsigmoid(load(z, at_i + 3 * w, s))
            c = fma(f, load(extra, before[m] * w + n, s), i * g)
            k = vtanh(c)
            store(extra, (R + row + m) * w + n, c)
            store(extra, u.plane + (row + m) * w + n, k)
            store(h, (R + row + m) * u.ldh + n, o * k)
            store(z, at_i, i)
            store(z, at_i + w, f)
            store(z, at_i + 2 * w, g)
            store(z, at_i + 3 * w, o)


@part
def step_back(s, u, derived, same, previous, gates, extra, h, dh, carry, R, row, count):
    """Gates become their gradients, the carries those of the previous state and cell."""
    ld, w = u.ldg, u.width
    z = at(gates, row * ld)
    one = fill(carry, 1, s)
    for m in range(count):
        for n in range(0, w, s.W):
            at_i, at_c = m * ld + n, u.carry_plane + m * w + n
            d = load(dh, (row + m) * u.ldh + n, s) + load(carry, m * w + n, s)
            i, f, g, o = load(z, at_i, s), load(z, at_i + w, s), load(z, at_i + 2 * w, s), load(z, at_i + 3 * w, s)
            # h_t = o k, k = tanh(c_t)
            k = load(extra, u.plane + (row + m) * w + n, s)
            store(z, at_i + 3 * w, d * k * o * (one - o))
            dc = fma(d * o, one - k * k, load(carry, at_c, s))
            # c_t = f c_{t-1} + i g
            store(z, at_i, dc * g * i * (one - i))
            store(z, at_i + w, dc * load(extra, previous[row + m] * w + n, s) * f * (one - f))
            store(z, at_i + 2 * w, dc * i * (one - g * g))
            store(carry, at_c, dc * f)
            store(carry, m * w + n, fill(carry, 0, s))
    multiply_rows(s, z, same, ld, at(derived, u.WhT), w, carry, w, carry, w, count, u.N, w)


@part
def add_recurrent(s, u, g, previous, gates, extra, h, first, P):
    """DU += sum_t h_{t-1} (di, df, dg, do)' over the rows first .. P - 1."""
    ld, d = u.ldg, at(gates, first * u.ldg)
    accumulate_rows(s, h, at(previous, first), u.ldh, d, ld, at(g, u.Wh), ld, P - first, u.hidden, u.N)
