"""Recurrent layers: PyTorch's own modules, which cuDNN computes on a GPU, and cells by their equations for all others.

Each layer is a module of its own, so that dropout, first states and unequal widths have one implementation.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from rnnfast.cells import built_in
from rnnfast.engines.pytorch.cells import EquationLayer, States
from rnnfast.equations.cell import Cell
from rnnfast.network.architecture import Architecture

SUFFIXES = ("", "_reverse")  # of the names of both directions
PARTS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")  # a layer's tensors beside the vectors of its cell
NONLINEARITIES = ("tanh", "relu")  # of torch.nn.RNN


class ModuleLayer:
    """A layer that is one of PyTorch's modules."""

    def __init__(self, module: Any) -> None:
        self.module = module

    def __call__(self, rows: Tensor, sizes: list[int], states: States | None) -> tuple[Tensor, States]:
        """Run all directions, as `EquationLayer`."""
        begun: Any = None
        if states is not None:
            begun = tuple(states) if len(states) > 1 else states[0]
        output, after = self.module(PackedSequence(rows, torch.tensor(sizes)), begun)
        return output.data, list(after) if isinstance(after, tuple) else [after]


def module_of(cell: Cell) -> tuple[Any, dict[str, str]] | None:
    """Return PyTorch's class of a cell with what it is told besides sizes; None where there is none.

    The graph decides, not the name: equations that a user has written down again are the same cell.
    """
    modules: dict[str, tuple[Any, dict[str, str]]] = {
        built_in("gru").digest: (torch.nn.GRU, {}),
        built_in("lstm").digest: (torch.nn.LSTM, {}),
    }
    modules |= {built_in("rnn", word).digest: (torch.nn.RNN, {"nonlinearity": word}) for word in NONLINEARITIES}
    return modules.get(cell.digest)


def layer_of(
    architecture: Architecture, number: int, inputs: int, device: torch.device
) -> tuple[ModuleLayer | EquationLayer, dict[str, torch.nn.Parameter]]:
    """Make a layer, its weights 0 or drawn, and name its tensors as the model file does.

    inputs: numbers of a row that it reads.
    """
    cell, units = architecture.cell, architecture.hidden[number]
    place = {"device": device, "dtype": getattr(torch, architecture.dtype)}
    directions = range(architecture.directions)
    if (form := module_of(cell)) is not None:
        kind, more = form
        module = kind(inputs, units, bidirectional=architecture.bidirectional, **more, **place)
        parts = {(d, part): getattr(module, f"{part}_l0{SUFFIXES[d]}") for d in directions for part in PARTS}
        return ModuleLayer(module), {_name(architecture, number, *key): tensor for key, tensor in parts.items()}
    shapes = {"weight_ih": (len(cell.x_gates) * units, inputs), "bias_ih": (len(cell.x_gates) * units,)}
    if cell.u_gates:
        shapes |= {"weight_hh": (len(cell.u_gates) * units, units), "bias_hh": (len(cell.u_gates) * units,)}
    shapes |= dict.fromkeys(cell.parameters, (units,))
    weights = [
        {part: torch.nn.Parameter(torch.zeros(shape, **place)) for part, shape in shapes.items()} for _ in directions
    ]
    named = {_name(architecture, number, d, part): own[part] for d, own in enumerate(weights) for part in own}
    return EquationLayer(cell, weights, units), named


def _name(architecture: Architecture, number: int, direction: int, part: str) -> str:
    """Return the name of a tensor of a layer; network/layout.py lists them."""
    if not architecture.cell.recurrent and part in PARTS:
        return f"mlp.{2 * number}.{part.removesuffix('_ih')}"
    if len(set(architecture.hidden)) > 1:
        return f"rnn.{number}.{part}_l0{SUFFIXES[direction]}"
    return f"rnn.{part}_l{number}{SUFFIXES[direction]}"
