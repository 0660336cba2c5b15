"""The gated recurrent unit (Cho et al. 2014) in PyTorch's form, which resets after the product.

    r_t = sigmoid(Wr' x_t + b_ir + Ur' h_{t-1} + b_hr)
    z_t = sigmoid(Wz' x_t + b_iz + Uz' h_{t-1} + b_hz)
    q_t = Un' h_{t-1} + b_hn
    n_t = tanh(Wn' x_t + b_in + r_t q_t)
    h_t = n_t + z_t (h_{t-1} - n_t)

With d = dh_t + carry:

    dn = d (1 - z) (1 - n^2)        dz = d (h_{t-1} - n) z (1 - z)        dr = dn q r (1 - r)        dq = dn r
    carry = d z + Ur dr + Uz dz + Un dq

Gates hold r, z, n side by side and later dr, dz, dn; `extra` holds q and later dq.
"""

from rnnfast.kernels.lanes.compiling import part
from rnnfast.kernels.lanes.span import at
from rnnfast.kernels.lanes.vec import fill, fma, load, store
from rnnfast.kernels.packed.products import accumulate_rows, multiply_rows
from rnnfast.kernels.rules.activations import vsigmoid, vtanh

GATES = 3
SHARED = 2
EXTRA = 1
RECURRENT = True


@part
def step(s, u, p, previous, gates, extra, h, R, row, count, K):
    """States of the packed rows row .. row + count - 1."""
    ld, w = u.ldg, u.width
    g, q, before = at(gates, row * ld), at(extra, row * w), at(previous, row)
    multiply_rows(s, h, before, u.ldh, at(p, u.Wh), ld, g, ld, g, ld, count, K, 2 * w)
    multiply_rows(s, h, before, u.ldh, at(p, u.Wh + 2 * w), ld, at(p, u.b_hh + 2 * w), 0, q, w, count, K, w)
    for m in range(count):
        for n in range(0, w, s.W):
            i = m * ld + n
            reset, update = vsigmoid(load(g, i, s)), vsigmoid(load(g, i + w, s))
            new = vtanh(fma(reset, load(q, m * w + n, s), load(g, i + 2 * w, s)))
            last = load(h, before[m] * u.ldh + n, s)
            store(h, (R + row + m) * u.ldh + n, fma(update, last - new, new))
            store(g, i, reset)
            store(g, i + w, update)
            store(g, i + 2 * w, new)


@part
def step_back(s, u, derived, same, previous, gates, extra, h, dh, carry, R, row, count):
    """Gates and q become their gradients, the carry that of the previous state."""
    ld, w = u.ldg, u.width
    g, q = at(gates, row * ld), at(extra, row * w)
    one = fill(carry, 1, s)
    for m in range(count):
        for n in range(0, w, s.W):
            i = m * ld + n
            d = load(dh, (row + m) * u.ldh + n, s) + load(carry, m * w + n, s)
            reset, update, new = load(g, i, s), load(g, i + w, s), load(g, i + 2 * w, s)
            # h_t = n + z (h_{t-1} - n)
            last = load(h, previous[row + m] * u.ldh + n, s)
            dn = d * (one - update) * (one - new * new)
            store(g, i + w, d * (last - new) * update * (one - update))
            # n = tanh(.. + r q)
            store(g, i, dn * load(q, m * w + n, s) * reset * (one - reset))
            store(g, i + 2 * w, dn)
            store(q, m * w + n, dn * reset)
            store(carry, m * w + n, d * update)
    WhT = at(derived, u.WhT)
    multiply_rows(s, g, same, ld, WhT, w, carry, w, carry, w, count, 2 * w, w)
    multiply_rows(s, q, same, w, at(WhT, 2 * w * w), w, carry, w, carry, w, count, w, w)


@part
def add_recurrent(s, u, g, previous, gates, extra, h, first, P):
    """DU += sum_t h_{t-1} (dr, dz, dq)' over the rows first .. P - 1."""
    ld, w, rows = u.ldg, u.width, P - first
    before, d, dq = at(previous, first), at(gates, first * ld), at(extra, first * w)
    accumulate_rows(s, h, before, u.ldh, d, ld, at(g, u.Wh), ld, rows, u.hidden, 2 * w)
    accumulate_rows(s, h, before, u.ldh, dq, w, at(g, u.Wh + 2 * w), ld, rows, u.hidden, w)
