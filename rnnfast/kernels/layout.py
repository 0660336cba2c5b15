"""Where each tensor of a network lies in one flat span of parameters, and the way from PyTorch's layout and back.

    kernel                                   PyTorch
    Wx   (I, N)  rows are inputs             rnn.weight_ih_l0 (G * H, I)
    Wh   (H, N)  rows are hidden units       rnn.weight_hh_l0 (G * H, H)
    b_ih (N,)                                rnn.bias_ih_l0   (G * H,)
    b_hh (N,)                                rnn.bias_hh_l0   (G * H,)
    Wy   (O, padded H)                       head.weight      (O, H)
    by   (O,)                                head.bias        (O,)

Rows are padded with zeros to whole SIMD values, each gate by itself; the gradients of the padding are 0, so every
optimizer leaves it 0.
"""

from typing import NamedTuple

import numpy as np

from rnnfast.kernels.workspace import aligned

_WIDE = 16  # lanes to which wide rows are padded; narrow ones to the next power of two from _NARROW on
_NARROW = 8
_SPAN = 64


class Layer(NamedTuple):
    """Sizes of a recurrent layer and the offsets of its tensors."""

    inputs: int
    hidden: int
    width: int  # N: padded width of its gates
    Wx: int
    Wh: int
    b_ih: int
    b_hh: int


class Head(NamedTuple):
    """Sizes of the output layer and the offsets of its tensors."""

    hidden: int
    outputs: int
    width: int  # padded hidden units
    Wy: int
    by: int


class Network(NamedTuple):
    """Layers and head, as kernels take them."""

    layer: Layer
    head: Head


def padded(units):
    """Units rounded up to whole SIMD values."""
    if units <= _NARROW:
        return _NARROW
    return -(-units // _WIDE) * _WIDE


class Layout:
    """Layout of a one-layer network with F inputs, H hidden units, O outputs and G gates."""

    def __init__(self, features, hidden, outputs, gates=1):
        width = padded(hidden)
        self.gates = gates
        self.size = 0
        N = gates * width
        self.network = Network(
            Layer(features, hidden, N, *(self._take(rows * N) for rows in (features, hidden, 1, 1))),
            Head(hidden, outputs, width, self._take(outputs * width), self._take(outputs)),
        )

    def _take(self, count):
        """Offset of a new tensor; tensors start, and the span ends, at a multiple of the widest SIMD value."""
        offset, self.size = self.size, self.size - (-count // _SPAN) * _SPAN
        return offset

    def _tensors(self):
        """(PyTorch name, offset, rows, gates, units, padded units per gate) of each tensor."""
        layer, _ = self.network
        width = layer.width // self.gates
        yield "rnn.weight_ih_l0", layer.Wx, layer.inputs, self.gates, layer.hidden, width
        yield "rnn.weight_hh_l0", layer.Wh, layer.hidden, self.gates, layer.hidden, width
        yield "rnn.bias_ih_l0", layer.b_ih, None, self.gates, layer.hidden, width
        yield "rnn.bias_hh_l0", layer.b_hh, None, self.gates, layer.hidden, width

    def shapes(self):
        """Mapping of PyTorch's tensor names to shapes."""
        head = self.network.head
        shapes = {
            name: (gates * units,) if rows is None else (gates * units, rows)
            for name, _, rows, gates, units, _ in self._tensors()
        }
        return shapes | {"head.weight": (head.outputs, head.hidden), "head.bias": (head.outputs,)}

    def flatten(self, tensors, dtype):
        """A new flat span of `dtype` that holds the tensors (mapping of PyTorch's names to arrays)."""
        span = aligned(self.size, dtype)
        for view, name in self._views(span):
            view[...] = _to_kernel(np.asarray(tensors[name]), view.shape)
        return span

    def tensors(self, span):
        """Copies of the tensors in a flat span: mapping of PyTorch's names to C-contiguous arrays."""
        shapes = self.shapes()
        return {name: _from_kernel(view, shapes[name]) for view, name in self._views(span)}

    def _views(self, span):
        """Each tensor as a view without padding: (rows, gates, units) or (gates, units); head (O, H) and (O,)."""
        for name, offset, rows, gates, units, width in self._tensors():
            count = 1 if rows is None else rows
            view = span[offset : offset + count * gates * width].reshape(count, gates, width)[..., :units]
            yield (view[0] if rows is None else view), name
        head = self.network.head
        weight = span[head.Wy : head.Wy + head.outputs * head.width].reshape(head.outputs, head.width)
        yield weight[:, : head.hidden], "head.weight"
        yield span[head.by : head.by + head.outputs], "head.bias"


def _to_kernel(tensor, shape):
    """A PyTorch tensor in the shape of a view: recurrent weights (G * H, I) become (I, G, H)."""
    if len(shape) == 3:
        return tensor.T.reshape(shape)
    return tensor.reshape(shape)


def _from_kernel(view, shape):
    """The inverse of `_to_kernel`."""
    if view.ndim == 3:
        return np.ascontiguousarray(view.reshape(view.shape[0], -1).T)
    return np.ascontiguousarray(view).reshape(shape)
