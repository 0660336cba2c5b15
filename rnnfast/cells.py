"""The cells, and the functions to write others with; equations/cell.py says how a cell is written."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from rnnfast.equations.cell import Cell
from rnnfast.equations.functions import (
    FUNCTIONS,
    clamp,
    elu,
    exp,
    gelu,
    identity,
    leaky_relu,
    relu,
    sigmoid,
    sign,
    softplus,
    sqrt,
    swish,
    tanh,
)
from rnnfast.equations.graph import where
from rnnfast.equations.trace import parameter, traced

__all__ = [
    "clamp", "elu", "exp", "gelu", "identity", "leaky_relu", "parameter", "relu", "sigmoid", "sign", "softplus", "sqrt",
    "swish", "tanh", "where",
]  # fmt: skip

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


def mlp(activation: str = "tanh") -> Callable[..., State]:
    """A layer without recurrence: each step by itself."""
    f = FUNCTIONS[activation]

    def mlp(x: Any) -> State:
        return f(x.h)

    return mlp


# Of cells with an activation to choose, a function that takes it and returns the equations.
CHOOSE_ACTIVATION = {"rnn": rnn, "mlp": mlp}
EQUATIONS: dict[str, Callable[..., State]] = {"gru": gru, "lstm": lstm}


@cache
def built_in(name: str, activation: str = "tanh") -> Cell:
    """The cell with this name; activation counts where it is to choose."""
    choose = CHOOSE_ACTIVATION.get(name)
    return traced(EQUATIONS[name] if choose is None else choose(activation), name)
