"""Which engine and which specialisation an architecture gets, and how its batches are cut."""

from math import gcd

import numpy as np

from rnnfast.catalogue import LOSSES
from rnnfast.kernels.lanes.processor import ELEMENTWISE_BYTES, tile, widest
from rnnfast.kernels.lanes.specialisation import Specialisation
from rnnfast.kernels.rules.cell import cell_constants, is_plain_rnn
from rnnfast.network.front import numbers_per_step, products_per_step

# The register engine holds Wh, Wy and a gradient of each in registers: beyond these sizes tiles are faster.
REGISTER_HIDDEN = 16
REGISTER_OUTPUTS = 4
# Sequences that are packed together: as many as keep the gates of a layer in the second-level cache, in these bounds.
CHUNK, LEAST_CHUNK = 64, 8
CHUNK_BYTES = 1 << 20
ACCUMULATORS = 8  # gradients that a batch is summed in: the most threads that can share it
# Work below which a batch is not shared: a thread that waits at a barrier costs more than it gives. Multiply-adds.
SHARED_WORK = 1_000_000
CACHE_LINE = 64  # bytes
ROW_LANES = 16  # what widths are padded to (network/layout.py)


def fits_registers(architecture):
    """Whether the register engine can run an architecture."""
    return (
        not architecture.front
        and not (architecture.embeddings or architecture.static)
        and is_plain_rnn(architecture.cell)
        and len(architecture.hidden) == 1
        and not architecture.bidirectional
        and architecture.head == "last"
        and architecture.hidden[0] <= REGISTER_HIDDEN
        and architecture.outputs <= REGISTER_OUTPUTS
    )


def engine_of(architecture, window=0, loss="mse"):
    """The engine that trains an architecture: "small" or "packed"."""
    if fits_registers(architecture) and not window and not LOSSES[loss].per_step:
        return "small"
    return "packed"


def chunk_of(layout, steps, batch):
    """Sequences of a chunk of batches; steps: mean length of a sequence.

    A batch that is worth sharing among threads is cut into at least as many chunks as there are accumulators.
    """
    chunk, size = CHUNK, bytes_per_step(layout)
    while chunk > LEAST_CHUNK and chunk * steps * size > CHUNK_BYTES:
        chunk //= 2
    if worth_sharing(layout, steps * batch):
        chunk = min(chunk, max(LEAST_CHUNK, batch // ACCUMULATORS))
    return min(chunk, batch)


def bytes_per_step(layout):
    """Bytes that the widest matrix of a network, of gates or of what its front stacks, holds for one step."""
    widest = max(numbers_per_step(layout.front), *(at.Nx for at in layout.directions))
    return widest * np.dtype(layout.architecture.dtype).itemsize


def worth_sharing(layout, steps):
    """Whether so many steps are enough work for several threads."""
    products = sum((at.blocks * at.inputs + at.hidden) * at.Nx for at in layout.directions)
    return steps * (products + products_per_step(layout.front)) > SHARED_WORK


def _block(features):
    """Features whose weight gradients are summed together in registers: up to 8, with the smallest rest."""
    return min(range(min(features, 8), min(features, 4) - 1, -1), key=lambda block: features % block)


def specialisation_of(layout, engine, **more):
    """What a kernel is compiled for: only what it needs, so that kernels are shared between architectures."""
    if engine == "packed":
        return Specialisation(engine=engine, W=lanes_of(layout))
    architecture, at, head = layout.architecture, layout.directions[0], layout.head
    items = cell_constants(layout.cell) | {"engine": engine, **more}
    items |= {"F": at.inputs, "H": at.hidden, "O": head.outputs, "W": at.width}
    items |= {"Wx": at.Wx, "Wh": at.Wh, "b_ih": at.b_ih, "b_hh": at.b_hh, "Wy": head.Wy, "by": head.by}
    items |= {"recurrent_bias": int(architecture.recurrent_bias), "B": _block(at.inputs)}
    return Specialisation(**items, line=CACHE_LINE // np.dtype(architecture.dtype).itemsize)


def layers_of(layout):
    """What the passes through the layers of the packed engine are compiled for."""
    lanes = lanes_of(layout)
    return Specialisation(W=lanes, wide=max(lanes, widest(layout.architecture.dtype)))


def cell_of(layout):
    """What the equations of a cell are compiled for."""
    E = min(lanes_of(layout), ELEMENTWISE_BYTES // np.dtype(layout.architecture.dtype).itemsize)
    return Specialisation(**cell_constants(layout.cell), E=E)


def elementwise(dtype):
    """What passes over whole spans are compiled for."""
    return Specialisation(W=ELEMENTWISE_BYTES // np.dtype(dtype).itemsize)


def lanes_of(layout):
    """Lanes of what the packed engine does to single rows: as many as divide the widths of all but narrow networks."""
    return min(tile_of(layout).W, ROW_LANES)


def tile_of(layout):
    """What the products of a network are compiled for."""
    widths = (at.width for at in (*layout.directions, *layout.front))
    lanes, rows = tile(gcd(*widths), layout.architecture.dtype)
    return Specialisation(W=lanes, M=rows, M_half=max(rows // 2, 1))
