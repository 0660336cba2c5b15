"""Formulas on tensors: the graphs of equations/graph.py by PyTorch's operations, which know their own gradients."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from rnnfast.equations.derivative import expanded
from rnnfast.equations.functions import FUNCTIONS, LEAK
from rnnfast.equations.graph import Node

# Beyond it softplus(x) is x in float64 as well; PyTorch's own limit, 20, is off by 2e-9.
LINEAR = 40.0

_OPERATIONS: dict[str, Callable[..., Any]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "neg": lambda a: -a,
    "abs": abs,
    "exp": torch.exp,
    "expm1": torch.expm1,
    "sqrt": torch.sqrt,
    "sin": torch.sin,
    "cos": torch.cos,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "softplus": lambda x: functional.softplus(x, threshold=LINEAR),
    "normal_distribution": torch.special.ndtr,
    # Formulas that PyTorch has as one operation, with its derivatives at 0.
    "relu": torch.relu,
    "leaky_relu": lambda x: functional.leaky_relu(x, LEAK),
    "elu": functional.elu,
    "swish": functional.silu,
    "gelu": functional.gelu,
    "identity": lambda x: x,
}
_COMPARISONS: dict[str, Callable[..., Any]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


class Program:
    """Some formulas as a list of operations, each after those that it needs.

    roots: the formulas; inputs: nodes whose values are handed in.
    """

    def __init__(self, roots: Sequence[Node], inputs: Iterable[Node]) -> None:
        self.roots, self.operations = tuple(roots), list[tuple[Node, tuple[Node, ...]]]()
        ready, pending = set(inputs), list(reversed(roots))
        while pending:
            current = pending[-1]
            whole = current.kind in FUNCTIONS and current.kind not in _OPERATIONS
            sources = (expanded(current),) if whole else current.nodes
            missing = [] if current in ready else [source for source in sources if source not in ready]
            if missing:
                pending += missing
                continue
            pending.pop()
            if current not in ready:
                ready.add(current)
                self.operations.append((current, sources))

    def __call__(self, values: Mapping[Node, Tensor]) -> list[Tensor]:
        """Return the formulas of these values, tensors whose shapes fit each other."""
        like = next(iter(values.values()))
        computed: dict[Node, Any] = dict(values)
        for current, sources in self.operations:
            computed[current] = _value(current, [computed[source] for source in sources])
        return [torch.as_tensor(computed[root], dtype=like.dtype, device=like.device) for root in self.roots]


def _value(current: Node, args: list[Any]) -> Any:
    """Return the value of a node: a tensor, or a number where nothing but numbers is in it."""
    if current.kind == "number":
        return current.args[0]
    if current.kind == "where":
        left, right, value, otherwise = args
        return _chosen(_COMPARISONS[current.args[0]](left, right), value, otherwise)
    operation = _OPERATIONS.get(current.kind)
    if operation is None:
        return args[0]  # its formula
    if current.kind in FUNCTIONS and not isinstance(args[0], Tensor):
        return float(operation(torch.tensor(args[0], dtype=torch.float64)))
    return operation(*args)


def _chosen(condition: Any, value: Any, otherwise: Any) -> Any:
    """Return `value` where a condition holds, else `otherwise`; any of them may be a number."""
    if not isinstance(condition, Tensor):
        return value if condition else otherwise
    return torch.where(condition, value, otherwise)
