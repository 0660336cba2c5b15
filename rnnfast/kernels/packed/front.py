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
"""

from functools import cache
from typing import Any, NamedTuple

import numpy as np

from rnnfast.equations.functions import FUNCTIONS
from rnnfast.kernels.lanes.arguments import row_reader, types_of
from rnnfast.kernels.lanes.compiling import part
from rnnfast.kernels.lanes.formula import elementwise
from rnnfast.kernels.lanes.linking import Link, linked, no_link
from rnnfast.kernels.lanes.scalars import larger, smaller
from rnnfast.kernels.lanes.span import Matrix, at
from rnnfast.kernels.lanes.specialisation import Specialisation
from rnnfast.kernels.lanes.vec import load, store
from rnnfast.kernels.packed.layer import Chunk, Weights
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
    """What kernels need to know of a front."""

    table: Any  # (layers, fields) int64 of FrontLayer
    layers: int  # 0: there is none, the features are the steps
    stride: int  # rows of the table from one step to the next
    sequences: int  # most of a chunk
    z: int  # of the last layer: where its outputs lie in memory, (P, ldx of the first recurrent layer)
    dz: int


class FrontWork(NamedTuple):
    """Workspace of a front, for chunks of up to R sequences; levels lie R or one apart."""

    memory: Any  # outputs and gradients of all levels, where their FrontLayer says
    index: Any  # int64: the first of the rows that each output stacks
    rows: Any  # (levels,) int64 rows of each level
    zeros: Any  # (levels, R) int64 rows of zeros before each sequence
    count: Any  # (levels, R) int64 its rows after them
    behind: Any  # (levels, R) int64 rows of it that follow these, up to its end
    same: Any  # (ROWS,) int64 0, 1, 2, ..


class FrontLinks(NamedTuple):
    """Links to the passes through a front."""

    forward: Any
    backward: Any


@part
def lay_out(front, chunk, offsets, piece):
    """Find the rows that each level needs for the packed steps, from the last level down.

    Writes: chunk.front: index, rows, zeros, count, behind.
    """
    work, pack, R = chunk.front, chunk.pack, front.sequences
    for r in range(chunk.R):
        i = front.layers * R + r
        steps = steps_of(offsets, piece.order[pack.place[r]], front.stride)
        work.zeros[i], work.count[i], work.behind[i] = 0, pack.length[r], steps - piece.begin - pack.length[r]
    work.rows[front.layers] = chunk.P
    stride = front.stride
    for k in range(front.layers):
        level = front.layers - 1 - k
        layer = layer_at(front.table, level)
        stride //= layer.stride
        row, first = 0, 0
        for r in range(chunk.R):
            above, below = (level + 1) * R + r, level * R + r
            for i in range(work.zeros[above] + work.count[above]):
                # What comes before the sequence is set to 0 later: it may stack any rows that are there.
                a = first + larger(i - work.zeros[above], 0) * layer.stride
                if k == 0:
                    work.index[layer.index + pack.start[i] + r] = a
                else:
                    work.index[layer.index + row] = a
                    row += 1
            rows = (work.count[above] - 1) * layer.stride + layer.rows
            behind = work.behind[above] * layer.stride
            count = smaller(rows, steps_of(offsets, piece.order[pack.place[r]], stride) - behind)
            work.zeros[below], work.count[below], work.behind[below] = rows - count, count, behind
            first += rows
        work.rows[level] = first


@part
def copy_rows(s, front, chunk, x, offsets, piece):
    """Copy the rows of the table that are stacked, with zeros before those of each sequence.

    Writes: chunk.front.memory: level 0.
    """
    work, layer = chunk.front, layer_at(front.table, 0)
    target = layer.x
    for r in range(chunk.R):
        # Vectors of zeros may reach into what is written after them.
        clear(s, at(work.memory, target), work.zeros[r] * layer.ldx)
        target += work.zeros[r] * layer.ldx
        stop = offsets[piece.order[chunk.pack.place[r]] + 1] - work.behind[r]
        source, size = (stop - work.count[r]) * layer.ldx, work.count[r] * layer.ldx
        whole = size - size % s.W
        for i in range(0, whole, s.W):
            store(work.memory, target + i, load(x, source + i, s))
        for i in range(whole, size):
            work.memory[target + i] = x[source + i]
        target += size


@part
def clear_rows_before(s, front, chunk, level, z):
    """Set the rows before the sequences to 0. Writes: z, the rows of a level."""
    work = chunk.front
    row = 0
    for r in range(chunk.R):
        i = level * front.sequences + r
        clear(s, at(z.at, row * z.ld), work.zeros[i] * z.ld)
        row += work.zeros[i] + work.count[i]


@linked
def _forward(s, front, chunk, x, offsets, piece, p):
    """Outputs of all layers for a packed slice. Writes: chunk.front."""
    work = chunk.front
    lay_out(front, chunk, offsets, piece)
    copy_rows(s, front, chunk, x, offsets, piece)
    for k in range(front.layers):
        layer = layer_at(front.table, k)
        rows, width, K = work.rows[k + 1], layer.width, layer.rows * layer.ldx
        x_k, z = Matrix(at(work.memory, layer.x), layer.ldx), Matrix(at(work.memory, layer.z), width)
        W, b = Matrix(at(p, layer.W), layer.ldw), Matrix(at(p, layer.b), 0)
        multiply_rows(chunk.products, x_k, at(work.index, layer.index), W, b, z, rows, K, width)
        for i in range(0, rows * width, s.W):
            store(z.at, i, relu(load(z.at, i, s)))
        if k + 1 < front.layers:
            clear_rows_before(s, front, chunk, k + 1, z)


@linked
def _backward(s, front, chunk, weights):
    """Gradients of all layers, from that of the steps down. Writes: weights.g, chunk.front.memory."""
    work, tiles = chunk.front, chunk.products
    for k in range(front.layers):
        level = front.layers - 1 - k
        layer = layer_at(front.table, level)
        rows, width, K = work.rows[level + 1], layer.width, layer.rows * layer.ldx
        index, z = at(work.index, layer.index), at(work.memory, layer.z)
        x, dz = Matrix(at(work.memory, layer.x), layer.ldx), Matrix(at(work.memory, layer.dz), width)
        # Rows before a sequence are 0, where the slope is 0: nothing comes of them.
        for i in range(0, rows * width, s.W):
            store(dz.at, i, load(dz.at, i, s) * slope(load(z, i, s)))
        accumulate_rows(tiles, x, index, dz, Matrix(at(weights.g, layer.W), layer.ldw), rows, K, width)
        sum_rows(tiles, dz, at(weights.g, layer.b), rows, width)
        if level > 0:
            hand_down(s, layer, chunk, weights.derived, rows, work.rows[level])


@part
def hand_down(s, layer, chunk, derived, rows, rows_below):
    """The gradients of stacked rows, added up where they overlap. Writes: chunk.front.memory: dx, stacks."""
    work, K = chunk.front, layer.rows * layer.ldx
    dx, stacks = at(work.memory, layer.dx), Matrix(at(work.memory, layer.stacks), K)
    WT = Matrix(at(derived, layer.WT), layer.ldt)
    clear(s, dx, rows_below * layer.ldx)
    for first in range(0, rows, ROWS):
        count = smaller(ROWS, rows - first)
        dz = Matrix(at(work.memory, layer.dz + first * layer.width), layer.width)
        clear(s, stacks.at, count * K)
        multiply_rows(chunk.products, dz, work.same, WT, stacks, stacks, count, layer.width, K)
        for m in range(count):
            a = work.index[layer.index + first + m] * layer.ldx
            for i in range(0, K, s.W):
                store(dx, a + i, load(dx, a + i, s) + load(stacks.at, m * K + i, s))


@part
def derive(front, k, p, derived):
    """The transposed weights of a layer that hands gradients down. Writes: derived."""
    layer = layer_at(front.table, k)
    if k > 0:
        W, WT = Matrix(at(p, layer.W), layer.ldw), Matrix(at(derived, layer.WT), layer.ldt)
        transpose(W, WT, layer.rows * layer.ldx, layer.width)


@cache
def _taken(dtype):
    """What the passes take."""
    numbers, integers = np.zeros(1, dtype), np.zeros(1, np.int64)
    front, work = Front(integers, 0, 1, 0, 0, 0), FrontWork(numbers, *[integers] * 6)
    products = products_of(Specialisation(), dtype)  # any tile's: their types are those of all
    chunk = Chunk(packing(1, 1, 1), numbers, numbers, 0, 0, 0, False, False, products, work)
    piece, weights = Slice(integers, 0, 0, 0, 0), Weights(numbers, numbers, numbers)
    return types_of(front, chunk, numbers, integers, piece, numbers), types_of(front, chunk, weights)


@cache
def _no_links(dtype):
    return FrontLinks(*map(no_link, _taken(dtype)))


def front_links(s, dtype, layers):
    """The links to the passes through a front of so many layers; to nothing where there is none."""
    if not layers:
        return _no_links(dtype)
    forward, backward = _taken(dtype)
    return FrontLinks(Link(_forward, s, forward), Link(_backward, s, backward))
