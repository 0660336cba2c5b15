"""The engines as kernels of their own: the gradient of a chunk of sequences, and what is derived from weights for it.

`packed` computes any cell and any number of sequences, `small` one or two short sequences of a small vanilla RNN at a
time. Updates (batch.py) call either by address and know nothing of cells. What an engine needs beside the chunk is in a
block of arguments (Engine), one for each thread.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import types

from rnnfast.kernels.lanes.arguments import records, types_of
from rnnfast.kernels.lanes.linking import Link, calling, linked
from rnnfast.kernels.lanes.span import at, number
from rnnfast.kernels.lanes.specialisation import Specialisation
from rnnfast.kernels.packed.dropout import Dropout, drop_link
from rnnfast.kernels.packed.equations import equations_of
from rnnfast.kernels.packed.front import front_links
from rnnfast.kernels.packed.layer import Weights, derive_link, passes_of
from rnnfast.kernels.packed.packing import Slice
from rnnfast.kernels.packed.pool import pool_links
from rnnfast.kernels.packed.stack import Batch, Calls, Carried, Network, direction_at, packed_gradient
from rnnfast.kernels.packed.static import static_links
from rnnfast.kernels.packed.tiles import products_of
from rnnfast.kernels.rules.losses import loss_link
from rnnfast.kernels.run.memory import Data, no_front_work
from rnnfast.kernels.run.plan import cell_of, lanes_of, layers_of, tile_of
from rnnfast.kernels.run.update import AHEAD, prefetch_sequence
from rnnfast.kernels.small.sequence import NONE, gradient_of_two


class Engine(NamedTuple):
    """What an engine of one thread works with."""

    network: Network
    data: Data
    p: np.ndarray  # (size,) parameters
    derived: np.ndarray  # transposed weights and summed biases
    work: Any  # its workspace


class Links(NamedTuple):
    """What an update calls."""

    gradient: Any
    derive: Any
    derive_front: Any
    update: Any  # the optimizer


@linked
def small_chunk(s, block, g, piece, batch):
    """Add the scaled gradient of a slice to g. Returns: sum of weight * loss over its outputs."""
    network, data, p, derived, work = records(block)
    loss, order, scale = 0.0, piece.order, number(g, batch.scale)
    weights = Weights(p, at(derived, direction_at(network.table, 0).WhT), g)
    last = piece.first + piece.count
    for i in range(piece.first, last, 2):
        prefetch_sequence(s, data, order[i + AHEAD - 1])
        prefetch_sequence(s, data, order[i + AHEAD])
        second = order[i + 1] if i + 1 < last else NONE
        loss += gradient_of_two(s, weights, data, order[i], second, scale, work)
    return loss


@calling
def packed_chunk(s, block, g, piece, batch):
    """Add the scaled gradient of a slice to g. Returns: sum of weight * loss over its outputs."""
    network, data, p, derived, work = records(block)
    return packed_gradient(s, network, Weights(p, derived, g), data, piece, work, batch)


ENGINES = {"small": small_chunk, "packed": packed_chunk}


def engine_links(s, block, dtype):
    """The links to the gradient of the engine that the specialisation names, for blocks like this, and to `derive`."""
    numbers = np.zeros(1, dtype)
    piece = Slice(np.zeros(1, np.int64), 0, 0, 0, 0)
    batch = Batch(0.0, Carried(numbers, 0, 0), Dropout(0.0, 0))
    taken = (block.numba_type, *types_of(numbers, piece, batch))
    return Link(ENGINES[s.engine], s, taken, types.float64), derive_link(s.W, dtype)


def calls_of(layout, loss="", dropout=0.0):
    """What the packed engine calls for a network; without a loss for predictions alone."""
    architecture, lanes = layout.architecture, lanes_of(layout)
    dtype, products = architecture.dtype, products_of(tile_of(layout), lanes, architecture.dtype)
    cell = equations_of(cell_of(layout), dtype, training=bool(loss))
    return Calls(
        passes_of(layers_of(layout), products, cell, no_front_work(dtype), training=bool(loss)),
        products,
        cell,
        *pool_links(Specialisation(W=lanes, head=architecture.head), layout.head, products, dtype, training=bool(loss)),
        loss_link(Specialisation(W=lanes, loss=loss), dtype),
        drop_link(Specialisation(W=lanes), dtype, dropout),
        front_links(lanes, layout, training=bool(loss)),
        static_links(lanes, layout, products, training=bool(loss)),
    )
