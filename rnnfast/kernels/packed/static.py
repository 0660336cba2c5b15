"""Columns that are constant in a sequence: they begin its states, and its outputs see them directly.

    h_0 = tanh(Ws' s + b_s)     of each direction of each layer; other states, such as c_0 of an LSTM, begin at 0
    out[t] += V s

    back, with dh_0 what the first step hands back:

    da = dh_0 (1 - h_0^2)     dWs = sum_r s_r da_r'     db_s = sum_r da_r     dV = sum_t dy[t] s'

h stands for the first state that a step refers to: of an LRU, whose h is an output alone, the real part.

s are the last columns of the first row of a sequence. Truncated BPTT hands nothing back beyond a window, so that the
first window alone has a gradient of h_0. What answers follow from asks for the gradient of s itself:

    ds = sum over directions of Ws da + sum_t V' dy[t]
"""

from typing import Any, NamedTuple

import numpy as np

from rnnfast.equations.functions import FUNCTIONS
from rnnfast.kernels.lanes.arguments import row_reader, types_of
from rnnfast.kernels.lanes.compiling import part
from rnnfast.kernels.lanes.formula import elementwise
from rnnfast.kernels.lanes.linking import Link, linked, no_link
from rnnfast.kernels.lanes.span import at
from rnnfast.kernels.lanes.specialisation import Specialisation
from rnnfast.kernels.lanes.vec import broadcast, fma, load, store
from rnnfast.kernels.packed.front import Rows
from rnnfast.kernels.packed.packing import Slice, packing
from rnnfast.kernels.packed.pool import Packed
from rnnfast.kernels.packed.products import clear
from rnnfast.network.records import Direction

tanh = elementwise(FUNCTIONS["tanh"], "tanh, lane by lane.")
direction_at = row_reader(Direction)


class StaticLinks(NamedTuple):
    """Links to what a network does with constant columns; to nothing where it has none."""

    begin: Any
    add: Any
    outputs_back: Any
    states_back: Any


@part
def first_states(static, here):
    """Where the states that they begin lie: the offset of the first sequence's, and the distance of the others'."""
    if static.state > 0:
        return here.states + (static.state - 1) * here.plane, here.width
    return here.h + here.column, here.ldh


@linked
def begin(s, static, table, p, data, piece, chunk):
    """Gather the constant columns of a chunk and begin its states; those that are carried stay.

    table: of all directions. data: Rows. chunk: Packed. Writes: in chunk.memory static.rows, the first rows of states.
    """
    memory, columns = chunk.memory, static.columns
    for r in range(chunk.R):
        x = data.offsets[piece.order[chunk.pack.place[r]]] * static.ldx + static.first
        for k in range(columns):
            memory[static.rows + r * columns + k] = data.x[x + k]
    for i in range(0 if chunk.resumed else static.directions):
        here = direction_at(table, i)
        first, distance = first_states(static, here)
        for r in range(chunk.R):
            clear(s, at(memory, here.h + r * here.ldh + here.column), here.width)
        for k in range(here.others):
            clear(s, at(memory, here.states + k * here.plane), chunk.R * here.width)
        for r in range(chunk.R):
            for n in range(0, here.width, s.W):
                z = load(p, here.b_s + n, s)
                for k in range(columns):
                    value = broadcast(memory, static.rows + r * columns + k, s)
                    z = fma(value, load(p, here.Ws + k * here.width + n, s), z)
                store(memory, first + r * distance + n, tanh(z))


@linked
def add(s, static, p, chunk, out):
    """out[t] += V s at all steps. Writes: out (P, O)."""
    columns, O = static.columns, static.outputs
    for r in range(chunk.R):
        for o in range(O):
            value = p[static.V] * 0
            for k in range(columns):
                value += p[static.V + o * columns + k] * chunk.memory[static.rows + r * columns + k]
            for t in range(chunk.pack.length[r]):
                out[(chunk.pack.start[t] + r) * O + o] += value


@linked
def outputs_back(s, static, g, chunk, dy):
    """Add the gradient of V to g. Reads: dy (P, O)."""
    columns, O = static.columns, static.outputs
    for r in range(chunk.R):
        for o in range(O):
            value = dy[0] * 0
            for t in range(chunk.pack.length[r]):
                value += dy[(chunk.pack.start[t] + r) * O + o]
            for k in range(columns):
                g[static.V + o * columns + k] += value * chunk.memory[static.rows + r * columns + k]


