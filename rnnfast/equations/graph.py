"""The language of formulas: arithmetic on nodes builds a graph, which is evaluated, derived and compiled elsewhere.

    kind        args
    number      a Python float
    input       group and name: ("x", "r") is W' x + b_ih of gate r, ("state", "h") the state before the step
    + - * /     two nodes
    neg abs     a node
    where       comparison (< <= > >=), its two sides, the value where it holds, the value elsewhere
    FUNCTION    a node; functions.py lists them

Equal nodes are one object, so that a value which a formula names twice is computed once. The graph is not simplified.
Kernels may fuse a multiplication with an addition, and divide by multiplying with a reciprocal (kernels/lanes/vec.py).
A comparison with NaN does not hold, as in IEEE arithmetic.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from numbers import Real
from typing import Any, ClassVar

Number = int | float


class Node:
    """A value of a formula; operators make new ones."""

    __slots__ = ("args", "kind")
    __array_ufunc__ = None  # numpy.tanh(node) is an error instead of an array of objects
    _left: ClassVar[int | None] = None  # nodes that may still be made, while equations are read
    _nodes: ClassVar[dict[tuple[Any, ...], Node]] = {}

    kind: str
    args: tuple[Any, ...]

    def __new__(cls, kind: str, *args: Any) -> Node:
        """Return the node with these contents, the same one each time."""
        # 0.0 and -0.0 are equal, and so are 1 and 1.0: a number is told by how it is written.
        key = (kind, *(repr(arg) if isinstance(arg, float) else arg for arg in args))
        node = cls._nodes.get(key)
        if node is None:
            if cls._left is not None:
                cls._left -= 1
                if cls._left < 0:
                    raise TooManyNodes
            node = cls._nodes[key] = super().__new__(cls)
            node.kind, node.args = kind, args
        return node

    def __reduce__(self) -> tuple[Any, ...]:
        """Copies and pickles are the node itself, as equal nodes are one."""
        return Node, (self.kind, *self.args)

    @property
    def nodes(self) -> tuple[Node, ...]:
        """The arguments that are nodes."""
        return tuple(arg for arg in self.args if isinstance(arg, Node))

    def __add__(self, other: Node | Number) -> Node:
        return Node("+", self, node(other))

    def __radd__(self, other: Number) -> Node:
        return Node("+", node(other), self)

    def __sub__(self, other: Node | Number) -> Node:
        return Node("-", self, node(other))

    def __rsub__(self, other: Number) -> Node:
        return Node("-", node(other), self)

    def __mul__(self, other: Node | Number) -> Node:
        return Node("*", self, node(other))

    def __rmul__(self, other: Number) -> Node:
        return Node("*", node(other), self)

    def __truediv__(self, other: Node | Number) -> Node:
        return Node("/", self, node(other))

    def __rtruediv__(self, other: Number) -> Node:
        return Node("/", node(other), self)

    def __neg__(self) -> Node:
        return Node("neg", self)

    def __abs__(self) -> Node:
        return Node("abs", self)

    def __lt__(self, other: Node | Number) -> Comparison:
        return Comparison("<", self, node(other))

    def __le__(self, other: Node | Number) -> Comparison:
        return Comparison("<=", self, node(other))

    def __gt__(self, other: Node | Number) -> Comparison:
        return Comparison(">", self, node(other))

    def __ge__(self, other: Node | Number) -> Comparison:
        return Comparison(">=", self, node(other))

    def __pos__(self) -> Node:
        return self

    def __pow__(self, exponent: Any) -> Node:
        raise TypeError("there are no powers; write v * v for a square, sqrt(v), exp(v)")

    def __iter__(self) -> Any:
        raise TypeError("a value of equations is one number for each hidden unit; it cannot be looped over")

    def __eq__(self, other: object) -> bool:
        if Node._left is not None:
            raise ValueUnknown
        return self is other

    __hash__ = object.__hash__

    def __bool__(self) -> bool:
        raise ValueUnknown

    def __float__(self) -> float:
        raise TypeError("it must be a real number, not a value of equations")

    def __repr__(self) -> str:
        return text_of(self, 4)


class Comparison:
    """Two nodes compared: the condition of `where`."""

    def __init__(self, sign: str, left: Node, right: Node) -> None:
        self.sign, self.left, self.right = sign, left, right

    def __bool__(self) -> bool:
        raise ValueUnknown

    def __repr__(self) -> str:
        return f"the comparison {self.left} {self.sign} {self.right}"


@contextmanager
def reading(most: int) -> Iterator[None]:
    """While equations are read, at most so many nodes are made, and == between values is an error."""
    before, Node._left = Node._left, most
    try:
        yield
    finally:
        Node._left = before


class TooManyNodes(TypeError):
    """More operations than the equations of a cell may have."""

    def __init__(self) -> None:
        super().__init__("there are too many operations")


class ValueUnknown(TypeError):
    """A formula asks for the value of a node while it is written down, as `if` does."""

    def __init__(self) -> None:
        super().__init__("values are not known when the equations are read; choose with where(condition, a, b)")


BINARY = ("+", "-", "*", "/")
COMPARISONS = ("<", "<=", ">", ">=")


def node(value: Any) -> Node:
    """Return a node, made of a number where it is none. Raises TypeError for anything else."""
    if isinstance(value, Node):
        return value
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{value!r} is neither a number nor a value of the equations")
    if not math.isfinite(value):
        raise TypeError(f"{value!r} is not finite; leave the limit out")
    return Node("number", float(value))


def where(condition: Comparison, value: Node | Number, otherwise: Node | Number) -> Node:
    """Return `value` where the condition holds, else `otherwise`; both are computed."""
    if not isinstance(condition, Comparison):
        raise TypeError(f"where() takes a comparison such as x > 0 first, not {condition!r}")
    return Node("where", condition.sign, condition.left, condition.right, node(value), node(otherwise))


def text_of(current: Node, depth: int) -> str:
    """A formula in words, down to a depth: values that occur often would make it grow without bound."""
    if current.kind == "number":
        return f"{current.args[0]:g}"
    if current.kind == "input":
        return ".".join(current.args)
    if depth == 0:
        return ".."
    parts = [text_of(arg, depth - 1) if isinstance(arg, Node) else str(arg) for arg in current.args]
    return (
        f"({parts[0]} {current.kind} {parts[1]})" if current.kind in BINARY else f"{current.kind}({', '.join(parts)})"
    )


def in_order(roots: Iterable[Node]) -> list[Node]:
    """All nodes that the roots are made of, and the roots, each once and after its arguments."""
    order: dict[Node, None] = {}
    pending: list[tuple[Node, bool]] = [(root, False) for root in reversed(list(roots))]
    while pending:
        current, arguments_done = pending.pop()
        if current in order:
            continue
        if arguments_done:
            order[current] = None
        else:
            pending.append((current, True))
            pending += [(arg, False) for arg in reversed(current.nodes)]
    return list(order)


def substitute(roots: Sequence[Node], values: dict[Node, Node]) -> list[Node]:
    """The roots with other nodes in place of some of theirs."""
    new = dict(values)
    for current in in_order(roots):
        if current not in new:
            args = tuple(new[arg] if isinstance(arg, Node) else arg for arg in current.args)
            new[current] = Node(current.kind, *args)
    return [new[root] for root in roots]
