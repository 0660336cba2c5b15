"""Cells as equations, to use and to change: rnnfast train --cell configs/cells.py:peephole ... (docs/cells.md)."""

from rnnfast.cells import parameter, relu, sigmoid, tanh


def peephole(x, u, h, c):
    """LSTM whose gates see the cell state (Gers, Schmidhuber 2000; Gers et al. 2002)."""
    i = sigmoid(x.i + u.i + parameter("p_i") * c)
    f = sigmoid(x.f + u.f + parameter("p_f") * c)
    c = f * c + i * tanh(x.g + u.g)
    o = sigmoid(x.o + u.o + parameter("p_o") * c)
    return o * tanh(c), c


def minimal_gated_unit(x, u, h):
    """One gate in place of the GRU's two (Zhou et al. 2016), applied after the product as in PyTorch's GRU."""
    f = sigmoid(x.f + u.f)
    return h + f * (tanh(x.n + f * u.n) - h)


def indrnn(x, u, h):
    """Each unit sees its own past alone (Li et al. 2018, eq. 2)."""
    return relu(x.h + parameter("u", 1.0) * h)


def fastgrnn(x, u, h):
    """Gate and candidate share their matrices (Kusupati et al. 2018, eq. 2); zeta and nu for each unit."""
    z = sigmoid(x.z + u.z + parameter("b_z"))
    n = tanh(x.z + u.z + parameter("b_n"))
    zeta, nu = sigmoid(parameter("zeta", 1.0)), sigmoid(parameter("nu", -4.0))
    return (zeta * (1 - z) + nu) * n + z * h
