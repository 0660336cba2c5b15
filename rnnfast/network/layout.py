"""Where each tensor of a network lies in one flat span of parameters, and the way from PyTorch's layout and back.

    kernel                                               PyTorch
    Wx   (I, N)  rows are inputs, one block per          rnn.weight_ih_l0 (G * H, I)
                 direction of the layer below
    Wh   (H, N)  rows are hidden units                   rnn.weight_hh_l0 (G * H, H)
    b_ih (N,)                                            rnn.bias_ih_l0   (G * H,)
    b_hh (N,)                                            rnn.bias_hh_l0   (G * H,)
    Wy   (O, D * padded H)                               head.weight      (O, D * H)
    by   (O,)                                            head.bias        (O,)

Rows are padded with zeros to whole SIMD values, each gate by itself; the gradients of the padding are 0, so every
optimizer leaves it 0. A second span holds what is derived from the parameters once per batch: transposed weights and
summed biases.
"""

from typing import NamedTuple

import numpy as np

from rnnfast.kernels.memory import ALIGNMENT, aligned

_WIDE = 16  # lanes to which wide rows are padded; narrow ones to the next power of two from _NARROW on
_NARROW = 8
_SPAN = 64
_CROWDED = 512  # bytes


class Unit(NamedTuple):
    """One direction of one layer: its sizes and the offsets of its tensors, in elements.

    Memory offsets (gates and later) are those of a chunk's workspace, see workspace.py.
    """

    layer: int
    reverse: int  # 1: runs from the last step to the first
    inputs: int  # rows of a block of Wx
    blocks: int  # blocks of Wx: directions of the layer below
    ldx: int  # width of a row of the input
    block: int  # distance of the blocks within a row of the input
    hidden: int
    width: int  # padded hidden units of a gate
    N: int  # gates * width
    ldg: int  # distance of rows of gates, Wx and Wh: N, or a cache line more (see row_distance)
    ldh: int  # width of a row of the layer's output: directions * width
    column: int  # where this direction's units begin in it
    Wx: int
    Wh: int
    b_ih: int
    b_hh: int
    bias: int  # derived: (N,) start of the gates
    WhT: int  # derived: (N, width)
    WxT: int  # derived: (N, ldx), where a layer is below
    gates: int = 0  # (P, N)
    extra: int = 0  # cell.EXTRA matrices (R + P, width), `plane` elements apart
    plane: int = 0
    h: int = 0  # (R + P, ldh) of the layer
    dh: int = 0  # (P, ldh) of the layer
    dropped: int = 0  # (P, ldh) of the layer: what the next one sees, with dropout
    carry_plane: int = 0  # distance of the carries of h and c
    state: int = 0  # where its states begin among those of a sequence that are carried over


class Head(NamedTuple):
    """Sizes of the output layer and the offsets of its tensors."""

    inputs: int  # hidden units of a direction
    blocks: int  # directions
    block: int  # padded units of a direction
    outputs: int
    width: int  # blocks * block
    Wy: int
    by: int


