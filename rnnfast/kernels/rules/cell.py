"""The elementwise pass of a cell, forward and back, as its equations say (equations/cell.py).

What the equations read and write lies in memory by hidden unit n: gate g of a row is `width` elements after gate g - 1,
and so on. A pass loads what it refers to, computes, and stores; the products around it are those of packed/layer.py.

A specialisation names a cell by the digest of its graph: an edited formula is compiled anew, an unchanged one is loaded
from disk, whatever the cell is called.
"""

from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numba import types
from numba.extending import intrinsic

from rnnfast.equations.cell import Cell
from rnnfast.equations.evaluate import evaluate
from rnnfast.kernels.lanes.formula import emit
from rnnfast.kernels.lanes.span import Matrix
from rnnfast.kernels.lanes.vec import FAST, Vec, first, llvm_type, load_vector, pointer_to, store_vector

cells: dict[str, Cell] = {}  # by digest: those that kernels were asked for in this process


class States(NamedTuple):
    """The states of one row at some units: h, and the others `distance` elements apart."""

    h: Any  # span
    others: Matrix


class Operands(NamedTuple):
    """Where the values of one row at some hidden units lie."""

    gates: Matrix  # x.G + u.G, or x.G; after the pass what is kept in their place, after the way back their gradients
    apart: Matrix  # u.G of the gates that have it by itself; after the way back their gradients
    before: States
    after: States
    extra: Matrix  # what is kept besides
    coefficients: Matrix  # what the cell makes of its trainable vectors alone


class Masks(NamedTuple):
    """Which results are not 0 in padding, where all operands are 0: they are set to 0."""

    states: int  # 1: states that are not 0, which have to be set to 0
    gradients: int  # 1: gradients that are not 0


def cell_constants(cell):
    """The items of a specialisation that a cell decides."""
    cells[cell.digest] = cell
    masks = masks_of(cell)
    return {
        "cell": cell.digest,
        "shared": len(cell.shared),
        "apart": len(cell.apart),
        "states": len(cell.states),
        "coefficients": len(cell.coefficients),
        "recurrent": int(cell.recurrent),
        "masked": masks.states,
        "masked_gradients": masks.gradients,
    }


@cache
def masks_of(cell):
    """See Masks."""
    step, zero = cell.step, np.zeros(())
    inputs = {node: zero for node in step.nodes if node.kind == "input"} | dict.fromkeys(step.seeds, zero)
    coefficients = evaluate(cell.coefficients, dict.fromkeys(cell.vectors, zero))
    inputs |= zip(step.vectors, coefficients, strict=True)
    forward = evaluate(step.after, inputs)
    # The backward pass reads the states from memory, where they are 0.
    backward = evaluate(step.backward.all, inputs | dict.fromkeys(step.after, zero))
    return Masks(int(any(value != 0 for value in forward)), int(any(value != 0 for value in backward)))


class _Pass:
    """Loads, computes and stores vectors of one pass."""

    def __init__(self, builder, vector_type):
        self.builder, self.vector_type = builder, vector_type
        self.values = {}  # of nodes

    @classmethod
    def over(cls, builder, matrix, lanes):
        """A pass over numbers like those of a Numba type of Matrix, so many at a time."""
        return cls(builder, llvm_type(Vec(matrix.types[0].dtype, lanes)))

    def at(self, matrix, k):
        """The pointer to the k-th value of a matrix (span, distance)."""
        span, distance = (self.builder.extract_value(matrix, field) for field in (0, 1))
        return pointer_to(self.builder, span, self.builder.mul(distance, distance.type(k)), self.vector_type)

    def state(self, states, k):
        """The pointer to the k-th state."""
        if k:
            return self.at(self.builder.extract_value(states, 1), k - 1)
        return self.builder.bitcast(self.builder.extract_value(states, 0), self.vector_type.as_pointer())

    def load(self, pointer):
        return load_vector(self.builder, pointer, self.vector_type)

    def store(self, pointer, value, left=None):
        """Write a vector; left: lanes from this one on are 0 in place of it."""
        store_vector(self.builder, value if left is None else first(self.builder, value, left), pointer)

    def compute(self, roots, pointers):
        """LLVM vectors of the roots; pointers: where the nodes lie that are loaded if a root refers to them."""
        seen, pending = set(), list(roots)
        while pending:
            node = pending.pop()
            if node in seen or node in self.values:
                continue
            seen.add(node)
            if node not in pointers:
                pending += node.nodes
        for node, pointer in pointers.items():  # in the order of memory, not of chance
            if node in seen:
                self.values[node] = self.load(pointer())
        return emit(self.builder, self.vector_type, roots, self.values)


def _pointers(nodes, place):
    """Each node with a function to the pointer of its place."""
    return {node: (lambda k=k: place(k)) for k, node in enumerate(nodes) if node is not None}


@intrinsic
def cell_forward(typingctx, operands, left, training, spec):
    """New states and, in training, what the way back needs; left: hidden units from the first of these on."""
    cell = cells[spec.dims["cell"]].step

    def codegen(context, builder, sig, args):
        gates, apart, before, after, extra, coefficients = (builder.extract_value(args[0], k) for k in range(6))
        work = _Pass.over(builder, operands.types[0], spec.dims["E"])
        pointers = {
            **_pointers(cell.gate_values, lambda k: work.at(gates, k)),
            **_pointers(cell.products, lambda k: work.at(apart, k)),
            **_pointers(cell.before, lambda k: work.state(before, k)),
            **_pointers(cell.vectors, lambda k: work.at(coefficients, k)),
        }
        places = [(work.state(after, k), node) for k, node in enumerate(cell.after)]
        slots = zip(cell.slots, cell.gate_values, strict=True)
        stores = [(work.at(gates, k), node) for k, (node, own) in enumerate(slots) if node not in (None, own)]
        stores += [(work.at(extra, k), node) for k, node in enumerate(cell.extra)]
        values = work.compute([node for _, node in places + stores], pointers)
        mask = args[1] if spec.dims["masked"] else None
        for (pointer, _), value in zip(places, values, strict=False):
            work.store(pointer, value, mask)
        with builder.if_then(args[2]):
            for (pointer, _), value in zip(stores, values[len(places) :], strict=True):
                work.store(pointer, value)
        return context.get_dummy_value()

    return types.void(operands, left, types.boolean, spec), codegen


