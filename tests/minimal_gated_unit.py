"""The minimal gated unit (Zhou et al. 2016), with the gate applied after the product as in PyTorch's GRU.

    f_t = sigmoid(Wf' x_t + b_if + Uf' h_{t-1} + b_hf)
    q_t = Un' h_{t-1} + b_hn
    n_t = tanh(Wn' x_t + b_in + f_t q_t)
    h_t = h_{t-1} + f_t (n_t - h_{t-1})

With d = dh_t + carry:

    dn = d f (1 - n^2)        df = (d (n - h_{t-1}) + dn q) f (1 - f)        dq = dn f
    carry = d (1 - f) + Uf df + Un dq

Gates hold f, n side by side and later df, dn; `extra` holds q and later dq. docs/extending.md goes through this file.
"""

from rnnfast.kernels.rules.activations import vsigmoid, vtanh

from rnnfast.kernels.lanes.compiling import part
from rnnfast.kernels.lanes.span import at
from rnnfast.kernels.lanes.vec import fill, fma, load, store
from rnnfast.kernels.packed.products import accumulate_rows, multiply_rows

GATES = 2
SHARED = 1  # f starts from b_ih + b_hh, n from b_ih
EXTRA = 1  # q
RECURRENT = True


@part
def step(s, u, p, previous, gates, extra, h, R, row, count, K):
    """States of the packed rows row .. row + count - 1."""
    ld, w = u.ldg, u.width
    g, q, before = at(gates, row * ld), at(extra, row * w), at(previous, row)
    multiply_rows(s, h, before, u.ldh, at(p, u.Wh), ld, g, ld, g, ld, count, K, w)
    multiply_rows(s, h, before, u.ldh, at(p, u.Wh + w), ld, at(p, u.b_hh + w), 0, q, w, count, K, w)
    for m in range(count):
        for n in range(0, w, s.W):
            i = m * ld + n
            forget = vsigmoid(load(g, i, s))
            new = vtanh(fma(forget, load(q, m * w + n, s), load(g, i + w, s)))
            last = load(h, before[m] * u.ldh + n, s)
            store(h, (R + row + m) * u.ldh + n, fma(forget, new - last, last))
            store(g, i, forget)
            store(g, i + w, new)


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
            forget, new = load(g, i, s), load(g, i + w, s)
            # h_t = h_{t-1} + f (n - h_{t-1})
            last = load(h, previous[row + m] * u.ldh + n, s)
            dn = d * forget * (one - new * new)
            # n = tanh(.. + f q)
            df = fma(dn, load(q, m * w + n, s), d * (new - last))
            store(g, i, df * forget * (one - forget))
            store(g, i + w, dn)
            store(q, m * w + n, dn * forget)
            store(carry, m * w + n, d * (one - forget))
    WhT = at(derived, u.WhT)
    multiply_rows(s, g, same, ld, WhT, w, carry, w, carry, w, count, w, w)
    multiply_rows(s, q, same, w, at(WhT, w * w), w, carry, w, carry, w, count, w, w)


@part
def add_recurrent(s, u, g, previous, gates, extra, h, first, P):
    """DU += sum_t h_{t-1} (df, dq)' over the rows first .. P - 1."""
    ld, w, rows = u.ldg, u.width, P - first
    before, d, dq = at(previous, first), at(gates, first * ld), at(extra, first * w)
    accumulate_rows(s, h, before, u.ldh, d, ld, at(g, u.Wh), ld, rows, u.hidden, w)
    accumulate_rows(s, h, before, u.ldh, dq, w, at(g, u.Wh + w), ld, rows, u.hidden, w)
