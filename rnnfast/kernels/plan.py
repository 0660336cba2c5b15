"""Which engine and which compile-time shape an architecture gets, and the tensors that kernels read."""

from math import gcd

import numpy as np

from rnnfast.kernels.lanes import processor as target
from rnnfast.kernels.lanes.specialisation import Shape
from rnnfast.kernels.memory import PAD, Data, aligned, on_cache_line
from rnnfast.kernels.rules.activations import MASKED, NEED_INPUT
from rnnfast.kernels.rules.cells.registry import CELLS
from rnnfast.network.layout import Layout

# The register engine holds Wh, Wy and a gradient of each in registers: beyond these sizes tiles are faster.
REGISTER_HIDDEN = 16
REGISTER_OUTPUTS = 4
# Sequences that are packed together: as many as keep the gates of a layer in the second-level cache, in these bounds.
CHUNK, LEAST_CHUNK = 64, 8
CHUNK_BYTES = 1 << 20
ACCUMULATORS = 8  # gradients that a batch is summed in: the most threads that can share it
# Work below which a batch is not shared: a thread that waits at a barrier costs more than it gives. Multiply-adds.
SHARED_WORK = 1_000_000


def layout_of(architecture):
    """Layout of the parameters of an architecture."""
    cell = CELLS[architecture.cell]
    return Layout(architecture, cell.GATES, cell.SHARED, cell.RECURRENT)


def fits_registers(architecture):
    """Whether the register engine can run an architecture."""
    return (
        architecture.cell == "rnn"
        and len(architecture.hidden) == 1
        and not architecture.bidirectional
        and architecture.hidden[0] <= REGISTER_HIDDEN
        and architecture.outputs <= REGISTER_OUTPUTS
        and architecture.activation not in NEED_INPUT
    )


def engine_of(architecture, window=0, loss="mse"):
    """The engine that trains an architecture: "sequence" or "packed"."""
    if fits_registers(architecture) and not window and loss != "ce":
        return "sequence"
    return "packed"


def chunk_of(architecture, layout, steps, batch=None):
    """Sequences of a chunk; steps: mean length of a sequence; batch: None where nothing is shared in batches.

    A batch that is worth sharing among threads is cut into at least as many chunks as there are accumulators.
    """
    widest = max(unit.N for unit in layout.units) * np.dtype(architecture.dtype).itemsize
    chunk = CHUNK
    while chunk > LEAST_CHUNK and chunk * steps * widest > CHUNK_BYTES:
        chunk //= 2
    if batch is None:
        return chunk
    if worth_sharing(layout, steps * batch):
        chunk = min(chunk, max(LEAST_CHUNK, batch // ACCUMULATORS))
    return min(chunk, batch)


def worth_sharing(layout, steps):
    """Whether so many steps are enough work for several threads."""
    return steps * sum((u.blocks * u.inputs + u.hidden) * u.N for u in layout.units) > SHARED_WORK


def _block(features):
    """Features whose weight gradients are summed together in registers: up to 8, with the smallest rest."""
    return min(range(min(features, 8), min(features, 4) - 1, -1), key=lambda block: features % block)


def shape_of(architecture, layout, engine, **more):
    """The compile-time shape of a kernel: only what it needs, so that kernels are shared between architectures."""
    cell = CELLS[architecture.cell]
    activation = architecture.activation if cell.GATES == 1 else "tanh"
    items = {
        "engine": engine,
        "sequence": int(engine == "sequence"),
        "cell": architecture.cell,
        "activation": activation,
        "recurrent_bias": int(architecture.recurrent_bias and cell.RECURRENT),
        "masked": int(activation in MASKED),
        **more,
    }
    if engine == "sequence":
        unit, head = layout.units[0], layout.head
        sizes = {"F": unit.inputs, "H": unit.hidden, "O": head.outputs, "W": unit.width, "B": _block(unit.inputs)}
        offsets = {"Wx": unit.Wx, "Wh": unit.Wh, "b_ih": unit.b_ih, "b_hh": unit.b_hh, "Wy": head.Wy, "by": head.by}
        line = 64 // np.dtype(architecture.dtype).itemsize
        return Shape(**items, **sizes, **offsets, line=line)
    lanes, rows = target.tile(gcd(*(unit.width for unit in layout.units)), architecture.dtype)
    constants = {"shared": cell.SHARED, "extra": cell.EXTRA, "recurrent": int(cell.RECURRENT)}
    return Shape(**items, **constants, W=lanes, M=rows, M_half=max(rows // 2, 1))


def training_data(x, y, weight, offsets, dtype):
    """Tensors of a training kernel, in its precision.

    x: (rows, F) scaled features; y: (rows, C) scaled targets (class indices with ce), any value where weight is 0;
    weight: (rows,) of each step in the loss, bool or numbers; offsets: (sequences + 1,).
    """
    rows, targets = y.shape
    padded_y, padded_weight = aligned(rows * targets + PAD, dtype), aligned(rows * targets + PAD, dtype)
    padded_y[: rows * targets] = np.where(np.asarray(weight)[:, None] != 0, y, 0.0).ravel()
    padded_weight[: rows * targets] = np.repeat(weight, targets)
    features = on_cache_line(x, dtype)
    # Each sequence is summed by itself: differences of one running sum would lose small weights after large ones.
    mass = np.add.reduceat(np.asarray(weight, np.float64), offsets[:-1])
    return Data(features, padded_y, padded_weight, np.ascontiguousarray(offsets, np.int64), mass)