@linked
def states_back(s, static, here, g, chunk, carry):
    """Add the gradients of Ws and b_s of a direction to g. carry: (R, width) gradients of each of its first states."""
    memory, columns, w = chunk.memory, static.columns, here.width
    first, distance = first_states(static, here)
    for r in range(0 if chunk.resumed else chunk.R):
        for n in range(0, w, s.W):
            h = load(memory, first + r * distance + n, s)
            # h = tanh(a)
            da = load(carry, static.state * here.carry_plane + r * w + n, s) * (1.0 - h * h)
            store(g, here.b_s + n, load(g, here.b_s + n, s) + da)
            for k in range(columns):
                i, value = here.Ws + k * w + n, broadcast(memory, static.rows + r * columns + k, s)
                store(g, i, fma(value, da, load(g, i, s)))


@linked
def states_to_inputs(s, static, here, g, chunk, carry):
    """In the place of `states_back`: da of a direction, where its first states were, which nobody reads any more."""
    first, distance = first_states(static, here)
    for r in range(chunk.R):
        for n in range(0, here.width, s.W):
            i = first + r * distance + n
            h = load(chunk.memory, i, s)
            store(chunk.memory, i, load(carry, static.state * here.carry_plane + r * here.width + n, s) * (1.0 - h * h))


@linked
def static_to_inputs(s, static, table, p, data, piece, chunk, dy, gradient):
    """Gradients of the constant columns, after `states_to_inputs` of all directions.

    data: Rows; dy: (P, O). Writes: gradient (rows, F), at the first row of each sequence.
    """
    columns, O = static.columns, static.outputs
    for r in range(chunk.R):
        x = data.offsets[piece.order[chunk.pack.place[r]]] * static.ldx + static.first
        for k in range(columns):
            ds = p[static.V] * 0
            for t in range(chunk.pack.length[r]):
                for o in range(O):
                    ds += dy[(chunk.pack.start[t] + r) * O + o] * p[static.V + o * columns + k]
            for i in range(static.directions):
                here = direction_at(table, i)
                first, distance = first_states(static, here)
                for n in range(here.width):
                    ds += chunk.memory[first + r * distance + n] * p[here.Ws + k * here.width + n]
            gradient[x + k] = ds


def static_links(lanes, layout, products, training=True):
    """The links for the constant columns of a layout; to nothing where there are none. lanes: of single rows."""
    numbers, integers = np.zeros(1, layout.architecture.dtype), np.zeros(1, np.int64)
    rows, piece = Rows(numbers, integers), Slice(integers, 0, 0, 0, 0)
    static, s = layout.head.static, Specialisation(W=lanes)
    chunk = Packed(packing(1, 1, 1), numbers, 0, 0, 0, False, products)
    forward = {
        begin: types_of(static, integers, numbers, rows, piece, chunk),
        add: types_of(static, numbers, chunk, numbers),
    }
    back = {
        outputs_back: types_of(static, numbers, chunk, numbers),
        states_back: types_of(static, layout.directions[0], numbers, chunk, numbers),
    }
    kernels = (forward | back if training else forward) if static.columns else {}
    return StaticLinks(
        *(Link(kernel, s, taken) if kernel in kernels else no_link(taken) for kernel, taken in (forward | back).items())
    )


def static_inputs_links(lanes, layout, products):
    """The links to `states_to_inputs` and `static_to_inputs`, or to nothing where they have nothing to do."""
    numbers, integers = np.zeros(1, layout.architecture.dtype), np.zeros(1, np.int64)
    rows, piece = Rows(numbers, integers), Slice(integers, 0, 0, 0, 0)
    static, s = layout.head.static, Specialisation(W=lanes)
    chunk = Packed(packing(1, 1, 1), numbers, 0, 0, 0, False, products)
    states = types_of(static, layout.directions[0], numbers, chunk, numbers)
    inputs = types_of(static, integers, numbers, rows, piece, chunk, numbers, numbers)
    return (
        Link(states_to_inputs, s, states) if static.directions else no_link(states),
        Link(static_to_inputs, s, inputs) if static.columns else no_link(inputs),
    )
