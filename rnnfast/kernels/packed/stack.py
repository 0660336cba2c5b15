"""All layers of a packed chunk: its gradient, and its outputs alone for prediction."""

from typing import Any, NamedTuple

from rnnfast.kernels.lanes.compiling import inlined, part
from rnnfast.kernels.lanes.linking import call
from rnnfast.kernels.lanes.span import Matrix, at
from rnnfast.kernels.packed import head, layer
from rnnfast.kernels.packed.dropout import Dropout
from rnnfast.kernels.packed.equations import direction_at
from rnnfast.kernels.packed.front import Front, Rows
from rnnfast.kernels.packed.layer import Chunk, Input
from rnnfast.kernels.packed.packing import pack
from rnnfast.kernels.packed.pool import packed_rows
from rnnfast.kernels.packed.products import clear
from rnnfast.kernels.rules.losses import Targets
from rnnfast.network.records import Head


class Network(NamedTuple):
    """What the kernels need to know of a network at run time."""

    front: Front
    table: Any  # (directions, fields) int64, see run/memory.place
    directions: int
    head: Head
    size: int  # of the span of parameters
    calls: Any  # Calls


class Calls(NamedTuple):
    """Links to what the packed engine calls."""

    passes: Any  # Passes
    products: Any  # Products
    cell: Any  # Equations
    pool: Any  # to nothing where the head sees the states themselves
    pool_back: Any
    loss: Any
    drop: Any  # to nothing without dropout
    front: Any  # FrontLinks
    static: Any  # StaticLinks


class Carried(NamedTuple):
    """States that go from a window of steps to the next one; width 0: none do."""

    states: Any  # (batch, width): that of the sequence order[n] in row n - first
    width: int
    first: int


class Batch(NamedTuple):
    """What the chunks of one update have in common."""

    scale: float  # of the gradient, float64
    carried: Carried
    dropout: Dropout


@part
def input_of(network, i, chunk, steps, dropout):
    """What direction i sees: the steps, an Input of the lowest layer, or the states of the layer below."""
    here = direction_at(network.table, i)
    if here.layer == 0:
        return steps
    below = direction_at(network.table, i - 1 - here.reverse)
    states = below.dropped if dropout.rate > 0 else below.h + chunk.R * below.ldh
    return Input(Matrix(at(chunk.memory, states), here.ldx), chunk.pack.same)


@part
def gradient_below(network, i, here, chunk):
    """(P, ldx) gradient of what direction i sees."""
    if here.layer == 0:
        return at(chunk.front.memory, network.front.dz)
    return at(chunk.memory, direction_at(network.table, i - 1 - here.reverse).dh)


@part
def last_of_layer(network, i):
    """Whether direction i is the last one of a layer that has another above it."""
    return (
        i + 1 < network.directions and direction_at(network.table, i + 1).layer > direction_at(network.table, i).layer
    )


@part
def drop_out(network, layer, chunk, source, target, dropout):
    """Zero a share of the entries of a layer's output, see dropout.py."""
    own = Dropout(dropout.rate, dropout.key + layer.layer)
    call(network.calls.drop, (chunk.pack.source, source, target, chunk.P, layer.ldh, own))


@part
def steps_of_chunk(network, chunk, data, piece, p):
    """What the lowest layer sees: the features, or the outputs of the front. data: Rows.

    Writes: chunk.front; of constant columns the initial states.
    """
    static = network.head.static
    if static.columns > 0:
        call(network.calls.static.begin, (static, network.table, p, data, piece, packed_rows(chunk)))
    ld = direction_at(network.table, 0).ldx
    if network.front.layers == 0:
        return Input(Matrix(data.x, ld), chunk.pack.source)
    call(network.calls.front.forward, (chunk.front.block, chunk.products, data, piece, p, (chunk.R, chunk.P)))
    return Input(Matrix(at(chunk.front.memory, network.front.z), ld), chunk.pack.same)


@part
def forward(network, weights, chunk, steps, dropout):
    """States of all layers. Writes: chunk.memory."""
    for i in range(network.directions):
        here = direction_at(network.table, i)
        seen = input_of(network, i, chunk, steps, dropout)
        call(network.calls.passes.forward, (network.table, i, weights, chunk, seen))
        if dropout.rate > 0 and last_of_layer(network, i):
            states = at(chunk.memory, here.h + chunk.R * here.ldh)
            dropped = at(chunk.memory, here.dropped)
            drop_out(network, here, chunk, states, dropped, dropout)


@part
def backward(s, network, weights, chunk, steps, dropout):
    """Gradients of all layers, from the top one's dh down. Writes: weights.g, chunk: memory, carry, front."""
    for k in range(network.directions):
        i = network.directions - 1 - k
        here = direction_at(network.table, i)
        seen = input_of(network, i, chunk, steps, dropout)
        call(network.calls.passes.backward, (network.table, i, weights, chunk, seen))
        static = network.head.static
        if static.directions > 0:
            call(network.calls.static.states_back, (static, here, weights.g, packed_rows(chunk), chunk.carry))
        if here.inner > 0:
            down = gradient_below(network, i, here, chunk)
            if k == 0 or last_of_layer(network, i):
                clear(s, down, chunk.P * here.ldx)
            layer.hand_down(here, weights, chunk, down)
            if here.layer > 0 and dropout.rate > 0 and last_of_layer(network, i - 1):
                drop_out(network, direction_at(network.table, i - 1), chunk, down, down, dropout)
    if network.front.layers > 0:
        call(network.calls.front.backward, (chunk.front.block, chunk.products, weights))