@intrinsic
def cell_backward(typingctx, operands, dh, carry, dcoefficients, left, spec):
    """Gradients in the place of gates and products, of the states before in that of the carry.

    dh: gradient of h from above; carry: of the states from the step that follows; dcoefficients: the gradients of
    the coefficients are added to it.
    """
    cell = cells[spec.dims["cell"]].step

    def codegen(context, builder, sig, args):
        gates, apart, before, after, extra, coefficients = (builder.extract_value(args[0], k) for k in range(6))
        work = _Pass.over(builder, operands.types[0], spec.dims["E"])
        pointers = {
            **_pointers(cell.before, lambda k: work.state(before, k)),
            **_pointers(cell.after, lambda k: work.state(after, k)),
            **_pointers(cell.slots, lambda k: work.at(gates, k)),
            **_pointers(cell.extra, lambda k: work.at(extra, k)),
            **_pointers(cell.products, lambda k: work.at(apart, k)),
            **_pointers(cell.vectors, lambda k: work.at(coefficients, k)),
        }
        above = work.load(builder.bitcast(args[1], work.vector_type.as_pointer()))
        for k, seed in enumerate(cell.seeds):
            value = work.load(work.at(args[2], k)) if cell.recurrent else None
            value = value if k else above if value is None else builder.fadd(above, value, flags=FAST)
            work.values[seed] = value
        back = cell.backward
        values = iter(work.compute(back.all, pointers))
        mask = args[4] if spec.dims["masked_gradients"] else None
        for matrix, group in ((gates, back.gates), (apart, back.products)):
            for k, _ in enumerate(group):
                work.store(work.at(matrix, k), next(values), mask)
        for k, _ in enumerate(back.before):
            value = next(values)
            if cell.recurrent:
                work.store(work.at(args[2], k), value, mask)
        for k, _ in enumerate(back.vectors):
            pointer, value = work.at(args[3], k), next(values)
            work.store(pointer, builder.fadd(work.load(pointer), value, flags=FAST), mask)
        return context.get_dummy_value()

    return types.void(operands, dh, carry, dcoefficients, left, spec), codegen


@intrinsic
def cell_coefficients(typingctx, vectors, coefficients, spec):
    """What the cell makes of its trainable vectors alone. Writes: coefficients."""

    def codegen(context, builder, sig, args):
        if not spec.dims["coefficients"]:  # a branch that is never taken is compiled nonetheless
            return context.get_dummy_value()
        cell = cells[spec.dims["cell"]]
        work = _Pass.over(builder, vectors, spec.dims["E"])
        values = work.compute(cell.coefficients, _pointers(cell.vectors, lambda k: work.at(args[0], k)))
        for k, value in enumerate(values):
            work.store(work.at(args[1], k), value)
        return context.get_dummy_value()

    return types.void(vectors, coefficients, spec), codegen


@intrinsic
def vector_gradients(typingctx, vectors, dcoefficients, dvectors, left, spec):
    """Add the gradients of the trainable vectors to dvectors, from those of what the cell makes of them."""

    def codegen(context, builder, sig, args):
        cell = cells[spec.dims["cell"]]
        work = _Pass.over(builder, vectors, spec.dims["E"])
        pointers = {
            **_pointers(cell.vectors, lambda k: work.at(args[0], k)),
            **_pointers(cell.coefficient_seeds, lambda k: work.at(args[1], k)),
        }
        for k, value in enumerate(work.compute(cell.vector_gradients, pointers)):
            pointer = work.at(args[2], k)
            work.store(pointer, builder.fadd(work.load(pointer), value, flags=FAST), args[3])
        return context.get_dummy_value()

    return types.void(vectors, dcoefficients, dvectors, left, spec), codegen


# Cells of one gate and one state, h = f(x.G + u.G), whose derivative the value of h tells: the register engine's.


def is_plain_rnn(cell):
    """Whether a cell is h = f(x.G + u.G) with a derivative that the value of h tells."""
    alone = len(cell.shared) == len(cell.gates) == len(cell.states) == 1 and not cell.parameters
    return alone and not cell.read_states and not cell.saved and not masks_of(cell).gradients


@intrinsic
def state_of(typingctx, z, spec):
    """The state from the sum of its products."""
    cell = cells[spec.dims["cell"]]

    def codegen(context, builder, sig, args):
        return emit(builder, llvm_type(z), cell.after, {cell.gate_values[0]: args[0]})[0]

    return z(z, spec), codegen


@intrinsic
def gate_gradient(typingctx, dh, h, spec):
    """The gradient of the sum of products, from that of the state."""
    cell = cells[spec.dims["cell"]]

    def codegen(context, builder, sig, args):
        return emit(builder, llvm_type(dh), cell.backward.gates, {cell.seeds[0]: args[0], cell.after[0]: args[1]})[0]

    return dh(dh, h, spec), codegen
