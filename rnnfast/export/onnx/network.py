"""A network from its inputs to its outputs: embeddings, fronts, layers of the cell, the pool and the head.

Layers are operators of ONNX where it has one that computes what the cell does, in a graph of sequences in float32. Else
their equations stand in the body of a loop.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rnnfast.cells import built_in
from rnnfast.equations.cell import PARAMETER, STATE, U, X, input_of
from rnnfast.export.onnx.formula import equations
from rnnfast.export.onnx.nodes import Array, Names, Nodes
from rnnfast.export.onnx.pool import pooled
from rnnfast.export.tensors import Level, Network
from rnnfast.network.architecture import Architecture
from rnnfast.network.layout import Layout

# Cells that are operators: the places of their gates in ONNX's order (GRU z r h, LSTM i o f c), and attributes.
OPERATORS: dict[str, tuple[str, tuple[int, ...], dict[str, Any]]] = {
    built_in("rnn", "tanh").digest: ("RNN", (0,), {"activations": ["Tanh"]}),
    built_in("rnn", "relu").digest: ("RNN", (0,), {"activations": ["Relu"]}),
    built_in("rnn", "sigmoid").digest: ("RNN", (0,), {"activations": ["Sigmoid"]}),
    built_in("gru").digest: ("GRU", (1, 0, 2), {"linear_before_reset": 1}),
    built_in("lstm").digest: ("LSTM", (0, 3, 1, 2), {}),
}


class Writer:
    """Writes one network; prefix: what its states are called by, of several networks."""

    def __init__(self, nodes: Nodes, architecture: Architecture, network: Network, prefix: str) -> None:
        self.nodes, self.architecture, self.network, self.prefix = nodes, architecture, network, prefix
        self.static = Layout(architecture).head.static

    def write(self, x: str) -> str:
        """Write all of it; x: (.., F) inputs. Returns the outputs (.., O)."""
        nodes, net = self.nodes, self.architecture
        steps = net.features - net.static
        constant = ""
        if net.static:
            constant = nodes.columns(x, steps, net.features)
            if not nodes.step:  # of the first row
                constant = nodes.op("Gather", constant, nodes.constant(np.array(0), "int64"), axis=0)
            x = nodes.columns(x, 0, steps)
        x = self._look_up(x, steps)
        for k in range(len(net.front)):
            x = self._front(k, x)
        for k in range(len(net.hidden)):
            sides = [self._direction(k, reverse, x, constant) for reverse in range(net.directions)]
            x = sides[0] if len(sides) == 1 else nodes.op("Concat", *sides, axis=-1)
        x = pooled(nodes, net.head, x, net.hidden[-1] * net.directions, self.network.query, self.prefix)
        out = nodes.dense(x, *self.network.head)
        return nodes.op("Add", out, nodes.dense(constant, np.asarray(self.network.V), None)) if constant else out

    def _look_up(self, x: str, size: int) -> str:
        """Write the rows of embeddings in the place of codes; 0 stands for no category, and zeros."""
        nodes, tables = self.nodes, self.network.embeddings
        if not tables:
            return x
        numbers = size - len(tables)
        parts = [nodes.columns(x, 0, numbers)] if numbers else []
        for k, table in enumerate(tables):
            code = nodes.op("Gather", x, nodes.constant(np.array(numbers + k), "int64"), axis=-1)
            zero, most = nodes.constant(0.0), nodes.constant(float(len(table)))
            # Rows behind the end of a sequence may hold anything.
            code = nodes.op("Where", nodes.op("GreaterOrEqual", code, zero), nodes.op("Min", code, most), zero)
            rows = nodes.constant(np.concatenate([np.zeros((1, table.shape[1])), table]))
            parts.append(nodes.op("Gather", rows, nodes.cast(code, "int64"), axis=0))
        return nodes.op("Concat", *parts, axis=-1)

    def _front(self, k: int, x: str) -> str:
        """Write a layer over the last rows, zeros before the first one; those before this one are a state."""
        nodes, (rows, stride, _) = self.nodes, self.architecture.front[k]
        W, b = self.network.front[k]
        size = len(W) // rows
        if rows > 1:
            name, before = f"{self.prefix}front{k}", (rows - 1) * size

            def body(states: Names, inputs: Names) -> tuple[Names, Names]:
                stacked = nodes.op("Concat", states[0], inputs[0], axis=-1)
                return [nodes.columns(stacked, size, rows * size)], [stacked]

            after, stacks = nodes.loop(body, [nodes.state(name, before)], [x])
            nodes.hand_on(name, after[0], before)
            x = stacks[0]
        if stride > 1:
            x = nodes.every(x, stride)
        return nodes.op("Relu", nodes.dense(x, W, b))

    def _direction(self, k: int, reverse: int, x: str, constant: str) -> str:
        """Write a direction of a layer."""
        nodes, cell, number = self.nodes, self.architecture.cell, k * self.architecture.directions + reverse
        level = self.network.levels[number]
        if not cell.recurrent:
            gates = nodes.dense(x, level.W, level.x_bias)
            return self._equations(level, [], gates)[0]
        names = [self._state_name(name, k, reverse) for name in cell.states]
        states = []
        for n, name in enumerate(names):
            first = ""
            if constant and n == self.static.state:
                first = nodes.op("Tanh", nodes.dense(constant, *self.network.begin[number]))
            states.append(nodes.state(name, level.hidden, first))
        if cell.digest in OPERATORS and nodes.real == "float32" and not nodes.step:
            after, h = self._operator(level, states, x, bool(reverse))
        else:
            gates = nodes.dense(x, level.W, level.x_bias)

            def body(before: Names, inputs: Names) -> tuple[Names, Names]:
                new = self._equations(level, before, inputs[0])
                return new, new[:1]

            after, outputs = nodes.loop(body, states, [gates], bool(reverse))
            h = outputs[0]
        for name, value in zip(names, after, strict=True):
            nodes.hand_on(name, value, level.hidden)
        return h

    def _state_name(self, state: str, k: int, reverse: int) -> str:
        """Return h0, c0, ..; of a state whose name ends in a digit h1_0."""
        return f"{self.prefix}{state}{'_' if state[-1].isdigit() else ''}{k}{'_reverse' if reverse else ''}"

    def _equations(self, level: Level, states: Names, gates: str) -> Names:
        """Write the equations of the cell; gates: W' x + b, as `Level` has them. Returns the new states."""
        nodes, cell, H = self.nodes, self.architecture.cell, level.hidden
        step = cell.step
        pieces = self._pieces(gates, len(cell.x_order))
        values = {input_of(STATE, name): at for name, at in zip(cell.states, states, strict=False)}
        products: Names = []
        if cell.u_order:
            bias = np.append(np.zeros(len(cell.shared) * H), level.u_bias)
            products = self._pieces(nodes.dense(states[0], level.U, bias if bias.any() else None), len(cell.u_order))
        shared = len(cell.shared)
        for n, (node, piece) in enumerate(zip(step.gate_values, pieces, strict=True)):
            values[node] = nodes.op("Add", piece, products[n]) if n < shared else piece
        for gate, product in zip(step.apart, products[shared:], strict=True):
            values[input_of(U, gate)] = product
        for name, vector in zip(step.parameters, level.coefficients, strict=True):
            values[input_of(PARAMETER, name)] = nodes.constant(vector)
        for gate in step.shared:  # of these only the sum occurs
            values.pop(input_of(X, gate), None)
        return equations(nodes, step.after, values, (states or pieces)[0])

    def _pieces(self, gates: str, count: int) -> Names:
        """Write the gates of a product."""
        return list(self.nodes.ops("Split", gates, outputs=count, axis=-1)) if count > 1 else [gates][:count]

    def _operator(self, level: Level, states: Names, x: str, reverse: bool) -> tuple[Names, str]:
        """Write a layer as an operator; returns its states (batch, H) and h (time, batch, H)."""
        nodes, cell = self.nodes, self.architecture.cell
        operator, order, more = OPERATORS[cell.digest]
        gates = [cell.gates[place] for place in order]
        of_x, of_u = ([places.index(gate) for gate in gates] for places in (cell.x_order, cell.u_order))
        apart = np.append(np.zeros(len(cell.shared) * level.hidden), level.u_bias)
        W, Wb = (_columns(one, of_x, level.hidden).T for one in (level.W, level.x_bias))
        R, Rb = (_columns(one, of_u, level.hidden).T for one in (level.U, apart))
        constants = [nodes.constant(one[None]) for one in (W, R, np.append(Wb, Rb))]
        first = [nodes.op("Unsqueeze", state, nodes.axes(0)) for state in states]
        direction = "reverse" if reverse else "forward"
        y, *after = nodes.ops(
            operator, x, *constants, nodes.cast(nodes.length, "int32"), *first, outputs=1 + len(states),
            hidden_size=level.hidden, direction=direction, **more,
        )  # fmt: skip
        return [nodes.op("Squeeze", one, nodes.axes(0)) for one in after], nodes.op("Squeeze", y, nodes.axes(1))


def _columns(matrix: Array, places: list[int], hidden: int) -> Array:
    """Return the gates of a matrix or vector in another order."""
    return np.concatenate([matrix[..., place * hidden :][..., :hidden] for place in places], axis=-1)
