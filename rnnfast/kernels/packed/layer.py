"""One direction of one layer over a packed chunk: the products around the equations of its cell (equations.py).

    z_t = Wx' x_t + b_ih + Wh' h_{t-1} + b_hh         gates that are shared
    x_t = Wx' x_t + b_ih,  q_t = Wh' h_{t-1} + b_hh   gates whose products are apart
    h_t, .. = cell(z_t, x_t, q_t, h_{t-1}, ..)

Back, with dz the gradients of the gates and dq those of the products apart, which take their places:

    dh_{t-1} = Wh (dz, dq) + what the cell itself gives        dx = Wx dz
    dWx = sum_t x_t dz_t'     dWh = sum_t h_{t-1} (dz_t, dq_t)'     db_ih = sum_t dz_t     db_hh = sum_t (dz_t, dq_t)

Products with inputs and gradients of weights need no order of steps: they are one product each over all packed rows.
The letters are those of run/memory.py.
"""

from typing import Any, NamedTuple

import numpy as np

from rnnfast.kernels.lanes.arguments import types_of
from rnnfast.kernels.lanes.compiling import inlined, part
from rnnfast.kernels.lanes.linking import Link, call, linked, no_link
from rnnfast.kernels.lanes.span import Matrix, at
from rnnfast.kernels.lanes.specialisation import Specialisation, with_lanes
from rnnfast.kernels.lanes.vec import load, store
from rnnfast.kernels.packed.equations import Steps, direction_at
from rnnfast.kernels.packed.packing import packing
from rnnfast.kernels.packed.products import clear, multiply_row, transpose
from rnnfast.kernels.packed.tiles import accumulate_rows, multiply_rows, sum_rows


class Weights(NamedTuple):
    """Parameters, what is derived from them once per batch, and their gradient."""

    p: Any  # span of all parameters
    derived: Any  # transposed weights, summed biases
    g: Any  # the gradient is added to this span; it may be p


class Chunk(NamedTuple):
    """A packed chunk and its workspace."""

    pack: Any  # Packing
    memory: Any  # span: what all layers compute, where their Direction says
    carry: Any  # span: gradients of the states from the step that follows
    R: int  # sequences
    T: int  # steps of the longest one
    P: int  # packed rows
    resumed: bool  # whether the initial states are those that a window before it ended with
    begun: bool  # whether they are there: carried, or made of constant columns; else they are 0
    training: bool  # whether what the way back needs is kept
    products: Any  # Products
    cell: Any  # Equations
    front: Any  # FrontWork


class Input(NamedTuple):
    """What a layer sees: rows of a matrix through an index."""

    x: Matrix
    index: Any  # (P,) int64


@linked
def derive(s, table, i, p, derived):
    """Transposed weights and the start of the gates of direction i of a table (directions, fields), once per batch.

    Reads: p. Writes: derived.
    """
    layer = direction_at(table, i)
    for n in range(0, layer.Nx, s.W):
        bias = load(p, layer.b_ih + n, s)
        store(derived, layer.bias + n, bias + load(p, layer.b_hh + n, s) if n < layer.shared else bias)
    if layer.Nh > 0:
        Wh = Matrix(at(p, layer.Wh), layer.ldr)
        transpose(Wh, Matrix(at(derived, layer.WhT), layer.width), layer.hidden, layer.Nh)
    if layer.inner > 0:
        for b in range(layer.blocks):
            Wx = Matrix(at(p, layer.Wx + b * layer.inputs * layer.ldg), layer.ldg)
            WxT = Matrix(at(derived, layer.WxT + b * layer.block), layer.ldx)
            transpose(Wx, WxT, layer.inputs, layer.Nx)


@part
def multiply_steps(s, tiles, A, index, B, sums, sizes):
    """multiply_rows of one step of the sequences; a call by address would cost as much as the product of a single row.

    sums: where they start, and where they go; sizes: rows, K, N.
    """
    S, C = sums
    rows, K, N = sizes
    if rows == 1:
        row, whole = at(A.at, index[0] * A.ld), N - N % s.wide
        multiply_row(with_lanes(s, "wide"), row, B, S.at, C.at, K, 0, whole)
        multiply_row(with_lanes(s, "W"), row, B, S.at, C.at, K, whole, N)
    else:
        multiply_rows(tiles, A, index, B, S, C, rows, K, N)


@inlined
def order_of_states(layer, pack):
    """(P,) int64: the row of the states before each packed row."""
    return pack.following if layer.reverse else pack.previous


