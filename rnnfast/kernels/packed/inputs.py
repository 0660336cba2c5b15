"""Gradients of the outputs of a packed chunk with respect to its inputs, where the way back ends.

    no front    dx_t = sum over directions of Wx dz_t                   dz: gradients of the gates of the lowest layer
    a front     d[x[a] .. x[a + K - 1]] += W dz[m],  a = index[m]       dz: of the outputs of its lowest layer

Training needs neither: these products follow its way back. Rows of inputs are as wide as there are features, which
vectors would write beyond: products go to rows of `width` numbers first, a multiple of the lanes of the tile, with
columns of zeros in the transposed weights. What constant columns add static.py says: no step sees them. Embeddings are
looked up before, so that their numbers are features like others.
"""

from typing import Any, NamedTuple

import numpy as np

from rnnfast.kernels.lanes.arguments import Arguments, records, types_of
from rnnfast.kernels.lanes.compiling import part
from rnnfast.kernels.lanes.linking import Link, linked, no_link
from rnnfast.kernels.lanes.scalars import smaller
from rnnfast.kernels.lanes.span import Matrix, at
from rnnfast.kernels.lanes.specialisation import Specialisation
from rnnfast.kernels.packed.equations import direction_at
from rnnfast.kernels.packed.front import ROWS, FrontBlock, Rows, layer_at
from rnnfast.kernels.packed.packing import Slice, packing
from rnnfast.kernels.packed.products import clear, transpose
from rnnfast.kernels.packed.tiles import multiply_rows, products_of


class Inputs(NamedTuple):
    """Where the gradients of the inputs are computed."""

    features: int  # F, of a row of the table
    seen: int  # by a step: the first ones, without constant columns
    width: int  # numbers of a row of `transposed` and `rows`: those seen, or the K * F that a front stacks, and zeros
    transposed: Any  # weights of the lowest layer: (Nx, width) of each direction, or (units, width) of the front
    rows: Any  # (P, width), or (ROWS, width) of a front
    stacked: Any  # (rows, F) gradients of what a front stacks


@part
def transpose_inputs(network, p, inputs):
    """The weights of the lowest layer where it reads the features. Writes: inputs.transposed."""
    for i in range(network.directions):
        here = direction_at(network.table, i)
        if here.layer == 0:
            WxT = Matrix(at(inputs.transposed, i * here.Nx * inputs.width), inputs.width)
            transpose(Matrix(at(p, here.Wx), here.ldg), WxT, inputs.seen, here.Nx)


@part
def to_inputs(s, network, chunk, inputs, gradient):
    """Gradients of the features after the way back. Writes: inputs.rows; gradient (rows, F), at the chunk's rows."""
    clear(s, inputs.rows, chunk.P * inputs.width)
    dx = Matrix(inputs.rows, inputs.width)
    for i in range(network.directions):
        here = direction_at(network.table, i)
        if here.layer == 0:
            dz = Matrix(at(chunk.memory, here.gates), here.ldg)
            WxT = Matrix(at(inputs.transposed, i * here.Nx * inputs.width), inputs.width)
            multiply_rows(chunk.products, dz, chunk.pack.same, WxT, dx, dx, chunk.P, here.Nx, inputs.width)
    for row in range(chunk.P):
        source = chunk.pack.source[row] * inputs.features
        for f in range(inputs.seen):
            gradient[source + f] = inputs.rows[row * inputs.width + f]


@part
def unstack(s, front, lowest, products, p, inputs):
    """Gradients of the rows that the lowest layer stacks. Writes: inputs; adds to inputs.stacked."""
    F, width = inputs.features, inputs.width
    K = lowest.rows * F
    WT, stacks = Matrix(inputs.transposed, width), Matrix(inputs.rows, width)
    transpose(Matrix(at(p, lowest.W), lowest.ldw), WT, K, lowest.width)
    for first in range(0, front.rows[1], ROWS):
        count = smaller(ROWS, front.rows[1] - first)
        dz = Matrix(at(front.memory, lowest.dz + first * lowest.width), lowest.width)
        clear(s, stacks.at, count * width)
        multiply_rows(products, dz, front.same, WT, stacks, stacks, count, lowest.width, width)
        for m in range(count):
            a = front.index[lowest.index + first + m] * F
            for i in range(K):
                inputs.stacked[a + i] += stacks.at[m * width + i]


@part
def copy_back(front, lowest, inputs):
    """Gradients of the rows that the lowest layer copies without constant columns. Adds to inputs.stacked."""
    for m in range(front.rows[1]):
        a = front.index[lowest.index + m] * inputs.features
        for i in range(inputs.seen):
            inputs.stacked[a + i] += front.memory[lowest.dz + m * lowest.width + i]


@linked
def front_to_inputs(s, block, products, data, piece, p, R, inputs, gradient):
    """Gradients of the features that a front stacks, after its `front_backward`, which leaves those of its outputs.

    data: Rows. Writes: inputs; gradient (rows, F), at the rows that the slice stacks.
    """
    front = records(block)[0]
    F, lowest = inputs.features, layer_at(front.table, 0)
    clear(s, inputs.stacked, front.rows[0] * F)
    if s.looks_up > 0:
        copy_back(front, lowest, inputs)
    else:
        unstack(s, front, lowest, products, p, inputs)
    first = 0
    for r in range(R):
        first += front.zeros[r]
        stop = data.offsets[piece.order[front.pack.place[r]] + 1] - front.behind[r]
        target = (stop - front.count[r]) * F
        for i in range(front.count[r] * F):
            gradient[target + i] += inputs.stacked[first * F + i]
        first += front.count[r]


def front_inputs_link(lanes, layout):
    """The link to `front_to_inputs`, or to nothing where there is no front."""
    dtype, s = layout.architecture.dtype, Specialisation(W=lanes, looks_up=int(layout.looks_up))
    numbers, integers = np.zeros(1, dtype), np.zeros(1, np.int64)
    block = Arguments(FrontBlock(integers, 0, 0, 0, packing(1, 1, 1), numbers, *[integers] * 7, 0)).numba_type
    products = products_of(Specialisation(), 1, dtype)  # any tile's: their types are those of all
    piece, inputs = Slice(integers, 0, 0, 0, 0), Inputs(0, 0, 0, numbers, numbers, numbers)
    taken = (block, *types_of(products, Rows(numbers, integers), piece, numbers, 0, inputs, numbers))
    return Link(front_to_inputs, s, taken) if layout.front else no_link(taken)
