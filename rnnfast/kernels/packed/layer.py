"""One direction of one layer over a packed chunk: the products around the equations of its cell.

    z_t = Wx' x_t + b_ih + Wh' h_{t-1} + b_hh         gates that are shared
    x_t = Wx' x_t + b_ih,  q_t = Wh' h_{t-1} + b_hh   gates whose products are apart
    h_t, .. = cell(z_t, x_t, q_t, h_{t-1}, ..)        rules/cell.py

Back, with dz the gradients of the gates and dq those of the products apart, which take their places:

    dh_{t-1} = Wh (dz, dq) + what the cell itself gives        dx = Wx dz
    dWx = sum_t x_t dz_t'     dWh = sum_t h_{t-1} (dz_t, dq_t)'     db_ih = sum_t dz_t     db_hh = sum_t (dz_t, dq_t)

Products with inputs and gradients of weights need no order of steps: they are one product each over all packed rows.
The letters are those of run/memory.py.
"""

from typing import Any, NamedTuple

from rnnfast.kernels.lanes.compiling import inlined, part
from rnnfast.kernels.lanes.span import Matrix, at
from rnnfast.kernels.lanes.specialisation import with_lanes
from rnnfast.kernels.lanes.vec import load, store
from rnnfast.kernels.packed.products import clear, multiply_row, transpose
from rnnfast.kernels.packed.tiles import accumulate_rows, multiply_rows, sum_rows
from rnnfast.kernels.rules.cell import (
    Operands,
    States,
    cell_backward,
    cell_coefficients,
    cell_forward,
    vector_gradients,
)


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
    front: Any  # FrontWork


class Input(NamedTuple):
    """What a layer sees: rows of a matrix through an index."""

    x: Matrix
    index: Any  # (P,) int64


@part
def derive(s, layer, p, derived):
    """Transposed weights and the start of the gates, once per batch.

    Reads: p. Writes: derived.
    """
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


@inlined
def operands(s, layer, weights, chunk, row, before, n):
    """Where the cell finds what belongs to one packed row, at hidden unit n; before: row of the states before."""
    memory, w, after = chunk.memory, layer.width, chunk.R + row
    h, others = layer.h + layer.column + n, layer.states + n
    return Operands(
        Matrix(at(memory, layer.gates + row * layer.ldg + n), w),
        Matrix(at(memory, layer.apart + row * s.apart * w + n), w),
        States(at(memory, h + before * layer.ldh), Matrix(at(memory, others + before * w), layer.plane)),
        States(at(memory, h + after * layer.ldh), Matrix(at(memory, others + after * w), layer.plane)),
        Matrix(at(memory, layer.extra + row * w + n), layer.extra_distance),
        Matrix(at(memory, layer.coefficients + n), w),
    )


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


@part
def forward(s, layer, weights, chunk, inputs):
    """States of one direction.

    Writes: chunk.memory: coefficients, gates, apart, states, saved, h.
    """
    tiles = chunk.products
    N, ld, w, P = layer.Nx, layer.ldg, layer.width, chunk.P
    memory, p, x = chunk.memory, weights.p, inputs.x
    if s.coefficients > 0:
        for n in range(0, w, s.W):
            cell_coefficients(Matrix(at(p, layer.vectors + n), w), Matrix(at(memory, layer.coefficients + n), w), s)
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
        for k in range(s.states - 1):
            clear(s, at(memory, layer.states + k * layer.plane), chunk.R * w)
    for i in range(chunk.T):
        t = chunk.T - 1 - i if layer.reverse else i
        row = chunk.pack.start[t]
        # At the first step all previous states are 0, unless they are there: their product is left out.
        K = 0 if i == 0 and not chunk.begun else layer.hidden
        step(s, layer, weights, chunk, row, chunk.pack.start[t + 1] - row, K)


@part
def step(s, layer, weights, chunk, row, count, K):
    """States of the packed rows row .. row + count - 1 from those before; K: rows of Wh that count."""
    tiles = chunk.products
    memory, p, w = chunk.memory, weights.p, layer.width
    previous = at(order_of_states(layer, chunk.pack), row)
    h, shared = Matrix(at(memory, layer.h + layer.column), layer.ldh), s.shared * w
    if s.shared > 0:
        z = Matrix(at(memory, layer.gates + row * layer.ldg), layer.ldg)
        multiply_steps(s, tiles, h, previous, Matrix(at(p, layer.Wh), layer.ldr), (z, z), (count, K, shared))
    if s.apart > 0:
        q = Matrix(at(memory, layer.apart + row * s.apart * w), s.apart * w)
        Wh, bias = Matrix(at(p, layer.Wh + shared), layer.ldr), Matrix(at(p, layer.b_hh + shared), 0)
        multiply_steps(s, tiles, h, previous, Wh, (bias, q), (count, K, s.apart * w))
    for m in range(count):
        for n in range(0, w, s.E):
            cell_forward(
                operands(s, layer, weights, chunk, row + m, previous[m], n), layer.hidden - n, chunk.training, s
            )


