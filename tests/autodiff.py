"""Reverse-mode automatic differentiation on float64 arrays: an oracle that shares nothing with the kernels.

A Node is an array that knows what it was computed from. Each operation records, per parent, the product of a
gradient of its value with its local Jacobian; `gradients` walks the graph backwards and adds the products up
(Linnainmaa 1970). Names are NumPy's; broadcasting works as there.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np

Product = Callable[[np.ndarray], np.ndarray]


class Node:
    """An array in a graph.

    value: float64 array. parents: pairs of a node and the function that turns a gradient by this value into one by
    the parent's. Nodes without parents are the inputs of the graph.
    """

    __array_ufunc__ = None  # array + node is the node's business

    def __init__(self, value, parents: Sequence[tuple["Node", Product]] = ()):
        self.value = np.asarray(value, np.float64)
        self.parents = tuple(parents)

    @property
    def shape(self):
        return self.value.shape

    @property
    def T(self):
        return Node(self.value.T, [(self, lambda g: g.T)])

    def __len__(self):
        return len(self.value)

    def __add__(self, other):
        other = node(other)
        return Node(
            self.value + other.value,
            [(self, lambda g: summed_to(g, self.shape)), (other, lambda g: summed_to(g, other.shape))],
        )

    def __mul__(self, other):
        other = node(other)
        return Node(
            self.value * other.value,
            [
                (self, lambda g: summed_to(g * other.value, self.shape)),
                (other, lambda g: summed_to(g * self.value, other.shape)),
            ],
        )

    def __pow__(self, exponent):
        """A constant power."""
        return Node(self.value**exponent, [(self, lambda g: g * exponent * self.value ** (exponent - 1))])

    def __matmul__(self, other):
        """Product of a matrix and a matrix or vector."""
        other = node(other)
        a, b = self.value, other.value
        outer = np.outer if b.ndim == 1 else (lambda g, right: g @ right.T)
        return Node(a @ b, [(self, lambda g: outer(g, b)), (other, lambda g: a.T @ g)])

    def __getitem__(self, index):
        def back(g):
            whole = np.zeros(self.shape)
            np.add.at(whole, index, g)  # an index may name an element twice
            return whole

        return Node(self.value[index], [(self, back)])

    def __neg__(self):
        return self * -1.0

    def __sub__(self, other):
        return self + -node(other)

    def __rsub__(self, other):
        return node(other) - self

    def __truediv__(self, other):
        return self * node(other) ** -1.0

    def __rtruediv__(self, other):
        return node(other) / self

    __radd__, __rmul__ = __add__, __mul__

    def sum(self, axis=None):
        def back(g):
            return np.broadcast_to(g if axis is None else np.expand_dims(g, axis), self.shape)

        return Node(self.value.sum(axis), [(self, back)])


def node(value):
    """A node; numbers and arrays become constants."""
    return value if isinstance(value, Node) else Node(value)


def summed_to(g, shape):
    """Undo broadcasting: the sum over the axes that a value of this shape was stretched along."""
    g = g.sum(axis=tuple(range(g.ndim - len(shape)))) if g.ndim > len(shape) else g
    stretched = tuple(axis for axis, size in enumerate(shape) if size == 1 and g.shape[axis] != 1)
    return g.sum(axis=stretched, keepdims=True) if stretched else g


def tanh(x):
    y = np.tanh(x.value)
    return Node(y, [(x, lambda g: g * (1.0 - y * y))])


def exp(x):
    y = np.exp(x.value)
    return Node(y, [(x, lambda g: g * y)])


def sin(x):
    return Node(np.sin(x.value), [(x, lambda g: g * np.cos(x.value))])


def cos(x):
    return Node(np.cos(x.value), [(x, lambda g: -g * np.sin(x.value))])


def log(x):
    return Node(np.log(x.value), [(x, lambda g: g / x.value)])


def sigmoid(x):
    small = np.exp(-np.abs(x.value))
    y = np.where(x.value >= 0, 1.0, small) / (1.0 + small)
    return Node(y, [(x, lambda g: g * y * (1.0 - y))])


_erf = np.vectorize(math.erf, otypes=[np.float64])


def erf(x):
    return Node(_erf(x.value), [(x, lambda g: g * 2.0 / np.sqrt(np.pi) * np.exp(-x.value * x.value))])


def where(condition, x, y):
    """x where the array of truth values holds, else y; all of one shape."""
    x, y = node(x), node(y)
    value = np.where(condition, x.value, y.value)
    return Node(
        value,
        [
            (x, lambda g: summed_to(np.where(condition, g, 0.0), x.shape)),
            (y, lambda g: summed_to(np.where(condition, 0.0, g), y.shape)),
        ],
    )


def maximum(x, y):
    """The larger one; y, and its gradient, where they are equal."""
    x, y = node(x), node(y)
    return where(x.value > y.value, x, y)


def relu(x):
    return maximum(x, np.zeros(x.shape))


def absolute(x):
    return Node(np.abs(x.value), [(x, lambda g: g * np.sign(x.value))])


def concatenate(nodes, axis=0):
    ends = np.cumsum([part.shape[axis] for part in nodes])

    def piece(end, part):
        return lambda g: np.take(g, range(end - part.shape[axis], end), axis)

    values = np.concatenate([part.value for part in nodes], axis)
    return Node(values, [(part, piece(end, part)) for end, part in zip(ends, nodes, strict=True)])


def stack(nodes):
    """Nodes of one shape along a new first axis."""
    values = np.stack([part.value for part in nodes])
    return Node(values, [(part, lambda g, i=i: g[i]) for i, part in enumerate(nodes)])


def gradients(result, inputs):
    """Gradients of a number by each of the inputs (0 where it does not depend on one)."""
    assert result.value.size == 1
    found = {id(result): np.ones(result.shape)}
    for step in reversed(_ordered(result)):
        g = found.get(id(step))
        for parent, product in step.parents:
            before = found.get(id(parent))
            found[id(parent)] = product(g) if before is None else before + product(g)
    return [np.array(found.get(id(x), np.zeros(x.shape))) for x in inputs]


def _ordered(result):
    """All nodes that the result depends on, parents first; without recursion, sequences are long."""
    order, seen, pending = [], set(), [(result, False)]
    while pending:
        step, done = pending.pop()
        if done:
            order.append(step)
        elif id(step) not in seen:
            seen.add(id(step))
            pending.append((step, True))
            pending += ((parent, False) for parent, _ in step.parents)
    return order
