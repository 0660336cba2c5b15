"""Derivatives of formulas by reverse mode (Linnainmaa 1970): from the results back, each node gives to its arguments.

    z = a + b     da += dz             db += dz
    z = a - b     da += dz             db -= dz
    z = a b       da += dz b           db += dz a
    z = a / b     da += dz / b         db -= dz z / b
    z = f(a)      da += dz f'(a)

Products with 0 and 1 and sums with 0 are left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rnnfast.equations.functions import FUNCTIONS, sign
from rnnfast.equations.graph import Node, in_order, node, substitute

ZERO, ONE = node(0.0), node(1.0)


def adjoints(results: Sequence[Node], seeds: Sequence[Node]) -> Mapping[Node, Node]:
    """The derivative of sum_k seeds[k] results[k] by every node that the results are made of; missing: 0."""
    adjoint: dict[Node, Node] = {}

    def give(target: Node, value: Node) -> None:
        adjoint[target] = _sum(adjoint[target], value) if target in adjoint else value

    for result, seed in zip(results, seeds, strict=True):
        give(result, seed)
    for current in reversed(in_order(results)):
        d = adjoint.get(current, ZERO)
        if d is ZERO:
            continue
        for target, value in _shares(current, d):
            if target.kind != "number" and value is not ZERO:
                give(target, value)
    return adjoint


def derivative(result: Node, by: Node) -> Node:
    """The derivative of one node by another."""
    return adjoints([result], [ONE]).get(by, ZERO)


def expanded(call: Node) -> Node:
    """A node of a function with a formula, as this formula of its argument."""
    formula = FUNCTIONS[call.kind].formula
    assert formula is not None
    return formula(call.args[0])


def _shares(current: Node, d: Node) -> list[tuple[Node, Node]]:
    """What a node whose adjoint is d gives to its arguments."""
    kind, args = current.kind, current.args
    if kind == "+":
        return [(args[0], d), (args[1], d)]
    if kind == "-":
        return [(args[0], d), (args[1], _negative(d))]
    if kind == "*":
        return [(args[0], _product(d, args[1])), (args[1], _product(d, args[0]))]
    if kind == "/":
        return [(args[0], d / args[1]), (args[1], _negative(_product(d, current) / args[1]))]
    if kind == "neg":
        return [(args[0], _negative(d))]
    if kind == "abs":
        return [(args[0], _product(d, sign(args[0])))]
    if kind == "where":
        comparison, left, right, value, otherwise = args
        return [
            (value, Node("where", comparison, left, right, d, ZERO)),
            (otherwise, Node("where", comparison, left, right, ZERO, d)),
        ]
    if kind in FUNCTIONS:
        return [(args[0], _product(d, _function_derivative(current)))]
    return []


def _function_derivative(call: Node) -> Node:
    """The derivative of a function by its argument."""
    declared = FUNCTIONS[call.kind].derivative
    if declared is not None:
        return declared(call.args[0], call)
    # An input in place of the argument: what the argument is made of does not matter here.
    argument = Node("input", "function", "argument")
    by_argument = derivative(expanded(Node(call.kind, argument)), argument)
    return substitute([by_argument], {argument: call.args[0]})[0]


def _sum(a: Node, b: Node) -> Node:
    return b if a is ZERO else a if b is ZERO else a + b


def _product(a: Node, b: Node) -> Node:
    if a is ZERO or b is ZERO:
        return ZERO
    return b if a is ONE else a if b is ONE else a * b


def _negative(a: Node) -> Node:
    return a if a is ZERO else -a
