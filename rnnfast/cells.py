"""The cells, and the functions to write others with; equations/cell.py says how a cell is written."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any

from rnnfast.equations.cell import Cell
from rnnfast.equations.functions import (
    FUNCTIONS,
    clamp,
    cos,
    elu,
    exp,
    expm1,
    gelu,
    identity,
    leaky_relu,
    relu,
    sigmoid,
    sign,
    sin,
    softplus,
    sqrt,
    swish,
    tanh,
)
from rnnfast.equations.graph import where
from rnnfast.equations.trace import parameter, traced

__all__ = [
    "clamp", "cos", "elu", "exp", "expm1", "gelu", "identity", "leaky_relu", "parameter", "relu", "sigmoid", "sign",
    "sin", "softplus", "sqrt", "swish", "tanh", "where",
]  # fmt: skip

LONGEST = 1000.0  # steps: time constants of cells without a recurrent product start up to it
State = Any  # a node, see equations/graph.py


def rnn(activation: str = "tanh") -> Callable[..., State]:
    """The vanilla RNN (Elman 1990)."""
    f = FUNCTIONS[activation]

    def rnn(x: Any, u: Any, h: State) -> State:
        return f(x.h + u.h)

    return rnn


def gru(x: Any, u: Any, h: State) -> State:
    """The gated recurrent unit (Cho et al. 2014) in PyTorch's form, which resets after the product."""
    r = sigmoid(x.r + u.r)
    z = sigmoid(x.z + u.z)
    n = tanh(x.n + r * u.n)
    return n + z * (h - n)


def lstm(x: Any, u: Any, h: State, c: State) -> tuple[State, State]:
    """Long short-term memory (Hochreiter, Schmidhuber 1997; forget gate by Gers et al. 2000)."""
    i, f, g, o = sigmoid(x.i + u.i), sigmoid(x.f + u.f), tanh(x.g + u.g), sigmoid(x.o + u.o)
    c = f * c + i * g
    return o * tanh(c), c


def lru(x: Any, u: Any, h: State, re: State, im: State) -> tuple[State, State, State]:
    """The linear recurrent unit (Orvieto et al. 2023): a rotating, fading complex number for each unit.

    Its time constant starts between 1 and 1,000 steps and its angle between 1/200 and 1/2 of a turn, each of them the
    logarithm of an even draw. C is the identity, as the products above mix units.
    """
    rate = exp(parameter("nu_log", -math.log(LONGEST), 0.0))
    angle = exp(parameter("theta_log", math.log(math.pi / 100), math.log(math.pi)))
    size, gamma = exp(-rate), sqrt(-expm1(-2.0 * rate))  # gamma keeps states as large as inputs
    along, across = size * cos(angle), size * sin(angle)
    re, im = along * re - across * im + gamma * x.B_re, across * re + along * im + gamma * x.B_im
    return gelu(re + x.D), re, im


def mingru(x: Any, u: Any, h: State) -> State:
    """The minimal GRU (Feng et al. 2024), a moving average; time constants start as in Tallec, Ollivier 2018."""
    z = sigmoid(x.z + parameter("bias_z", -math.log(LONGEST), 0.0))
    return h + z * (x.n - h)


def mlp(activation: str = "tanh") -> Callable[..., State]:
    """A layer without recurrence: each step by itself."""
    f = FUNCTIONS[activation]

    def mlp(x: Any) -> State:
        return f(x.h)

    return mlp


# Of cells with an activation to choose, a function that takes it and returns the equations.
CHOOSE_ACTIVATION = {"rnn": rnn, "mlp": mlp}
EQUATIONS: dict[str, Callable[..., State]] = {"gru": gru, "lstm": lstm, "lru": lru, "mingru": mingru}


@cache
def built_in(name: str, activation: str = "tanh") -> Cell:
    """The cell with this name; activation counts where it is to choose."""
    choose = CHOOSE_ACTIVATION.get(name)
    return traced(EQUATIONS[name] if choose is None else choose(activation), name)
