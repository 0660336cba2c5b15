"""The linear head on packed rows.

out = Wy h + b_y        dh = Wy' dy        dWy = sum dy h'        db_y = sum dy
"""

from rnnfast.kernels.lanes.compiling import part
from rnnfast.kernels.lanes.span import Matrix, at, number
from rnnfast.kernels.lanes.vec import broadcast, fma, load, store, total, zeros
from rnnfast.kernels.packed.tiles import accumulate_rows


@part
def forward(s, head, p, h, P, out):
    """out[row] = Wy h[row] + b_y.

    Reads:  p, h (P, width). Writes: out (P, O).
    """
    width, O = head.width, head.outputs
    for row in range(P):
        for o in range(O):
            products = zeros(h, s)
            for n in range(0, width, s.W):
                products = fma(load(h, row * width + n, s), load(p, head.Wy + o * width + n, s), products)
            out[row * O + o] = total(products) + p[head.by + o]


@part
def backward(s, head, p, P, dy, dh):
    """dh[row] = Wy' dy[row].

    Reads:  p, dy (P, O). Writes: dh (P, width).
    """
    width, O = head.width, head.outputs
    for row in range(P):
        for n in range(0, width, s.W):
            value = zeros(dh, s)
            for o in range(O):
                value = fma(broadcast(dy, row * O + o, s), load(p, head.Wy + o * width + n, s), value)
            store(dh, row * width + n, value)


@part
def add_gradient(head, g, h, chunk, dy):
    """Add the gradients of Wy and b_y to g.

    Reads:  h (P, width), dy (P, O). Writes: g.
    """
    width, O, P = head.width, head.outputs, chunk.P
    dWy = Matrix(at(g, head.Wy), width)
    accumulate_rows(chunk.products, Matrix(dy, O), chunk.pack.same, Matrix(h, width), dWy, P, O, width)
    for o in range(O):
        # Four partial sums overlap the latency of the additions.
        s0 = s1 = s2 = s3 = number(g, 0)
        for row in range(0, P - P % 4, 4):
            i = row * O + o
            s0, s1, s2, s3 = s0 + dy[i], s1 + dy[i + O], s2 + dy[i + 2 * O], s3 + dy[i + 3 * O]
        for row in range(P - P % 4, P):
            s0 += dy[row * O + o]
        g[head.by + o] += (s0 + s1) + (s2 + s3)
