"""The front: layers over stacked rows of the table, whose outputs are the steps of the packed engine.

    z[m] = relu(W' [x[a] .. x[a + K - 1]] + b),  a = index[m]        K rows of x, one after the other in memory

    back, with dz[m] that of z[m] times relu'(z[m]):
    dW = sum_m [x[a] .. x[a + K - 1]] dz[m]'     db = sum_m dz[m]     d[x[a] .. x[a + K - 1]] += W dz[m]

Which rows are stacked network/front.py says. Level 0 are rows of the table, level l the outputs of layer l; those of
the last one lie in packed order, as recurrent layers read their inputs. Of any other level a sequence has the rows that
the level above stacks, one after the other, and where these begin before the sequence does, rows of zeros before it:

    K = 3, S = 1, two steps at the beginning of a sequence        level 0:  0 0 x_0 x_1        index 0 1

So each layer is one product over all sequences of a chunk, whose stacked rows are found through an index. Only rows of
the table are copied. What a slice of steps (truncated BPTT, predictions) stacks of rows before it is computed anew.
Where categories are embedded, or columns left out, the lowest layer looks rows up instead (embed.py).
"""

from functools import cache
from typing import Any, NamedTuple

import numpy as np

from rnnfast.equations.functions import FUNCTIONS
from rnnfast.kernels.lanes.arguments import Arguments, records, row_reader, types_of
from rnnfast.kernels.lanes.compiling import part
from rnnfast.kernels.lanes.formula import elementwise
from rnnfast.kernels.lanes.linking import Link, linked, no_link
from rnnfast.kernels.lanes.scalars import larger, quotient, smaller
from rnnfast.kernels.lanes.span import Matrix, at
from rnnfast.kernels.lanes.specialisation import Specialisation
from rnnfast.kernels.lanes.vec import load, store
from rnnfast.kernels.packed.embed import add_looked_up, look_up
from rnnfast.kernels.packed.layer import Weights
from rnnfast.kernels.packed.packing import Slice, packing, steps_of
from rnnfast.kernels.packed.products import clear, transpose
from rnnfast.kernels.packed.tiles import accumulate_rows, multiply_rows, products_of, sum_rows
from rnnfast.network.front import FrontLayer

RELU = FUNCTIONS["relu"]
ROWS = 64  # whose gradients are handed down together: they stay in the first-level cache

relu = elementwise(RELU, "max(x, 0), lane by lane; NaN stays NaN.")
slope = elementwise(lambda y: RELU.derivative(y, y), "The derivative of relu, from its value.")
layer_at = row_reader(FrontLayer)


class Front(NamedTuple):
    """What the kernels of a network need to know of its front."""

    table: Any  # (layers, fields) int64 of FrontLayer
    layers: int  # 0: there is none, the features are the steps
    stride: int  # rows of the table from one step to the next
    z: int  # where the outputs of its last layer lie in memory, (P, ldx of the first recurrent layer)
    dz: int


class FrontWork(NamedTuple):
    """Workspace of a front; one per thread."""

    block: Any  # Arguments: FrontBlock
    memory: Any  # outputs and gradients of all levels, where their FrontLayer says


class FrontBlock(NamedTuple):
    """What a front works with, for chunks of up to R sequences."""

    table: Any  # (layers, fields) int64 of FrontLayer
    layers: int
    stride: int
    sequences: int  # R
    pack: Any  # Packing of the chunk
    memory: Any  # see FrontWork
    index: Any  # int64: the first of the rows that each output stacks
    rows: Any  # (levels,) int64 rows of each level
    zeros: Any  # (levels, R) int64 rows of zeros before each sequence
    count: Any  # (levels, R) int64 its rows after them
    behind: Any  # (levels, R) int64 rows of it that follow these, up to its end
    same: Any  # (ROWS,) int64 0, 1, 2, ..
    tables: Any  # (columns, fields) int64 of Table, where categories are embedded
    columns: int


class Rows(NamedTuple):
    """The rows of a table."""

    x: Any  # (rows, F)
    offsets: Any  # (sequences + 1,)