@inlined
def steps_at_once(layer, chunk):
    """How many steps the equations take one after the other, until there is a product with their states: 1 or all."""
    return 1 if layer.Nh > 0 else chunk.T


@inlined
def steps_from(layer, chunk, k):
    """The Steps that begin with the k-th."""
    pack, last = chunk.pack, k + steps_at_once(layer, chunk)
    return Steps(chunk.memory, pack.start, order_of_states(layer, pack), chunk.R, chunk.T, k, last)


@linked
def forward(s, table, i, weights, chunk, inputs):
    """States of direction i of a table (directions, fields).

    Writes: chunk.memory: coefficients, gates, apart, states, saved, h.
    """
    layer, tiles = direction_at(table, i), chunk.products
    N, ld, w, P = layer.Nx, layer.ldg, layer.width, chunk.P
    memory, p, x = chunk.memory, weights.p, inputs.x
    if layer.C > 0:
        call(chunk.cell.coefficients, (table, i, p, memory))
    gates, h = Matrix(at(memory, layer.gates), ld), Matrix(at(memory, layer.h + layer.column), layer.ldh)
    bias = Matrix(at(weights.derived, layer.bias), 0)
    multiply_rows(tiles, x, inputs.index, Matrix(at(p, layer.Wx), ld), bias, gates, P, layer.inputs, N)
    for b in range(1, layer.blocks):
        Wx = Matrix(at(p, layer.Wx + b * layer.inputs * ld), ld)
        multiply_rows(
            tiles, Matrix(at(x.at, b * layer.block), x.ld), inputs.index, Wx, gates, gates, P, layer.inputs, N
        )
    if not chunk.begun:
        for r in range(chunk.R):
            clear(s, at(h.at, r * h.ld), w)
        for k in range(layer.others):
            clear(s, at(memory, layer.states + k * layer.plane), chunk.R * w)
    for k in range(0, chunk.T, steps_at_once(layer, chunk)):
        # At the first step all previous states are 0, unless they are there: their product is left out.
        K = 0 if k == 0 and not chunk.begun else layer.hidden
        t = chunk.T - 1 - k if layer.reverse else k
        multiply_states(s, layer, p, chunk, t, K)
        call(chunk.cell.forward, (table, i, steps_from(layer, chunk, k), chunk.training))


@inlined
def multiply_states(s, layer, p, chunk, t, K):
    """Products of the states before step t with Wh, of which K rows count. Writes: chunk.memory: gates, apart."""
    tiles, memory, row = chunk.products, chunk.memory, chunk.pack.start[t]
    count = chunk.pack.start[t + 1] - row
    previous = at(order_of_states(layer, chunk.pack), row)
    h, shared = Matrix(at(memory, layer.h + layer.column), layer.ldh), layer.shared
    apart = layer.Nh - shared
    if shared > 0:
        z = Matrix(at(memory, layer.gates + row * layer.ldg), layer.ldg)
        multiply_steps(s, tiles, h, previous, Matrix(at(p, layer.Wh), layer.ldr), (z, z), (count, K, shared))
    if apart > 0:
        q = Matrix(at(memory, layer.apart + row * apart), apart)
        Wh, bias = Matrix(at(p, layer.Wh + shared), layer.ldr), Matrix(at(p, layer.b_hh + shared), 0)
        multiply_steps(s, tiles, h, previous, Wh, (bias, q), (count, K, apart))


@linked
def backward(s, table, i, weights, chunk, inputs):
    """Gradients of the weights of direction i, added to weights.g; gates and products apart become their gradients.

    Reads:  what forward wrote, and dh from above. Writes: weights.g, chunk.memory, chunk.carry.
    """
    layer, tiles = direction_at(table, i), chunk.products
    N, ld, w, P = layer.Nx, layer.ldg, layer.width, chunk.P
    memory, g, x = chunk.memory, weights.g, inputs.x
    for k in range(layer.others + 1):
        clear(s, at(chunk.carry, k * layer.carry_plane), chunk.R * w)
    clear(s, at(memory, layer.dcoefficients), layer.C * w)
    for k in range(0, chunk.T, steps_at_once(layer, chunk)):
        t = k if layer.reverse else chunk.T - 1 - k
        call(chunk.cell.backward, (table, i, steps_from(layer, chunk, k), chunk.carry))
        multiply_gradients(s, layer, weights.derived, chunk, t)
    gates = Matrix(at(memory, layer.gates), ld)
    for b in range(layer.blocks):
        dWx = Matrix(at(g, layer.Wx + b * layer.inputs * ld), ld)
        accumulate_rows(tiles, Matrix(at(x.at, b * layer.block), x.ld), inputs.index, gates, dWx, P, layer.inputs, N)
    sum_rows(tiles, gates, at(g, layer.b_ih), P, N)
    if layer.Nh > 0:
        add_recurrent(layer, g, chunk)
    if layer.C > 0:
        call(chunk.cell.vectors, (table, i, weights.p, g, memory))