@part
def backward(s, layer, weights, chunk, inputs):
    """Gradients of one direction's weights, added to weights.g; gates and products apart become their gradients.

    Reads:  what forward wrote, and dh from above. Writes: weights.g, chunk.memory, chunk.carry.
    """
    tiles = chunk.products
    N, ld, w, P = layer.Nx, layer.ldg, layer.width, chunk.P
    memory, pack, g, x = chunk.memory, chunk.pack, weights.g, inputs.x
    for k in range(s.states):
        clear(s, at(chunk.carry, k * layer.carry_plane), chunk.R * w)
    clear(s, at(memory, layer.dcoefficients), s.coefficients * w)
    for i in range(chunk.T):
        t = i if layer.reverse else chunk.T - 1 - i
        step_back(s, layer, weights, chunk, pack.start[t], pack.start[t + 1] - pack.start[t])
    gates = Matrix(at(memory, layer.gates), ld)
    for b in range(layer.blocks):
        dWx = Matrix(at(g, layer.Wx + b * layer.inputs * ld), ld)
        accumulate_rows(tiles, Matrix(at(x.at, b * layer.block), x.ld), inputs.index, gates, dWx, P, layer.inputs, N)
    sum_rows(tiles, gates, at(g, layer.b_ih), P, N)
    if s.shared + s.apart > 0:
        add_recurrent(s, layer, g, chunk)
    if s.coefficients > 0:
        for n in range(0, w, s.W):
            vectors, dvectors = Matrix(at(weights.p, layer.vectors + n), w), Matrix(at(g, layer.vectors + n), w)
            dcoefficients = Matrix(at(memory, layer.dcoefficients + n), w)
            vector_gradients(vectors, dcoefficients, dvectors, layer.hidden - n, s)


@part
def step_back(s, layer, weights, chunk, row, count):
    """Gradients of the packed rows row .. row + count - 1; the carry becomes the gradient of the states before."""
    tiles = chunk.products
    memory, w, same = chunk.memory, layer.width, chunk.pack.same
    previous = order_of_states(layer, chunk.pack)
    dh = layer.dh + layer.column
    for m in range(count):
        for n in range(0, w, s.E):
            cell_backward(
                operands(s, layer, weights, chunk, row + m, previous[row + m], n),
                at(memory, dh + (row + m) * layer.ldh + n),
                Matrix(at(chunk.carry, m * w + n), layer.carry_plane),
                Matrix(at(memory, layer.dcoefficients + n), w),
                layer.hidden - n,
                s,
            )
    carry, shared = Matrix(chunk.carry, w), s.shared * w
    if s.shared > 0:
        dz = Matrix(at(memory, layer.gates + row * layer.ldg), layer.ldg)
        WhT = Matrix(at(weights.derived, layer.WhT), w)
        multiply_steps(s, tiles, dz, same, WhT, (carry, carry), (count, shared, w))
    if s.apart > 0:
        dq = Matrix(at(memory, layer.apart + row * s.apart * w), s.apart * w)
        WhT = Matrix(at(weights.derived, layer.WhT + shared * w), w)
        multiply_steps(s, tiles, dq, same, WhT, (carry, carry), (count, s.apart * w, w))


@part
def add_recurrent(s, layer, g, chunk):
    """Add the gradients of Wh and b_hh to g, from gates and products apart."""
    tiles = chunk.products
    memory, w, P = chunk.memory, layer.width, chunk.P
    h, shared = Matrix(at(memory, layer.h + layer.column), layer.ldh), s.shared * w
    # At the first step of all sequences the previous state is 0, unless it was there.
    first = 0 if layer.reverse or chunk.begun else chunk.pack.start[1]
    previous, hidden = at(order_of_states(layer, chunk.pack), first), layer.hidden
    if s.shared > 0:
        dz = at(memory, layer.gates)
        d = Matrix(at(dz, first * layer.ldg), layer.ldg)
        accumulate_rows(tiles, h, previous, d, Matrix(at(g, layer.Wh), layer.ldr), P - first, hidden, shared)
        if layer.recurrent_bias > 0:
            # Gates that start from b_ih + b_hh hand both the same gradient.
            sum_rows(tiles, Matrix(dz, layer.ldg), at(g, layer.b_hh), P, shared)
    if s.apart > 0:
        dq, ld = at(memory, layer.apart), s.apart * w
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
