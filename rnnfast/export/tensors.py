"""The tensors of a network by the layers that they belong to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnfast.catalogue import HEADS
from rnnfast.equations.cell import PARAMETER, Cell, input_of
from rnnfast.equations.evaluate import evaluate
from rnnfast.network.architecture import Architecture
from rnnfast.network.layout import Layout

Array = NDArray[Any]


class Level(NamedTuple):
    """One direction of one layer, a matrix with a row for each input, gates side by side as the kernels have them.

    W: (inputs, x gates * H); U: (H, u gates * H), the shared gates first; x_bias: (x gates * H,), for shared gates the
    sum of both; u_bias: (gates apart * H,); coefficients: (C, H) what the cell makes of its vectors.
    """

    hidden: int
    W: Array
    U: Array
    x_bias: Array
    u_bias: Array
    coefficients: Array


class Network(NamedTuple):
    """Tensors of a network in float64.

    front: of each layer (K * inputs, units), the oldest row first, and the bias; head: (H * blocks, O) and (O,);
    query: of attention, else None. embeddings: (categories, units) each; begin: of each direction of constant columns
    (S, H) and (H,), which begin its states; V: (S, O) from these to the outputs, None without.
    """

    front: tuple[tuple[Array, Array], ...]
    levels: tuple[Level, ...]
    head: tuple[Array, Array]
    query: Array | None
    embeddings: tuple[Array, ...]
    begin: tuple[tuple[Array, Array], ...]
    V: Array | None


def network_of(architecture: Architecture, tensors: Mapping[str, Array]) -> Network:
    """Sort the tensors of a network, a mapping of PyTorch's names to arrays."""
    layout, cell = Layout(architecture), architecture.cell
    pending = iter([np.asarray(tensors[name], np.float64) for name in layout.shapes()])  # in the order of the file
    embeddings = tuple(next(pending) for _ in architecture.embeddings)
    front = tuple(
        (next(pending).transpose(2, 1, 0).reshape(-1, patch.units), next(pending)) for patch in architecture.front
    )
    levels = []
    for at in layout.directions:
        weight_ih = next(pending)
        weight_hh = next(pending) if cell.u_gates else np.empty((0, at.hidden))
        bias_ih = next(pending)
        bias_hh = next(pending) if cell.u_gates else np.empty(0)
        vectors = [next(pending) for _ in cell.parameters]
        levels.append(_level(cell, at.hidden, (weight_ih, weight_hh, bias_ih, bias_hh), vectors))
    head = next(pending).T, next(pending)
    query = next(pending) if HEADS[architecture.head].query else None
    begin = tuple((next(pending).T, next(pending)) for _ in range(layout.head.static.directions))
    V = next(pending).T if architecture.static else None
    return Network(front, tuple(levels), head, query, embeddings, begin, V)


def _level(cell: Cell, hidden: int, tensors: tuple[Array, ...], vectors: Sequence[Array]) -> Level:
    """Put gates in the order of the kernels, and sum up biases of shared gates."""
    weight_ih, weight_hh, bias_ih, bias_hh = tensors
    x_bias = _ordered(bias_ih, cell.x_gates, cell.x_order, hidden)
    u_bias = _ordered(bias_hh, cell.u_gates, cell.u_order, hidden)
    shared = len(cell.shared) * hidden
    x_bias[:shared] += u_bias[:shared]
    values = {input_of(PARAMETER, name): vector for name, vector in zip(cell.parameters, vectors, strict=True)}
    coefficients = evaluate(cell.coefficients, values)
    return Level(
        hidden,
        np.ascontiguousarray(_ordered(weight_ih, cell.x_gates, cell.x_order, hidden).T),
        np.ascontiguousarray(_ordered(weight_hh, cell.u_gates, cell.u_order, hidden).T),
        x_bias,
        u_bias[shared:],
        np.array([np.broadcast_to(one, (hidden,)) for one in coefficients]).reshape(-1, hidden),
    )


def _ordered(tensor: Array, gates: Sequence[str], order: Sequence[str], hidden: int) -> Array:
    """Return the rows of gates in another order, a copy."""
    by_gate = dict(zip(gates, tensor.reshape(len(gates), hidden, *tensor.shape[1:]), strict=True)) if gates else {}
    pieces = [by_gate[gate] for gate in order]
    return np.concatenate(pieces) if pieces else tensor.copy()
