"""Values of formulas by NumPy: slow, plain, for any array."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnfast.equations.derivative import expanded
from rnnfast.equations.functions import FUNCTIONS
from rnnfast.equations.graph import Node

Values = NDArray[np.floating[Any]]

_OPERATIONS: dict[str, Any] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "neg": np.negative,
    "abs": np.abs,
    "exp": np.exp,
    "expm1": np.expm1,
    "sqrt": np.sqrt,
    "sin": np.sin,
    "cos": np.cos,
    "tanh": np.tanh,
    "sigmoid": lambda x: 1.0 / (1.0 + np.exp(-x)),
    "softplus": lambda x: np.maximum(x, 0.0) + np.log1p(np.exp(-np.abs(x))),
    "normal_distribution": lambda x: 0.5 * (1.0 + np.vectorize(math.erf, otypes=[float])(x * math.sqrt(0.5))),
}
_COMPARISONS = {"<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal}


def evaluate(roots: Sequence[Node], values: Mapping[Node, Values]) -> list[Values]:
    """Compute the roots; values: of the nodes where that stops, of the inputs at least."""
    computed: dict[Node, Values] = dict(values)
    pending = list(reversed(roots))
    while pending:
        current = pending[-1]
        if current in computed:
            pending.pop()
            continue
        formula = expanded(current) if current.kind in FUNCTIONS and current.kind not in _OPERATIONS else None
        sources = current.nodes if formula is None else (formula,)
        unread = [source for source in sources if source not in computed]
        if unread:
            pending += unread
            continue
        pending.pop()
        arguments = [computed[source] for source in sources]
        computed[current] = _value(current, arguments) if formula is None else arguments[0]
    return [computed[root] for root in roots]


def _value(current: Node, args: list[Values]) -> Values:
    with np.errstate(all="ignore"):
        if current.kind == "number":
            return np.asarray(current.args[0])
        if current.kind == "where":
            left, right, value, otherwise = args
            return np.where(_COMPARISONS[current.args[0]](left, right), value, otherwise)
        return np.asarray(_OPERATIONS[current.kind](*args))
