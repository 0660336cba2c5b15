"""Where each tensor of a network lies in one flat span of parameters, and the way from PyTorch's layout and back.

    kernel                                               PyTorch
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

Nx and Nh are the gates with a product W' x and U' h, padded H columns each: of PyTorch's cells all gates have both. In
the kernels those come first that are `shared` (see equations/cell.py), in the model file they stand in the order of
their first use. Rows are padded with zeros to whole SIMD values, each gate by itself; the gradients of the padding are
0, so every optimizer leaves it 0. A second span holds what is derived from the parameters once per batch: transposed
weights and summed biases.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from rnnfast.catalogue import HEADS
from rnnfast.equations.cell import Start
from rnnfast.network.alignment import SPAN, Spans, aligned, row_distance
from rnnfast.network.architecture import Architecture
from rnnfast.network.front import FrontLayer, bias_of, front_layer, weight_of

Array = NDArray[Any]

_WIDE = 16  # lanes to which wide rows are padded; narrow ones are padded to _NARROW
_NARROW = 8


class Direction(NamedTuple):
    """One direction of one layer: its sizes and the offsets of its tensors, in elements.

    The offsets in memory (gates and later) are those of a chunk's workspace, see kernels/run/memory.py.
    """

    layer: int
    inner: int  # 1: its input has a gradient: it is that of the layer below, or of the front
    reverse: int  # 1: runs from the last step to the first
    inputs: int  # rows of a block of Wx
    blocks: int  # blocks of Wx: directions of the layer below
    ldx: int  # width of a row of the input
    block: int  # distance of the blocks within a row of the input
    hidden: int
    recurrent_bias: int  # 1: b_hh is trained
    width: int  # padded hidden units of a gate
    Nx: int  # width of the gates with a product W' x
    Nh: int  # width of the gates with a product U' h
    shared: int  # width of the gates whose products are summed up
    ldg: int  # distance of rows of gates and Wx: Nx, or a cache line more (see row_distance)
    ldr: int  # distance of rows of Wh: Nh, or a cache line more
    ldh: int  # width of a row of the layer's output: directions * width
    column: int  # where this direction's units begin in it
    Wx: int
    Wh: int
    b_ih: int
    b_hh: int
    vectors: int
    bias: int  # derived: (Nx,) start of the gates
    WhT: int  # derived: (Nh, width)
    WxT: int  # derived: (Nx, ldx), where its input has a gradient
    gates: int = 0  # (P, Nx)
    apart: int = 0  # (P, Nh less the shared gates): products U' h by themselves
    states: int = 0  # (R + P, width) of each state but h, `plane` elements apart
    plane: int = 0
    others: int = 0  # states but h
    extra: int = 0  # (P, width) of each value that is kept beside the gates, `extra_distance` elements apart
    extra_distance: int = 0
    h: int = 0  # (R + P, ldh) of the layer
    dh: int = 0  # (P, ldh) of the layer
    dropped: int = 0  # (P, ldh) of the layer: what the next one sees, with dropout
    coefficients: int = 0  # (C, width) what the cell makes of its vectors alone
    dcoefficients: int = 0  # (C, width) their gradients
    carry_plane: int = 0  # distance of the carries of the states
    carried: int = 0  # where its states begin among those of a sequence that are carried over


class Head(NamedTuple):
    """Sizes of the output layer and the offsets of its tensors.

    The offsets in memory (pooled and later) are those of a chunk's workspace, as of Direction.
    """

    inputs: int  # hidden units of a direction
    blocks: int  # directions, for each block of the states that it sees
    block: int  # padded units of a direction
    outputs: int
    width: int  # blocks * block
    Wy: int
    by: int
    query: int  # of attention
    pools: int  # 1: it sees what is pooled over time; 0: the states of the top layer
    targets: int = 1  # numbers that a step is compared with: outputs, or 1 (the index of a class)
    pooled: int = 0  # (R + P, width) what it sees
    dpooled: int = 0  # (P, width)
    shares: int = 0  # (P,) weights of the steps in a mean
    scores: int = 0  # (P,) of attention; after the way back their gradients
    peak: int = 0  # (R,) the largest score
    mass: int = 0  # (R,) what the shares are divided by
    carried: int = 0  # where pooled, peak and mass of a sequence begin among what is carried over


class Tensor(NamedTuple):
    """A tensor of the model file.

    gates: that lie one below the other in it, `shape[0] // gates` rows each; kind: weight_ih, weight_hh, bias_ih,
    bias_hh, vector, weight or bias; start: of the numbers of a vector.
    """

    name: str
    shape: tuple[int, ...]
    gates: int
    kind: str
    start: Start = Start(0.0, 0.0)


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
        self.head = Head(inputs, kind.blocks * blocks, block, outputs, width, Wy, by, query, int(kind.pools))
        self.size, self.derived_size = self._parameters.size, max(self._derived.size, SPAN)

    def _front(self) -> tuple[list[FrontLayer], int, int]:
        """The layers of the front; of a row that the first recurrent layer reads its numbers and its width."""
        layers: list[FrontLayer] = []
        inputs = ldx = self.architecture.features
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
        return Direction(
            layer=layer, inner=inner, reverse=reverse, inputs=inputs, blocks=blocks, ldx=ldx, block=block,
            hidden=hidden, recurrent_bias=int(self.architecture.recurrent_bias),
            width=width, Nx=Nx, Nh=Nh, shared=len(cell.shared) * width,
            ldg=ldg, ldr=ldr, ldh=self.architecture.directions * width, column=reverse * width,
            Wx=take(blocks * inputs * ldg), Wh=take(hidden * ldr), b_ih=take(Nx), b_hh=take(Nh),
            vectors=take(len(cell.parameters) * width), bias=derive(Nx), WhT=derive(Nh * width),
            WxT=derive(Nx * ldx if inner else 0),
        )  # fmt: skip

    def entries(self) -> list[Tensor]:
        """The tensors of the model file, in its order."""
        return [entry for entry, _ in self._views()]

    @property
    def input_weights(self) -> list[str]:
        """Names of the tensors whose columns are the inputs of the network."""
        if self.front:
            return ["front.0.weight"]
        return [self._names(at)[0] for at in self.directions if not at.layer]

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
        for number, layer in enumerate(self.front):
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
