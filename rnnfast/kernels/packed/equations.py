"""The equations of a cell over packed rows (rules/cell.py) as kernels of their own, which layers call by address.

They are all that knows a cell: a layer's products, order of steps and gradients of weights are those of any.
"""

from typing import Any, NamedTuple

import numpy as np

from rnnfast.kernels.lanes.arguments import row_reader, types_of
from rnnfast.kernels.lanes.compiling import inlined
from rnnfast.kernels.lanes.linking import Link, linked, no_link
from rnnfast.kernels.lanes.span import Matrix, at
from rnnfast.kernels.rules.cell import (
    Operands,
    States,
    cell_backward,
    cell_coefficients,
    cell_forward,
    vector_gradients,
)
from rnnfast.network.records import Direction

direction_at = row_reader(Direction)


class Equations(NamedTuple):
    """Links to the equations of a cell."""

    forward: Any
    backward: Any
    coefficients: Any  # to nothing for a cell without trainable vectors, as the next one
    vectors: Any


class Steps(NamedTuple):
    """Where the rows of a chunk lie, and which steps of it are meant."""

    memory: Any  # span: what all layers compute
    start: Any  # (T + 1,) int64 first packed row of each step
    previous: Any  # (P,) int64 row of the states before each
    R: int  # sequences
    T: int  # steps of the longest one
    first: int  # steps first .. last - 1 in the order of the way that is gone
    last: int


@inlined
def operands(s, layer, steps, row, n):
    """Where the cell finds what belongs to one packed row, at hidden unit n."""
    memory, w, before, after = steps.memory, layer.width, steps.previous[row], steps.R + row
    h, others = layer.h + layer.column + n, layer.states + n
    return Operands(
        Matrix(at(memory, layer.gates + row * layer.ldg + n), w),
        Matrix(at(memory, layer.apart + row * s.apart * w + n), w),
        States(at(memory, h + before * layer.ldh), Matrix(at(memory, others + before * w), layer.plane)),
        States(at(memory, h + after * layer.ldh), Matrix(at(memory, others + after * w), layer.plane)),
        Matrix(at(memory, layer.extra + row * w + n), layer.extra_distance),
        Matrix(at(memory, layer.coefficients + n), w),
    )


@linked
def steps_forward(s, table, i, steps, training):
    """New states of some steps of direction i of a table (directions, fields).

    Reads:  steps.memory: gates, apart, coefficients, states before. Writes: h, states; in training what the way back
    needs.
    """
    layer = direction_at(table, i)
    for k in range(steps.first, steps.last):
        t = steps.T - 1 - k if layer.reverse else k
        for row in range(steps.start[t], steps.start[t + 1]):
            for n in range(0, layer.width, s.E):
                cell_forward(operands(s, layer, steps, row, n), layer.hidden - n, training, s)


@linked
def steps_backward(s, table, i, steps, carry):
    """Gradients in the place of gates and products, of the states before in that of the carry.

    Reads:  what the way forward read and wrote; steps.memory: dh; carry: gradients of the states from the step that
    follows. Writes: steps.memory: gates, apart; carry; adds to dcoefficients.
    """
    layer, memory = direction_at(table, i), steps.memory
    for k in range(steps.first, steps.last):
        t = k if layer.reverse else steps.T - 1 - k
        for row in range(steps.start[t], steps.start[t + 1]):
            for n in range(0, layer.width, s.E):
                cell_backward(
                    operands(s, layer, steps, row, n),
                    at(memory, layer.dh + layer.column + row * layer.ldh + n),
                    Matrix(at(carry, (row - steps.start[t]) * layer.width + n), layer.carry_plane),
                    Matrix(at(memory, layer.dcoefficients + n), layer.width),
                    layer.hidden - n,
                    s,
                )


@linked
def coefficients(s, table, i, p, memory):
    """What a cell makes of its trainable vectors alone. Reads: p. Writes: memory: coefficients."""
    layer = direction_at(table, i)
    w = layer.width
    for n in range(0, w, s.E):
        cell_coefficients(Matrix(at(p, layer.vectors + n), w), Matrix(at(memory, layer.coefficients + n), w), s)


@linked
def vectors(s, table, i, p, g, memory):
    """Add the gradients of the trainable vectors to g. Reads: p; memory: dcoefficients."""
    layer = direction_at(table, i)
    w = layer.width
    for n in range(0, w, s.E):
        values, gradients = Matrix(at(p, layer.vectors + n), w), Matrix(at(g, layer.vectors + n), w)
        vector_gradients(values, Matrix(at(memory, layer.dcoefficients + n), w), gradients, layer.hidden - n, s)


def equations_of(s, dtype, training):
    """The links for the cell of a specialisation; those of the way back to nothing without training."""
    numbers, integers = np.zeros(1, dtype), np.zeros(1, np.int64)

    def link(kernel, *arguments, needed=True):
        taken = types_of(integers, 0, *arguments)
        return Link(kernel, s, taken) if needed else no_link(taken)

    own, steps = s.coefficients > 0, Steps(numbers, integers, integers, 0, 0, 0, 0)
    return Equations(
        link(steps_forward, steps, False),
        link(steps_backward, steps, numbers, needed=training),
        link(coefficients, numbers, numbers, needed=own),
        link(vectors, numbers, numbers, numbers, needed=own and training),
    )
