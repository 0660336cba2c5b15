"""Functions of one argument: the primitive ones, which every target has to know, and formulas made of them.

The derivative of a primitive function is declared, by its argument x and its value y; that of a formula is derived,
unless one by the value is declared because it is cheaper: a recurrent network keeps its states anyway, and what is
told by the value need not be kept.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from rnnfast.equations.graph import Node, Number, node, where

Formula = Callable[[Node], Node]
LEAK = 0.01  # slope of leaky_relu below 0, PyTorch's


@dataclass(frozen=True)
class Function:
    """A function of one argument.

    derivative: by argument and value; None: derived from the formula. formula: None for a primitive one.
    """

    name: str
    formula: Formula | None
    derivative: Callable[[Node, Node], Node] | None

    def __call__(self, x: Node | Number) -> Node:
        """Apply to a node or a number."""
        return Node(self.name, node(x))


FUNCTIONS: dict[str, Function] = {}


def primitive(name: str, derivative: Callable[[Node, Node], Node]) -> Function:
    """Declare a function that every target has to know."""
    FUNCTIONS[name] = Function(name, None, derivative)
    return FUNCTIONS[name]


def formula(derivative_by_value: Formula | None = None) -> Callable[[Formula], Function]:
    """Declare a function by its formula, which is decorated; it has the formula's name."""
    by_value = derivative_by_value
    derivative = None if by_value is None else lambda x, y: by_value(y)

    def declare(rule: Formula) -> Function:
        new = FUNCTIONS[rule.__name__] = Function(rule.__name__, rule, derivative)
        return new

    return declare


def one(y: Node) -> Node:
    """1, or NaN where y is."""
    return y * 0.0 + 1.0


exp = primitive("exp", lambda x, y: y)
expm1 = primitive("expm1", lambda x, y: y + 1.0)  # e^x - 1 for x <= 0
sqrt = primitive("sqrt", lambda x, y: 0.5 / y)
tanh = primitive("tanh", lambda x, y: 1.0 - y * y)
sigmoid = primitive("sigmoid", lambda x, y: y * (1.0 - y))
sin = primitive("sin", lambda x, y: cos(x))  # of radians
cos: Function = primitive("cos", lambda x, y: -sin(x))
softplus = primitive("softplus", lambda x, y: sigmoid(x))  # log(1 + e^x)
# The normal distribution function; 0.39894.. is 1 / sqrt(2 pi).
normal_distribution = primitive("normal_distribution", lambda x, y: 0.3989422804014327 * exp(-0.5 * x * x))


# At 0 the derivatives of relu, leaky_relu and elu are PyTorch's.


@formula(lambda y: where(y > 0.0, 1.0, y))  # at 0 and below it is y: 0, or NaN
def relu(x: Node) -> Node:
    """max(x, 0), NaN kept."""
    return where(x < 0.0, 0.0, x)


@formula(lambda y: where(y <= 0.0, LEAK * one(y), one(y)))
def leaky_relu(x: Node) -> Node:
    """x, below 0 a hundredth of it."""
    return where(x < 0.0, LEAK * x, x)


@formula(lambda y: where(y < 0.0, y + 1.0, one(y)))
def elu(x: Node) -> Node:
    """x, below 0 e^x - 1 (Clevert et al. 2016)."""
    return where(x < 0.0, expm1(where(x > 0.0, 0.0, x)), x)


@formula()
def swish(x: Node) -> Node:
    """x sigmoid(x), PyTorch's SiLU (Ramachandran et al. 2017)."""
    return x * sigmoid(x)


@formula()
def gelu(x: Node) -> Node:
    """x Phi(x), Phi the normal distribution function, in the exact form (Hendrycks, Gimpel 2016)."""
    return x * normal_distribution(x)


@formula(one)
def identity(x: Node) -> Node:
    """x itself."""
    return x


def sign(x: Node) -> Node:
    """-1, 0 or 1, the derivative of abs; NaN stays NaN."""
    return where(x < 0.0, -1.0, where(x > 0.0, 1.0, x))


def clamp(x: Node, low: float = -math.inf, high: float = math.inf) -> Node:
    """x limited to [low, high]; NaN stays NaN."""
    if low > -math.inf:
        x = where(x < low, low, x)
    return where(x > high, high, x) if high < math.inf else x
