"""The front of a network: dense layers over stacked rows, whose outputs the first recurrent layer reads as its steps.

    z_i = relu(W [x_{e-K+1} .. x_e] + b)        e = T - 1 - (n - 1 - i) S        n = ceil(T / S) steps of T rows

Steps are counted from the end: the last one ends at the last row of its sequence, whatever its length. Rows before the
first are zeros. K rows every K rows are patches, K rows every row (S = 1) a causal convolution; layers stand on each
other. W is PyTorch's Conv1d.weight, (units, inputs, K), the oldest row first.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from rnnfast.network.alignment import Spans, row_distance


class Patch(NamedTuple):
    """One layer of a front."""

    rows: int  # K, that are stacked
    stride: int  # S, from one output to the next
    units: int


class FrontLayer(NamedTuple):
    """A layer of the front as kernels see it: its sizes and the offsets of its tensors, in elements.

    The offsets in memory (x and later) are those of a chunk's workspace, see kernels/run/memory.py.
    """

    rows: int  # K
    stride: int  # S
    inputs: int  # numbers of a row below: features, or units of the layer below
    ldx: int  # width of a row below
    units: int
    width: int  # padded units
    ldw: int  # distance of rows of W: width, or a cache line more (see row_distance); 0: embeddings, no product
    ldt: int  # distance of rows of its transpose
    W: int  # (K * ldx, width)
    b: int  # (width,)
    WT: int  # derived: (width, K * ldx), where a layer is below
    x: int = 0  # (rows, ldx) what it stacks
    dx: int = 0  # (rows, ldx) gradient of it, where a layer is below
    z: int = 0  # (rows, width) outputs
    dz: int = 0  # (rows, width)
    stacks: int = 0  # (some rows, K * ldx) gradients of stacked rows, where a layer is below
    index: int = 0  # (rows,) int64: the first of the rows that each output stacks


def stride_of(front: Sequence[Patch]) -> int:
    """Return the rows of a table from one step to the next."""
    return prod(layer.stride for layer in front)


def steps_of(lengths: Any, front: Sequence[Patch]) -> Any:
    """Return the steps of sequences of so many rows."""
    return -(-lengths // stride_of(front))


def reach_of(front: Sequence[tuple[int, int, int]]) -> int:
    """Return the rows of the table that a step sees: its last one, and those before it that are stacked."""
    reach, stride = 1, 1
    for rows, own, _ in front:
        reach, stride = reach + (rows - 1) * stride, stride * own
    return reach


def front_layer(
    patch: Patch, width: int, below: tuple[int, int], spans: tuple[Spans, Spans], dtype: DTypeLike
) -> FrontLayer:
    """Lay out the tensors of a layer.

    width: padded units. below: numbers of a row that it stacks, and the width of such a row. spans: where its tensors
    go, and what is derived from them.
    """
    inputs, ldx = below
    parameters, derived = spans
    K = patch.rows * ldx
    ldw, ldt = row_distance(width, dtype), row_distance(K, dtype)
    W, b = parameters.take(K * ldw), parameters.take(width)
    return FrontLayer(*patch[:2], inputs, ldx, patch.units, width, ldw, ldt, W, b, derived.take(width * ldt))


def weight_of(layer: FrontLayer, span: NDArray[Any]) -> list[NDArray[Any]]:
    """Return W of a span of parameters without padding, its axes reversed: (K, inputs, units), alone in a list."""
    whole = span[layer.W : layer.W + layer.rows * layer.ldx * layer.ldw]
    return [whole.reshape(layer.rows, layer.ldx, layer.ldw)[:, : layer.inputs, : layer.units]]


def bias_of(layer: FrontLayer, span: NDArray[Any]) -> list[NDArray[Any]]:
    """Return b of a span of parameters without padding, alone in a list."""
    return [span[layer.b : layer.b + layer.units]]


def numbers_per_step(layers: Sequence[FrontLayer]) -> int:
    """Return the numbers that the widest of the matrices of a front holds for one step of the network."""
    strides = np.cumprod([layer.stride for layer in reversed(layers)])[::-1].tolist()
    return max((stride * layer.ldx for stride, layer in zip(strides, layers, strict=True)), default=0)


def products_per_step(layers: Sequence[FrontLayer]) -> int:
    """Return the multiply-adds of a front for one step of the network."""
    outputs, total = 1, 0
    for layer in reversed(layers):
        total += outputs * layer.rows * layer.ldx * layer.width if layer.ldw else 0
        outputs *= layer.stride
    return total