@inlined
def multiply_gradients(s, layer, derived, chunk, t):
    """Add the gradients of the states before step t, by their products with Wh, to the carry."""
    tiles, memory, w, same = chunk.products, chunk.memory, layer.width, chunk.pack.same
    carry, shared, row = Matrix(chunk.carry, w), layer.shared, chunk.pack.start[t]
    apart, count = layer.Nh - shared, chunk.pack.start[t + 1] - row
    if shared > 0:
        dz = Matrix(at(memory, layer.gates + row * layer.ldg), layer.ldg)
        WhT = Matrix(at(derived, layer.WhT), w)
        multiply_steps(s, tiles, dz, same, WhT, (carry, carry), (count, shared, w))
    if apart > 0:
        dq = Matrix(at(memory, layer.apart + row * apart), apart)
        WhT = Matrix(at(derived, layer.WhT + shared * w), w)
        multiply_steps(s, tiles, dq, same, WhT, (carry, carry), (count, apart, w))


@part
def add_recurrent(layer, g, chunk):
    """Add the gradients of Wh and b_hh to g, from gates and products apart."""
    tiles = chunk.products
    memory, P = chunk.memory, chunk.P
    h, shared = Matrix(at(memory, layer.h + layer.column), layer.ldh), layer.shared
    # At the first step of all sequences the previous state is 0, unless it was there.
    first = 0 if layer.reverse or chunk.begun else chunk.pack.start[1]
    previous, hidden = at(order_of_states(layer, chunk.pack), first), layer.hidden
    if shared > 0:
        dz = at(memory, layer.gates)
        d = Matrix(at(dz, first * layer.ldg), layer.ldg)
        accumulate_rows(tiles, h, previous, d, Matrix(at(g, layer.Wh), layer.ldr), P - first, hidden, shared)
        if layer.recurrent_bias > 0:
            # Gates that start from b_ih + b_hh hand both the same gradient.
            sum_rows(tiles, Matrix(dz, layer.ldg), at(g, layer.b_hh), P, shared)
    if layer.Nh > shared:
        dq, ld = at(memory, layer.apart), layer.Nh - shared
        dWh = Matrix(at(g, layer.Wh + shared), layer.ldr)
        accumulate_rows(tiles, h, previous, Matrix(at(dq, first * ld), ld), dWh, P - first, hidden, ld)
        if layer.recurrent_bias > 0:
            sum_rows(tiles, Matrix(dq, ld), at(g, layer.b_hh + shared), P, ld)


@part
def hand_down(layer, weights, chunk, below):
    """Add the gradient of the direction's input to that of what is below: dx = Wx dz.

    Reads:  chunk.memory: gates (now gradients). Writes: below (P, layer.ldx).
    """
    tiles = chunk.products
    dz = Matrix(at(chunk.memory, layer.gates), layer.ldg)
    WxT = Matrix(at(weights.derived, layer.WxT), layer.ldx)
    dx = Matrix(below, layer.ldx)
    multiply_rows(tiles, dz, chunk.pack.same, WxT, dx, dx, chunk.P, layer.Nx, layer.ldx)


class Passes(NamedTuple):
    """Links to both ways through a direction, back to nothing for predictions, and to `derive`."""

    derive: Any
    forward: Any
    backward: Any


def derive_link(lanes, dtype):
    """The link to `derive`, whatever the engine."""
    numbers = np.zeros(1, dtype)
    return Link(derive, Specialisation(W=lanes), types_of(np.zeros(1, np.int64), 0, numbers, numbers))


def passes_of(s, products, cell, front, training):
    """The links for the lanes of a specialisation; the others: what its chunks have, or others of their types.

    front: FrontWork, whose numbers are of the precision of the network.
    """
    dtype = front.memory.dtype
    numbers, integers = np.zeros(1, dtype), np.zeros(1, np.int64)
    chunk = Chunk(packing(1, 1, 1), numbers, numbers, 0, 0, 0, False, False, False, products, cell, front)
    inputs = Input(Matrix(numbers, 0), integers)
    taken = types_of(integers, 0, Weights(numbers, numbers, numbers), chunk, inputs)
    back = Link(backward, s, taken) if training else no_link(taken)
    return Passes(derive_link(s.W, dtype), Link(forward, s, taken), back)