@part
def exchange_states(network, chunk, carried, save):
    """Take the initial states of the chunk's sequences from those that are carried, or save their last ones there."""
    pack, memory = chunk.pack, chunk.memory
    for i in range(network.directions):
        here = direction_at(network.table, i)
        for r in range(chunk.R):
            row = chunk.R + pack.start[pack.length[r] - 1] + r if save else r
            stored = at(carried.states, (pack.place[r] - carried.first) * carried.width + here.carried)
            for k in range(here.others + 1):
                offset = here.h + row * here.ldh + here.column
                if k > 0:
                    offset = here.states + (k - 1) * here.plane + row * here.width
                exchange(at(memory, offset), at(stored, k * here.width), here.width, save)
    top = network.head
    if top.pools:
        for r in range(chunk.R):
            row = chunk.R + pack.start[pack.length[r] - 1] + r if save else r
            stored = at(carried.states, (pack.place[r] - carried.first) * carried.width + top.carried)
            exchange(at(memory, top.pooled + row * top.width), stored, top.width, save)
            exchange(at(memory, top.peak + r), at(stored, top.width), 1, save)
            exchange(at(memory, top.mass + r), at(stored, top.width + 1), 1, save)


@inlined
def exchange(state, stored, width, save):
    """Copy so many numbers of a state to where they are carried, or back."""
    for n in range(width):
        if save:
            stored[n] = state[n]
        else:
            state[n] = stored[n]


@part
def packed(network, offsets, piece, work, carried):
    """The chunk of a slice, with the states that are carried into it; R is 0 where no sequence reaches so far."""
    R, T, P = pack(offsets, network.front.stride, piece, work.pack)
    resumed = piece.begin > 0 and carried.width > 0
    begun = resumed or network.head.static.directions > 0
    products, cell = network.calls.products, network.calls.cell
    chunk = Chunk(
        work.pack, work.memory, work.carry, R, T, P, resumed, begun, work.training, products, cell, work.front
    )
    if resumed:
        exchange_states(network, chunk, carried, not resumed)
    return chunk


@part
def packed_outputs(s, network, weights, chunk, steps, carried, dropout, out):
    """Outputs of a chunk, (P, O). Writes: out, chunk.memory, and the states to be carried on."""
    forward(network, weights, chunk, steps, dropout)
    if network.head.pools:
        call(network.calls.pool, (network.head, weights.p, packed_rows(chunk), states_of_top(network, chunk)))
    save = carried.width > 0
    if save:
        exchange_states(network, chunk, carried, save)
    head.forward(s, network.head, weights.p, seen_by_head(network, chunk), chunk.P, out)
    if network.head.static.columns > 0:
        call(network.calls.static.add, (network.head.static, weights.p, packed_rows(chunk), out))


@part
def states_of_top(network, chunk):
    """(P, ldh) of the last layer, after the initial states."""
    top = direction_at(network.table, network.directions - 1)
    return Matrix(at(chunk.memory, top.h + chunk.R * top.ldh), top.ldh)


@part
def seen_by_head(network, chunk):
    """(P, width) what the outputs are computed from, after the initial rows."""
    return at(chunk.memory, network.head.pooled + chunk.R * network.head.width)


@part
def packed_gradient(s, network, weights, data, piece, work, batch):
    """Add the scaled gradient of a slice to weights.g. Returns: sum of weight * loss over its outputs."""
    chunk = packed(network, data.offsets, piece, work, batch.carried)
    if chunk.R == 0:
        return 0.0
    steps = steps_of_chunk(network, chunk, Rows(data.x, data.offsets), piece, weights.p)
    packed_outputs(s, network, weights, chunk, steps, batch.carried, batch.dropout, work.out)
    top, P, C = network.head, chunk.P, network.head.targets
    for row in range(P):
        for c in range(C):
            work.y[row * C + c] = data.y[work.pack.source[row] * C + c]
            work.weight[row * C + c] = data.weight[work.pack.source[row] * C + c]
    targets = Targets(work.y, work.weight)
    loss = call(network.calls.loss, (work.out, targets, P, top.outputs, batch.scale, work.dy))
    head.backward(s, top, weights.p, P, work.dy, at(chunk.memory, top.dpooled))
    head.add_gradient(top, weights.g, seen_by_head(network, chunk), chunk, work.dy)
    if top.static.columns > 0:
        call(network.calls.static.outputs_back, (top.static, weights.g, packed_rows(chunk), work.dy))
    if top.pools:
        h, dh = states_of_top(network, chunk), direction_at(network.table, network.directions - 1).dh
        call(network.calls.pool_back, (top, weights, packed_rows(chunk), h, Matrix(at(chunk.memory, dh), h.ld)))
    backward(s, network, weights, chunk, steps, batch.dropout)
    return loss