class FrontLinks(NamedTuple):
    """Links to the passes through a front, and to `derive`."""

    forward: Any
    backward: Any
    derive: Any


@part
def lay_out(front, offsets, piece, R, P):
    """Find the rows that each level needs for the packed steps, from the last level down.

    R, P: sequences and packed rows of the chunk. Writes: front: index, rows, zeros, count, behind.
    """
    pack = front.pack
    for r in range(R):
        i = front.layers * front.sequences + r
        steps = steps_of(offsets, piece.order[pack.place[r]], front.stride)
        front.zeros[i], front.count[i], front.behind[i] = 0, pack.length[r], steps - piece.begin - pack.length[r]
    front.rows[front.layers] = P
    stride = front.stride
    for k in range(front.layers):
        level = front.layers - 1 - k
        layer = layer_at(front.table, level)
        stride = quotient(stride, layer.stride)
        row, first = 0, 0
        for r in range(R):
            above, below = (level + 1) * front.sequences + r, level * front.sequences + r
            for i in range(front.zeros[above] + front.count[above]):
                # What comes before the sequence is set to 0 later: it may stack any rows that are there.
                a = first + larger(i - front.zeros[above], 0) * layer.stride
                if k == 0:
                    front.index[layer.index + pack.start[i] + r] = a
                else:
                    front.index[layer.index + row] = a
                    row += 1
            rows = (front.count[above] - 1) * layer.stride + layer.rows
            behind = front.behind[above] * layer.stride
            count = smaller(rows, steps_of(offsets, piece.order[pack.place[r]], stride) - behind)
            front.zeros[below], front.count[below], front.behind[below] = rows - count, count, behind
            first += rows
        front.rows[level] = first


@part
def copy_rows(s, front, x, offsets, piece, R):
    """Copy the rows of the table that are stacked, with zeros before those of each sequence.

    Writes: front.memory: level 0.
    """
    layer = layer_at(front.table, 0)
    target = layer.x
    for r in range(R):
        # Vectors of zeros may reach into what is written after them.
        clear(s, at(front.memory, target), front.zeros[r] * layer.ldx)
        target += front.zeros[r] * layer.ldx
        stop = offsets[piece.order[front.pack.place[r]] + 1] - front.behind[r]
        source, size = (stop - front.count[r]) * layer.ldx, front.count[r] * layer.ldx
        whole = size - size % s.W
        for i in range(0, whole, s.W):
            store(front.memory, target + i, load(x, source + i, s))
        for i in range(whole, size):
            front.memory[target + i] = x[source + i]
        target += size


@part
def clear_rows_before(s, front, level, z):
    """Set the rows before the sequences to 0. Writes: z, the rows of a level."""
    row, i = 0, level * front.sequences
    while row < front.rows[level]:
        clear(s, at(z.at, row * z.ld), front.zeros[i] * z.ld)
        row += front.zeros[i] + front.count[i]
        i += 1


@linked
def front_forward(s, block, products, data, piece, p, sizes):
    """Outputs of all layers for a packed slice.

    data: Rows; sizes: R and P. Writes: what the block says.
    """
    front, R, P = records(block)[0], sizes[0], sizes[1]
    lay_out(front, data.offsets, piece, R, P)
    copy_rows(s, front, data.x, data.offsets, piece, R)
    for k in range(front.layers):
        layer = layer_at(front.table, k)
        z = Matrix(at(front.memory, layer.z), layer.width)
        if s.looks_up > 0 and k == 0:
            look_up(s, front, layer, p)
        else:
            rows, width, K = front.rows[k + 1], layer.width, layer.rows * layer.ldx
            x_k, index = Matrix(at(front.memory, layer.x), layer.ldx), at(front.index, layer.index)
            W, b = Matrix(at(p, layer.W), layer.ldw), Matrix(at(p, layer.b), 0)
            multiply_rows(products, x_k, index, W, b, z, rows, K, width)
            for i in range(0, rows * width, s.W):
                store(z.at, i, relu(load(z.at, i, s)))
        if k + 1 < front.layers:
            clear_rows_before(s, front, k + 1, z)


