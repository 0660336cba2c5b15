"""The linear head on packed rows: out = Wy h + b_y.

dh = Wy' dy,  dWy = sum dy h',  db_y = sum dy
"""

from rnnfast.kernels.lanes.compiling import part
from rnnfast.kernels.lanes.span import at, number
from rnnfast.kernels.lanes.vec import broadcast, fill, fma, load, store, total
from rnnfast.kernels.packed.products import accumulate_rows


@part
def forward(s, head, p, h, P, out):
    """out[row] = Wy h[row] + b_y.

    Reads:  p, h (P, N). Writes: out (P, O).
    """
    N, O = head.width, head.outputs
    for row in range(P):
        for o in range(O):
            products = fill(h, 0, s)
            for n in range(0, N, s.W):
                products = fma(load(h, row * N + n, s), load(p, head.Wy + o * N + n, s), products)
            out[row * O + o] = total(products) + p[head.by + o]


@part
def backward(s, head, p, P, dy, dh):
    """dh[row] = Wy' dy[row].

    Reads:  p, dy (P, O). Writes: dh (P, N).
    """
    N, O = head.width, head.outputs
    for row in range(P):
        for n in range(0, N, s.W):
            value = fill(dh, 0, s)
            for o in range(O):
                value = fma(broadcast(dy, row * O + o, s), load(p, head.Wy + o * N + n, s), value)
            store(dh, row * N + n, value)


@part
def add_gradient(s, head, g, h, P, same, dy):
    """Add the gradients of Wy and b_y to g.

    Reads:  h (P, N), dy (P, O). Writes: g.
    """
    N, O = head.width, head.outputs
    accumulate_rows(s, dy, same, O, h, N, at(g, head.Wy), N, P, O, N)
    for o in range(O):
        # Four partial sums overlap the latency of the additions.
        s0 = s1 = s2 = s3 = number(g, 0)
        for row in range(0, P - P % 4, 4):
            i = row * O + o
            s0, s1, s2, s3 = s0 + dy[i], s1 + dy[i + O], s2 + dy[i + 2 * O], s3 + dy[i + 3 * O]
        for row in range(P - P % 4, P):
            s0 += dy[row * O + o]
        g[head.by + o] += (s0 + s1) + (s2 + s3)
