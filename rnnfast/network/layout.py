"""Where each tensor of a network lies in one flat span of parameters, and the way from PyTorch's layout and back.

    kernel                                               PyTorch
    E    (categories, units) of each embedding            embed.0.weight   (categories, units)
    W    (K * I, padded units) of each layer of a front   front.0.weight   (units, I, K), as Conv1d has it
    b    (padded units,)                                  front.0.bias     (units,)
    Wx   (I, Nx)  rows are inputs, one block per          rnn.weight_ih_l0 (G * H, I)
                 direction of the layer below
    Wh   (H, Nh)  rows are hidden units                   rnn.weight_hh_l0 (G * H, H)
    b_ih (Nx,)                                            rnn.bias_ih_l0   (G * H,)
    b_hh (Nh,)                                            rnn.bias_hh_l0   (G * H,)
    v    (V, padded H)  vectors of the cell              rnn.NAME_l0      (H,) each
    Wy   (O, D * padded H), for each block of the head   head.weight      (O, D * H), for each block
    by   (O,)                                            head.bias        (O,)
    q    (D * padded H,)  with attention                 head.query       (D * H,)
    Ws   (S, padded H)  with constant columns            static.l0.weight (H, S)
    b_s  (padded H,)                                      static.l0.bias   (H,)
    V    (O, S)                                           static.head.weight (O, S)

Nx and Nh are the gates with a product W' x and U' h, padded H columns each: of PyTorch's cells all gates have both. In
the kernels those come first that are `shared` (see equations/cell.py), in the model file they stand in the order of
their first use. Rows are padded with zeros to whole SIMD values, each gate by itself; the gradients of the padding are
0, so every optimizer leaves it 0. A second span holds what is derived from the parameters once per batch: transposed
weights and summed biases.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from rnnfast.catalogue import HEADS
from rnnfast.network.alignment import SPAN, Spans, aligned, row_distance
from rnnfast.network.architecture import Architecture
from rnnfast.network.embedding import look_up_layer, table_of, tables_of
from rnnfast.network.front import FrontLayer, bias_of, front_layer, weight_of
from rnnfast.network.records import Direction, Head, Static, Tensor

Array = NDArray[Any]

_WIDE = 16  # lanes to which wide rows are padded; narrow ones are padded to _NARROW
_NARROW = 8


def padded(units: int) -> int:
    """Units rounded up to whole SIMD values."""
    if units <= _NARROW:
        return _NARROW
    return -(-units // _WIDE) * _WIDE


class Layout:
    """Layout of the parameters of an architecture."""

    def __init__(self, architecture: Architecture) -> None:
        self.architecture, self.cell = architecture, architecture.cell
        self._parameters, self._derived = Spans(), Spans()
        self.directions: list[Direction] = []
        self.front, inputs, ldx = self._front()
        below = (inputs, 1, ldx, ldx)  # inputs, blocks, ldx, block
        for layer, hidden in enumerate(architecture.hidden):
            for reverse in range(architecture.directions):
                self.directions.append(self._direction(layer, reverse, hidden, below))
            width = padded(hidden)
            below = (hidden, architecture.directions, architecture.directions * width, width)
        inputs, blocks, ldx, block = below
        outputs, take, kind = architecture.outputs, self._parameters.take, HEADS[architecture.head]
        width = kind.blocks * ldx
        Wy, by, query = take(outputs * width), take(outputs), take(ldx if kind.query else 0)
        head = Head(inputs, kind.blocks * blocks, block, outputs, width, Wy, by, query, int(kind.pools))
        features, S = architecture.features, architecture.static
        begun = len(self.directions) if self.cell.recurrent and S else 0
        read = self.cell.states if self.cell.u_gates or not begun else self.cell.read_states
        state = self.cell.states.index(read[0])
        static = Static(S, features - S, features, begun, state, outputs, take(outputs * S))
        self.head = head._replace(static=static)
        self.size, self.derived_size = self._parameters.size, max(self._derived.size, SPAN)

    def _front(self) -> tuple[list[FrontLayer], int, int]:
        """The layers of the front; of a row that the first recurrent layer reads its numbers and its width."""
        features, embeddings = self.architecture.features, self.architecture.embeddings
        inputs, ldx = features - self.architecture.static, features
        self.tables = tables_of(inputs, embeddings, self._parameters)
        # Stacked rows lie one after the other, so that constant columns between them are left out before.
        self.looks_up = bool(embeddings or (ldx > inputs and self.architecture.front))
        layers = [look_up_layer(inputs, ldx, embeddings, _WIDE)] if self.looks_up else []
        inputs, ldx = (layers[0].units, layers[0].width) if layers else (inputs, ldx)
        for patch in self.architecture.front:
            derived = self._derived if layers else Spans()  # the features have no gradient
            spans, dtype = (self._parameters, derived), self.architecture.dtype
            layers.append(front_layer(patch, padded(patch.units), (inputs, ldx), spans, dtype))
            inputs, ldx = patch.units, padded(patch.units)
        return layers, inputs, ldx

    def _direction(self, layer: int, reverse: int, hidden: int, below: tuple[int, int, int, int]) -> Direction:
        inputs, blocks, ldx, block = below
        cell, width, dtype = self.cell, padded(hidden), self.architecture.dtype
        Nx, Nh = len(cell.x_order) * width, len(cell.u_order) * width
        ldg, ldr = row_distance(Nx, dtype), row_distance(Nh, dtype) if Nh else 0
        take, derive = self._parameters.take, self._derived.take
        inner = int(layer > 0 or len(self.front) > 0)
        S = self.architecture.static if cell.recurrent else 0
        return Direction(
            layer=layer, inner=inner, reverse=reverse, inputs=inputs, blocks=blocks, ldx=ldx, block=block,
            hidden=hidden, recurrent_bias=int(self.architecture.recurrent_bias),
            width=width, Nx=Nx, Nh=Nh, shared=len(cell.shared) * width,
            ldg=ldg, ldr=ldr, ldh=self.architecture.directions * width, column=reverse * width,
            Wx=take(blocks * inputs * ldg), Wh=take(hidden * ldr), b_ih=take(Nx), b_hh=take(Nh),
            vectors=take(len(cell.parameters) * width), bias=derive(Nx), WhT=derive(Nh * width),
            WxT=derive(Nx * ldx if inner else 0), Ws=take(S * width), b_s=take(width if S else 0),
        )  # fmt: skip

    def entries(self) -> list[Tensor]:
        """The tensors of the model file, in its order."""
        return [entry for entry, _ in self._views()]

    @property
    def input_weights(self) -> list[str]:
        """Names of the tensors whose columns are the inputs of the network."""
        if self.architecture.front:
            return ["front.0.weight"]
        return [self._names(at)[0] for at in self.directions if not at.layer]

    @property
    def static_weights(self) -> list[str]:
        """Names of the tensors whose columns are the constant inputs."""
        return [tensor.name for tensor, _ in self._static_views() if tensor.kind == "weight" and tensor.shape[1]]

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Mapping of PyTorch's tensor names to shapes."""
        return {entry.name: entry.shape for entry in self.entries()}

    def flatten(self, tensors: Mapping[str, Any], dtype: DTypeLike) -> Array:
        """A new flat span of `dtype` that holds the tensors (mapping of PyTorch's names to arrays)."""
        span = aligned(self.size, dtype)
        for entry, views in self._views():
            parts = views(span)
            columns = np.asarray(tensors[entry.name]).T
            for part, values in zip(parts, np.split(columns, len(parts), axis=-1), strict=True):
                part[...] = values.reshape(part.shape)
        return span

    def tensors(self, span: Array) -> dict[str, Array]:
        """Copies of the tensors in a flat span: mapping of PyTorch's names to C-contiguous arrays."""
        return {
            entry.name: np.ascontiguousarray(
                np.concatenate([part.reshape(*entry.shape[:0:-1], -1) for part in views(span)], axis=-1).T
            )
            for entry, views in self._views()
        }

    def _views(self) -> Iterator[tuple[Tensor, Callable[[Array], list[Array]]]]:
        """Each tensor with a function from a span to its gates without padding, axes reversed."""
        cell = self.cell
        for number, table in enumerate(self.tables):
            weight = Tensor(f"embed.{number}.weight", (table.categories, table.units), 1, "embedding")
            yield weight, partial(table_of, table)
        for number, layer in enumerate(self.front[1:] if self.looks_up else self.front):
            weight = Tensor(f"front.{number}.weight", (layer.units, layer.inputs, layer.rows), 1, "weight")
            yield weight, partial(weight_of, layer)
            yield Tensor(f"front.{number}.bias", (layer.units,), 1, "bias"), partial(bias_of, layer)
        for at in self.directions:
            inputs, hidden = at.blocks * at.inputs, at.hidden
            weight_ih, weight_hh, bias_ih, bias_hh = self._names(at)
            x, u = _places(cell.x_gates, cell.x_order), _places(cell.u_gates, cell.u_order)
            ih, hh = len(x) * hidden, len(u) * hidden
            yield Tensor(weight_ih, (ih, inputs), len(x), "weight_ih"), _gates(at, at.Wx, x, (inputs, at.ldg))
            if u:
                yield Tensor(weight_hh, (hh, hidden), len(u), "weight_hh"), _gates(at, at.Wh, u, (hidden, at.ldr))
            yield Tensor(bias_ih, (ih,), len(x), "bias_ih"), _gates(at, at.b_ih, x)
            if u:
                yield Tensor(bias_hh, (hh,), len(u), "bias_hh"), _gates(at, at.b_hh, u)
            for k, (name, start) in enumerate(cell.parameters.items()):
                tensor = Tensor(self._place(at).format(name), (hidden,), 1, "vector", start)
                yield tensor, _gates(at, at.vectors, [k])
        head = self.head
        weight, bias = self._head_names()
        yield Tensor(weight, (head.outputs, head.blocks * head.inputs), 1, "weight"), lambda span: [self._Wy(span)]
        yield Tensor(bias, (head.outputs,), 1, "bias"), lambda span: [span[head.by : head.by + head.outputs]]
        if HEADS[self.architecture.head].query:
            query = Tensor("head.query", (head.blocks * head.inputs,), 1, "vector")
            yield query, lambda span: [self._query(span)]
        if self.architecture.static:
            yield from self._static_views()

    def _static_views(self) -> Iterator[tuple[Tensor, Callable[[Array], list[Array]]]]:
        """The tensors of constant columns, as `_views`."""
        static, S = self.head.static, self.head.static.columns
        for at in self.directions[: static.directions]:
            place = f"static.l{at.layer}{'_reverse' if at.reverse else ''}"
            yield Tensor(f"{place}.weight", (at.hidden, S), 1, "weight"), _gates(at, at.Ws, [0], (S, at.width))
            yield Tensor(f"{place}.bias", (at.hidden,), 1, "bias"), _gates(at, at.b_s, [0])
        weight = Tensor("static.head.weight", (static.outputs, S), 1, "weight")
        yield weight, lambda span: [span[static.V : static.V + static.outputs * S].reshape(-1, S).T]

    def _Wy(self, span: Array) -> Array:
        head = self.head
        weight = span[head.Wy : head.Wy + head.outputs * head.width].reshape(head.outputs, head.blocks, head.block)
        return weight[..., : head.inputs].transpose(1, 2, 0)

    def _query(self, span: Array) -> Array:
        head = self.head
        return span[head.query : head.query + head.width].reshape(head.blocks, head.block)[:, : head.inputs]

    def _place(self, at: Direction) -> str:
        """PyTorch's name of a tensor of a direction, with {} for its kind."""
        suffix = "_reverse" if at.reverse else ""
        # One torch module holds layers of equal width; others are a list of one-layer modules.
        if len(set(self.architecture.hidden)) == 1:
            return f"rnn.{{}}_l{at.layer}{suffix}"
        return f"rnn.{at.layer}.{{}}_l0{suffix}"

    def _names(self, at: Direction) -> tuple[str, str, str, str]:
        """PyTorch's names of Wx, Wh, b_ih and b_hh of a direction; without recurrence those of a Sequential."""
        if not self.cell.recurrent:
            return f"mlp.{2 * at.layer}.weight", "", f"mlp.{2 * at.layer}.bias", ""
        place = self._place(at)
        return place.format("weight_ih"), place.format("weight_hh"), place.format("bias_ih"), place.format("bias_hh")

    def _head_names(self) -> tuple[str, str]:
        if self.architecture.remembers:
            return "head.weight", "head.bias"
        last = 2 * len(self.architecture.hidden)
        return f"mlp.{last}.weight", f"mlp.{last}.bias"


def _places(gates: Sequence[str], order: Sequence[str]) -> list[int]:
    """Where each gate of the model file lies in the kernels' order."""
    return [order.index(gate) for gate in gates]


def _gates(
    at: Direction, offset: int, places: Sequence[int], matrix: tuple[int, int] | None = None
) -> Callable[[Array], list[Array]]:
    """A function from a span to the gates of a matrix (rows, distance of rows), or of a vector."""

    def views(span: Array) -> list[Array]:
        if matrix is None:
            return [span[offset + place * at.width :][: at.hidden] for place in places]
        rows, distance = matrix
        whole = span[offset : offset + rows * distance].reshape(rows, distance)
        return [whole[:, place * at.width :][:, : at.hidden] for place in places]

    return views
