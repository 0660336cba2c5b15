"""Cells that PyTorch has no module for, by the graph of their equations: step by step, the gradient by autograd."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from rnnfast.engines.pytorch.formulas import Program
from rnnfast.equations.cell import PARAMETER, STATE, Cell, U, X, input_of
from rnnfast.equations.graph import Node

States = list[Tensor]  # of a layer, one for each state of its cell: (directions, n, units)
Weights = Mapping[str, Tensor]  # of a direction: weight_ih, weight_hh, bias_ih, bias_hh and the vectors of the cell


class EquationLayer:
    """A layer of any cell.

    weights: of each direction. units: of the layer.
    """

    def __init__(self, cell: Cell, weights: Sequence[Weights], units: int) -> None:
        self.cell, self.weights, self.units = cell, weights, units
        self.fixed = Program(cell.coefficients, cell.vectors)
        groups = {X: cell.x_gates, U: cell.u_gates, STATE: cell.states}
        varying = [input_of(group, name) for group, names in groups.items() for name in names]
        self.step = Program(cell.after, [*varying, *cell.vectors, *cell.coefficients])

    def __call__(self, rows: Tensor, sizes: list[int], states: States | None) -> tuple[Tensor, States]:
        """Run all directions.

        rows: (P, I) packed; sizes: (T,) sequences that run at each step; states: before the first step, None: zeros.
        Returns: (P, directions * units) packed outputs, and the states after the last step of each sequence, of one
        direction alone.
        """
        count = len(self.cell.states)
        if states is None:
            shape = (len(self.weights), sizes[0], self.units)
            states = [torch.zeros(shape, dtype=rows.dtype, device=rows.device) for _ in range(count)]
        outputs, after = [], states
        for direction, weights in enumerate(self.weights):
            output, last = self._direction(rows, sizes, [state[direction] for state in states], weights, direction > 0)
            outputs.append(output)
            after = [state[None] for state in last]
        return torch.cat(outputs, 1), after

    def _direction(
        self, rows: Tensor, sizes: list[int], first: list[Tensor], weights: Weights, reverse: bool
    ) -> tuple[Tensor, list[Tensor]]:
        """Run one direction; first: (n, units) of each state. Returns: (P, units), the states after the last steps."""
        cell = self.cell
        fixed = {input_of(PARAMETER, name): weights[name] for name in cell.parameters}
        if cell.coefficients:
            fixed.update(zip(cell.coefficients, self.fixed(fixed), strict=True))
        products = rows @ weights["weight_ih"].T + weights["bias_ih"]
        gates = dict(
            zip([input_of(X, gate) for gate in cell.x_gates], torch.split(products, self.units, 1), strict=True)
        )
        if not cell.recurrent:
            return self.step({**gates, **fixed})[0], first
        slices = [torch.split(gate, sizes) for gate in gates.values()]
        now, ended, outputs = [state[: sizes[-1] if reverse else sizes[0]] for state in first], [], []
        for t in reversed(range(len(sizes))) if reverse else range(len(sizes)):
            running, before = sizes[t], len(now[0])
            if running < before:
                ended.append([state[running:] for state in now])
                now = [state[:running] for state in now]
            elif running > before:
                now = [torch.cat((state, begun[before:running])) for state, begun in zip(now, first, strict=True)]
            values = {**dict(zip(gates, (part[t] for part in slices), strict=True)), **fixed}
            values |= zip(cell.before, now, strict=True)
            now = self.step(values | self._recurrent(now[0], weights))
            outputs.append(now[0])
        last = [torch.cat((state, *(states[k] for states in reversed(ended)))) for k, state in enumerate(now)]
        return torch.cat(outputs[::-1] if reverse else outputs), last

    def _recurrent(self, h: Tensor, weights: Weights) -> dict[Node, Tensor]:
        """Return the products U' h + b_hh of the gates that have one."""
        gates = self.cell.u_gates
        if not gates:
            return {}
        products = h @ weights["weight_hh"].T + weights["bias_hh"]
        return dict(zip([input_of(U, gate) for gate in gates], torch.split(products, self.units, 1), strict=True))
