"""Cells of the user's own."""

from rnnfast.cells import parameter, relu, sigmoid, tanh


def peephole(x, u, h, c):
    i = sigmoid(x.i + u.i + parameter("p_i") * c)
    f = sigmoid(x.f + u.f + parameter("p_f") * c)
    c = f * c + i * tanh(x.g + u.g)
    return sigmoid(x.o + u.o + parameter("p_o") * c) * tanh(c), c


def minimal_gated_unit(x, u, h):
    f = sigmoid(x.f + u.f)
    return h + f * (tanh(x.n + f * u.n) - h)


def indrnn(x, u, h):
    return relu(x.h + parameter("u", 1.0) * h)


def fastgrnn(x, u, h):
    z = sigmoid(x.z + u.z + parameter("b_z"))
    n = tanh(x.z + u.z + parameter("b_n"))
    zeta, nu = sigmoid(parameter("zeta", 1.0)), sigmoid(parameter("nu", -4.0))
    return (zeta * (1 - z) + nu) * n + z * h


def mingru(x, u, h):
    z = sigmoid(x.z)
    return h + z * (x.n - h)


def my_gru(x, u, h):
    r = sigmoid(x.r + u.r)
    z = sigmoid(x.z + u.z)
    n = tanh(x.n + r * u.n)
    return n + z * (h - n)