def padded(units):
    """Units rounded up to whole SIMD values."""
    if units <= _NARROW:
        return _NARROW
    return -(-units // _WIDE) * _WIDE


def row_distance(N, dtype):
    """Distance of rows of N numbers in a matrix that is read by columns of tiles.

    Rows at multiples of 512 bytes would share so few sets of the first-level cache that they push each other out: they
    get a cache line in between.
    """
    itemsize = np.dtype(dtype).itemsize
    return N if N * itemsize % _CROWDED else N + ALIGNMENT // itemsize


class _Spans:
    """Hands out offsets; tensors start, and the span ends, at a multiple of the widest SIMD value."""

    def __init__(self):
        self.size = 0

    def take(self, count):
        offset, self.size = self.size, self.size - (-count // _SPAN) * _SPAN
        return offset


class Layout:
    """Layout of the parameters of an architecture whose cell has `gates` gates; `shared` of them start from b_ih +
    b_hh.

    recurrent: False for a cell without a state: Wh and b_hh do not exist, names are those of a torch Sequential.
    """

    def __init__(self, architecture, gates, shared, recurrent=True):
        self.architecture, self.gates, self.shared, self.recurrent = architecture, gates, shared, recurrent
        parameters, derived = _Spans(), _Spans()
        self.units = []
        inputs, blocks, ldx, block = architecture.features, 1, architecture.features, architecture.features
        directions = architecture.directions
        for number, hidden in enumerate(architecture.hidden):
            width = padded(hidden)
            N = gates * width
            ldg = row_distance(N, architecture.dtype)
            for direction in range(directions):
                self.units.append(
                    Unit(
                        number, direction, inputs, blocks, ldx, block, hidden, width, N, ldg,
                        directions * width, direction * width, parameters.take(blocks * inputs * ldg),
                        parameters.take(hidden * ldg if recurrent else 0),
                        parameters.take(N),
                        parameters.take(N if recurrent else 0),
                        derived.take(N),
                        derived.take(N * width if recurrent else 0),
                        derived.take(N * ldx if number else 0),
                    )
                )  # fmt: skip
            inputs, blocks, ldx, block = hidden, directions, directions * width, width
        outputs = architecture.outputs
        self.head = Head(inputs, blocks, block, outputs, ldx, parameters.take(outputs * ldx), parameters.take(outputs))
        self.size, self.derived_size = parameters.size, max(derived.size, _SPAN)

    def shapes(self):
        """Mapping of PyTorch's tensor names to shapes."""
        return {name: shape for name, shape, _ in self._tensors()}

    def flatten(self, tensors, dtype):
        """A new flat span of `dtype` that holds the tensors (mapping of PyTorch's names to arrays)."""
        span = aligned(self.size, dtype)
        for name, _, view in self._tensors():
            target = view(span)
            target[...] = np.asarray(tensors[name]).T.reshape(target.shape)
        return span

    def tensors(self, span):
        """Copies of the tensors in a flat span: mapping of PyTorch's names to C-contiguous arrays."""
        return {name: np.ascontiguousarray(view(span).reshape(shape[::-1]).T) for name, shape, view in self._tensors()}

    def _tensors(self):
        """(name, PyTorch's shape, function from a span to the tensor without padding, axes reversed) of each tensor."""
        for unit in self.units:
            names = self._names(unit)
            rows = self.gates * unit.hidden
            yield names[0], (rows, unit.blocks * unit.inputs), self._gated(unit, unit.Wx, unit.blocks * unit.inputs)
            if self.recurrent:
                yield names[1], (rows, unit.hidden), self._gated(unit, unit.Wh, unit.hidden)
            yield names[2], (rows,), self._gated(unit, unit.b_ih, None)
            if self.recurrent:
                yield names[3], (rows,), self._gated(unit, unit.b_hh, None)
        head = self.head
        weight, bias = self._head_names()
        yield weight, (head.outputs, head.blocks * head.inputs), self._head_view
        yield bias, (head.outputs,), lambda span: span[head.by : head.by + head.outputs]

    def _gated(self, unit, offset, rows):
        def view(span):
            count = 1 if rows is None else rows
            ld = unit.N if rows is None else unit.ldg
            matrix = span[offset : offset + count * ld].reshape(count, ld)[:, : unit.N]
            found = matrix.reshape(count, self.gates, unit.width)[..., : unit.hidden]
            return found[0] if rows is None else found

        return view

    def _head_view(self, span):
        head = self.head
        weight = span[head.Wy : head.Wy + head.outputs * head.width].reshape(head.outputs, head.blocks, head.block)
        return weight[..., : head.inputs].transpose(1, 2, 0)

    def _names(self, unit):
        """PyTorch's names of Wx, Wh, b_ih and b_hh of a unit."""
        hidden = self.architecture.hidden
        if not self.recurrent:
            return f"mlp.{2 * unit.layer}.weight", None, f"mlp.{2 * unit.layer}.bias", None
        suffix = "_reverse" if unit.reverse else ""
        # One torch module holds layers of equal width; others are a list of one-layer modules.
        if len(set(hidden)) == 1:
            place = f"rnn.{{}}_l{unit.layer}{suffix}"
        else:
            place = f"rnn.{unit.layer}.{{}}_l0{suffix}"
        return tuple(place.format(kind) for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))

    def _head_names(self):
        if self.recurrent:
            return "head.weight", "head.bias"
        last = 2 * len(self.architecture.hidden)
        return f"mlp.{last}.weight", f"mlp.{last}.bias"
