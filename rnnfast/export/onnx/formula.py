"""The equations of a cell as basic operators of ONNX, one for each node of their graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rnnfast.equations.cell import PARAMETER
from rnnfast.equations.graph import Node, in_order, substitute
from rnnfast.export.c.formula import primitive
from rnnfast.export.onnx.nodes import Nodes

OPERATORS = {
    "+": "Add", "-": "Sub", "*": "Mul", "/": "Div", "neg": "Neg", "abs": "Abs", "exp": "Exp", "sqrt": "Sqrt",
    "sin": "Sin", "cos": "Cos", "tanh": "Tanh", "sigmoid": "Sigmoid",
    "<": "Less", "<=": "LessOrEqual", ">": "Greater", ">=": "GreaterOrEqual",
}  # fmt: skip


def equations(nodes: Nodes, roots: Sequence[Node], values: Mapping[Node, str], like: str) -> list[str]:
    """Write the roots down.

    values: the name of each node that is there already. like: what has the shape of the results, for those that are
    made of constants alone. Returns: the name of each root.
    """
    at_hand = {current: Node("input", "onnx", name) for current, name in values.items()}
    vectors = {name for current, name in values.items() if current.args[0] == PARAMETER}
    roots = primitive(substitute(roots, at_hand))
    written: dict[Node, str] = {}
    for current in in_order(roots):
        if current.kind == "input":
            written[current] = str(current.args[1])
        elif current.kind == "number":
            written[current] = nodes.constant(current.args[0])
        else:
            written[current] = _node(nodes, current, [written[one] for one in current.nodes])
    fixed = [root for root in roots if _inputs(root) <= vectors]
    shape = nodes.op("Shape", like) if fixed else ""
    return [nodes.op("Expand", written[root], shape) if root in fixed else written[root] for root in roots]


def _inputs(root: Node) -> set[str]:
    """Return the names that a root is made of."""
    return {str(current.args[1]) for current in in_order([root]) if current.kind == "input"}


def _node(nodes: Nodes, current: Node, args: list[str]) -> str:
    if current.kind == "where":
        holds = nodes.op(OPERATORS[current.args[0]], *args[:2])
        return nodes.op("Where", holds, *args[2:])
    if current.kind in FORMULAS:
        return FORMULAS[current.kind](nodes, args[0])
    return nodes.op(OPERATORS[current.kind], *args)


def _expm1(nodes: Nodes, x: str) -> str:
    """e^x - 1 = 2 t / (1 - t), t = tanh(x / 2), which loses no digits near 0."""
    t = nodes.op("Tanh", nodes.op("Mul", x, nodes.constant(0.5)))
    return nodes.op("Div", nodes.op("Add", t, t), nodes.op("Sub", nodes.constant(1.0), t))


def _softplus(nodes: Nodes, x: str) -> str:
    """max(x, 0) + log(1 + e^-|x|); ONNX Runtime has no Softplus of doubles."""
    small = nodes.op("Exp", nodes.op("Neg", nodes.op("Abs", x)))
    rest = nodes.op("Log", nodes.op("Add", nodes.constant(1.0), small))
    return nodes.op("Add", nodes.op("Relu", x), rest)


def _normal_distribution(nodes: Nodes, x: str) -> str:
    """(1 + erf(x / sqrt 2)) / 2; in doubles, of which ONNX Runtime has no Erf, by the polynomials of the kernels."""
    if nodes.real == "float64":
        from rnnfast.kernels.lanes.elementary import ELEMENTARY

        of_doubles: Any = ELEMENTARY["normal_distribution"]
        return equations(nodes, [of_doubles(Node("input", "onnx", x), 64)], {}, x)[0]
    erf = nodes.op("Erf", nodes.op("Mul", x, nodes.constant(0.7071067811865476)))
    half = nodes.constant(0.5)
    return nodes.op("Add", half, nodes.op("Mul", half, erf))


FORMULAS: dict[str, Callable[[Nodes, str], str]] = {
    "expm1": _expm1,
    "softplus": _softplus,
    "normal_distribution": _normal_distribution,
}
