"""The two ways through a direction of a layer (layer.py) as kernels of their own, which chunks call by address.

They are all that knows the equations of a cell: a new cell costs the compiling of these two, side by side.
"""

from typing import Any, NamedTuple

import numpy as np

from rnnfast.kernels.lanes.arguments import row_reader, types_of
from rnnfast.kernels.lanes.linking import Link, linked, no_link
from rnnfast.kernels.lanes.span import Matrix
from rnnfast.kernels.packed import layer
from rnnfast.kernels.packed.layer import Chunk, Input, Weights
from rnnfast.kernels.packed.packing import packing
from rnnfast.network.records import Direction

direction_at = row_reader(Direction)


class Passes(NamedTuple):
    """Links to both ways of a cell; back to nothing for predictions."""

    forward: Any
    backward: Any


@linked
def forward(s, table, i, weights, chunk, inputs):
    """layer.forward of direction i of a table (directions, fields)."""
    layer.forward(s, direction_at(table, i), weights, chunk, inputs)


@linked
def backward(s, table, i, weights, chunk, inputs):
    """layer.backward of direction i of a table (directions, fields)."""
    layer.backward(s, direction_at(table, i), weights, chunk, inputs)


def passes_of(s, products, front, dtype, training):
    """The links for the cell of a specialisation; products, front: those of its chunks, or others of their types."""
    numbers, integers = np.zeros(1, dtype), np.zeros(1, np.int64)
    chunk = Chunk(packing(1, 1, 1), numbers, numbers, 0, 0, 0, False, False, False, products, front)
    inputs = Input(Matrix(numbers, 0), integers)
    taken = types_of(integers, 0, Weights(numbers, numbers, numbers), chunk, inputs)
    return Passes(Link(forward, s, taken), Link(backward, s, taken) if training else no_link(taken))
