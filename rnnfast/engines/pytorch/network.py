"""A network on a device of PyTorch: its tensors by the names of the model file, and its outputs for packed steps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rnnfast.catalogue import HEADS
from rnnfast.engines.pytorch.cells import States
from rnnfast.engines.pytorch.dropout import Dropout
from rnnfast.engines.pytorch.front import convolve, stacked
from rnnfast.engines.pytorch.layers import SUFFIXES, layer_of
from rnnfast.engines.pytorch.pieces import Integers, Piece
from rnnfast.engines.pytorch.pools import Carried, pool
from rnnfast.network.architecture import Architecture
from rnnfast.network.embedding import width_of
from rnnfast.network.layout import Layout

Floats = NDArray[np.floating[Any]]


class Memory(NamedTuple):
    """What sequences carry from a window of steps to the next one: states of each layer, and of the pool."""

    layers: list[States | None]
    pools: list[Carried]

    def detached(self) -> Memory:
        """Return it without its history: no gradient goes through it."""
        layers = [None if states is None else [state.detach() for state in states] for states in self.layers]
        return Memory(layers, [[state.detach() for state in states] for states in self.pools])

    def of_first(self, count: int) -> Memory:
        """Return that of the first so many sequences, which are those that go on."""
        layers = [
            None if states is None else [state[:, :count].contiguous() for state in states] for states in self.layers
        ]
        return Memory(layers, [[state[:count] for state in states] for states in self.pools])


class Network:
    """The tensors of an architecture on a device.

    tensors: by the names of the model file. span: the flat parameters of the kernels (network/layout.py), which are
    what the rest of the program sees.
    """

    def __init__(self, architecture: Architecture, device: torch.device) -> None:
        self.architecture, self.layout, self.device = architecture, Layout(architecture), device
        self.dtype: torch.dtype = getattr(torch, architecture.dtype)
        front, numbers = architecture.front, architecture.features - architecture.static
        inputs = front[-1].units if front else width_of(numbers, architecture.embeddings)
        self.layers, self.tensors = [], dict[str, torch.nn.Parameter]()
        for number, units in enumerate(architecture.hidden):
            layer, named = layer_of(architecture, number, inputs, device)
            self.layers.append(layer)
            self.tensors |= named
            inputs = units * architecture.directions
        for name, shape in self.layout.shapes().items():
            if name not in self.tensors:
                self.tensors[name] = torch.nn.Parameter(torch.zeros(shape, device=device, dtype=self.dtype))
        # Of two directions, those of the second lie behind the padding of the first in the kernels.
        self.columns = {
            at.layer: self.device_of(
                np.concatenate([o.column + np.arange(o.hidden) for o in self._directions(at.layer)])
            )
            for at in self.layout.directions
        }

    def _directions(self, layer: int) -> list[Any]:
        return [at for at in self.layout.directions if at.layer == layer]

    @property
    def trained(self) -> dict[str, torch.nn.Parameter]:
        """The tensors that updates change, by their names."""
        every = self.architecture.recurrent_bias
        return {name: tensor for name, tensor in self.tensors.items() if every or ".bias_hh" not in name}

    def load(self, span: Floats) -> None:
        """Take the values of a span."""
        with torch.no_grad():
            for name, values in self.layout.tensors(span).items():
                self.tensors[name].copy_(torch.from_numpy(values))

    def store(self, span: Floats, tensors: Mapping[str, Tensor] | None = None) -> None:
        """Write the values to a span; tensors: others of these names and shapes."""
        values = {name: tensor.detach().cpu().numpy() for name, tensor in (tensors or self.tensors).items()}
        span[:] = self.layout.flatten(values, span.dtype)

    def finite(self) -> bool:
        """Whether every number is."""
        return all(bool(torch.isfinite(tensor).all()) for tensor in self.tensors.values())

    def device_of(self, values: Integers) -> Tensor:
        """Return indices on the device."""
        return torch.as_tensor(values, device=self.device)

    def __call__(
        self, x: Tensor, piece: Piece, memory: Memory | None = None, dropout: Dropout | None = None
    ) -> tuple[Tensor, Memory]:
        """Compute the outputs of some packed steps.

        x: (rows, F) inputs of the table; memory: from the steps before; dropout: None where nothing drops out.
        Returns: (P, O), and what the sequences carry on.
        """
        rows, sizes = self._inputs(x, piece), piece.sizes.tolist()
        static = x[
            self.device_of(piece.batch.first[: piece.width]), self.architecture.features - self.architecture.static :
        ]
        states = memory.layers if memory else [self._begun(layer, static) for layer in range(len(self.layers))]
        after: list[States | None] = []
        for number, layer in enumerate(self.layers):
            rows, last = layer(rows, sizes, states[number])
            after.append(last)
            if dropout is not None and number + 1 < len(self.layers):
                table = self.device_of(piece.rows)
                rows = rows * dropout.factors(number, table, self.columns[number], self.dtype)
        rows, pools = self._pooled(rows, piece, memory.pools if memory else [])
        name = "head" if self.architecture.remembers else f"mlp.{2 * len(self.layers)}"
        outputs = rows @ self.tensors[f"{name}.weight"].T + self.tensors[f"{name}.bias"]
        if self.architecture.static:
            outputs = outputs + (static @ self.tensors["static.head.weight"].T)[self.device_of(piece.place)]
        return outputs, Memory(after, pools)

    def _inputs(self, x: Tensor, piece: Piece) -> Tensor:
        """Return what the first layer reads, (P, I): rows of the table, with embeddings, through the front."""
        net = self.architecture
        rows, indices = stacked(net.front, piece) if net.front else (piece.rows, [])
        steps, numbers = net.features - net.static, net.features - net.static - len(net.embeddings)
        seen = x[self.device_of(rows), :steps]
        parts = [seen[:, :numbers]]
        for number, code in enumerate(seen[:, numbers:].long().unbind(1)):
            table = self.tensors[f"embed.{number}.weight"]
            parts.append(table[(code - 1).clamp(min=0)] * (code > 0).to(table.dtype)[:, None])
        return convolve(torch.cat(parts, 1), indices, self.tensors)

    def _begun(self, layer: int, static: Tensor) -> States | None:
        """Return the states of a layer before the first step, which constant columns make; None: zeros."""
        net = self.architecture
        if not (net.static and net.cell.recurrent):
            return None
        names = [f"static.l{layer}{suffix}" for suffix in SUFFIXES[: net.directions]]
        first = torch.stack(
            [torch.tanh(static @ self.tensors[f"{name}.weight"].T + self.tensors[f"{name}.bias"]) for name in names]
        )
        place = self.layout.head.static.state
        return [first if number == place else torch.zeros_like(first) for number in range(len(net.cell.states))]

    def _pooled(self, rows: Tensor, piece: Piece, before: Iterable[Carried]) -> tuple[Tensor, list[Carried]]:
        """Return what the head sees, (P, width), and what a pool carries on."""
        net = self.architecture
        if not HEADS[net.head].pools:
            return rows, []
        query = self.tensors.get("head.query")
        padded = rows[self.device_of(piece.padded)]
        seen, after = pool(net.head, padded, query, list(before))
        last = self.device_of(piece.steps - 1)
        sequences = torch.arange(piece.width, device=self.device)
        carried = [[state[last, sequences] for state in states] for states in after]
        return seen.flatten(0, 1)[self.device_of(piece.flat)], carried