@linked
def front_backward(s, block, products, weights):
    """Gradients of all layers, from that of the steps down. Writes: weights.g, the memory of the block."""
    front = records(block)[0]
    for k in range(front.layers):
        level = front.layers - 1 - k
        layer = layer_at(front.table, level)
        dz = Matrix(at(front.memory, layer.dz), layer.width)
        if s.looks_up > 0 and level == 0:
            if front.layers > 1:
                clear_rows_before(s, front, 1, dz)
            add_looked_up(s, front, layer, weights.g)
        else:
            rows, width, K = front.rows[level + 1], layer.width, layer.rows * layer.ldx
            index, z, x = at(front.index, layer.index), at(front.memory, layer.z), at(front.memory, layer.x)
            # Rows before a sequence are 0, where the slope is 0: nothing comes of them.
            for i in range(0, rows * width, s.W):
                store(dz.at, i, load(dz.at, i, s) * slope(load(z, i, s)))
            dW = Matrix(at(weights.g, layer.W), layer.ldw)
            accumulate_rows(products, Matrix(x, layer.ldx), index, dz, dW, rows, K, width)
            sum_rows(products, dz, at(weights.g, layer.b), rows, width)
            if level > 0:
                hand_down(s, front, layer, products, weights.derived, (rows, front.rows[level]))


@part
def hand_down(s, front, layer, products, derived, rows):
    """The gradients of stacked rows, added up where they overlap.

    rows: of the layer, and of what it stacks. Writes: front.memory: dx, stacks.
    """
    K = layer.rows * layer.ldx
    dx, stacks = at(front.memory, layer.dx), Matrix(at(front.memory, layer.stacks), K)
    WT = Matrix(at(derived, layer.WT), layer.ldt)
    clear(s, dx, rows[1] * layer.ldx)
    for first in range(0, rows[0], ROWS):
        count = smaller(ROWS, rows[0] - first)
        dz = Matrix(at(front.memory, layer.dz + first * layer.width), layer.width)
        clear(s, stacks.at, count * K)
        multiply_rows(products, dz, front.same, WT, stacks, stacks, count, layer.width, K)
        for m in range(count):
            a = front.index[layer.index + first + m] * layer.ldx
            for i in range(0, K, s.W):
                store(dx, a + i, load(dx, a + i, s) + load(stacks.at, m * K + i, s))


@linked
def derive_front(s, table, k, p, derived):
    """The transposed weights of a layer that hands gradients down. Writes: derived."""
    layer = layer_at(table, k)
    if k > 0:
        W, WT = Matrix(at(p, layer.W), layer.ldw), Matrix(at(derived, layer.WT), layer.ldt)
        transpose(W, WT, layer.rows * layer.ldx, layer.width)


@cache
def _taken(dtype):
    """What the passes and `derive_front` take."""
    numbers, integers = np.zeros(1, dtype), np.zeros(1, np.int64)
    block = Arguments(FrontBlock(integers, 0, 0, 0, packing(1, 1, 1), numbers, *[integers] * 7, 0)).numba_type
    products = products_of(Specialisation(), 1, dtype)  # any tile's: their types are those of all
    piece, weights = Slice(integers, 0, 0, 0, 0), Weights(numbers, numbers, numbers)
    return (
        (block, *types_of(products, Rows(numbers, integers), piece, numbers, (0, 0))),
        (block, *types_of(products, weights)),
        types_of(integers, 0, numbers, numbers),
    )


@cache
def _no_links(dtype):
    return FrontLinks(*map(no_link, _taken(dtype)))


def front_links(lanes, layout, training=True):
    """The links of the front of a layout; to nothing where there is none, or for what predictions do not call.

    lanes: of what is done to single rows.
    """
    architecture = layout.architecture
    if not layout.front:
        return _no_links(architecture.dtype)
    s = Specialisation(W=lanes, looks_up=int(layout.looks_up))
    forward, backward, derived = _taken(architecture.dtype)
    way_forward = Link(front_forward, s, forward)
    if not training:
        return FrontLinks(way_forward, no_link(backward), no_link(derived))
    return FrontLinks(way_forward, Link(front_backward, s, backward), Link(derive_front, Specialisation(), derived))
