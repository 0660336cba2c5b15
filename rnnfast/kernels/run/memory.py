"""All memory of the hot path: allocated once per run, 64-byte aligned, reused by every update.

Dimension letters, the same everywhere:

    F features            H hidden units         O outputs              C targets of a step: O, or 1 (a class)
    T steps of a sequence W lanes of a vector    E lanes of an elementwise pass
    M rows of a register tile
    Nx, Nh width of the gates side by side, each padded to whole vectors: those with a product W' x, and with U' h
    R sequences of a chunk, P packed rows: the steps of its sequences
    S accumulators of a gradient: a batch is cut into chunks, chunk c adds to accumulator c % S
"""

from typing import NamedTuple

import numpy as np

from rnnfast.kernels.lanes.arguments import Arguments
from rnnfast.kernels.packed.front import ROWS, Front, FrontBlock, FrontWork
from rnnfast.kernels.packed.packing import Packing, packing
from rnnfast.network.alignment import SPAN, Spans, aligned, on_cache_line

NO_FRONT = Front(np.zeros(1, np.int64), layers=0, stride=1, z=0, dz=0)
NO_BLOCK = Arguments(0)


class Data(NamedTuple):
    """The training or evaluation tensors of a kernel, all sequences end to end."""

    x: np.ndarray  # (rows * F,) scaled features
    y: np.ndarray  # (rows * C + PAD,) scaled targets, 0 where unlabelled
    weight: np.ndarray  # (rows * C + PAD,) weight of each target in the loss, 0 where unlabelled or no step ends
    offsets: np.ndarray  # (sequences + 1,) int64 first row of each sequence
    mass: np.ndarray  # (sequences,) float64 sum of the weights of a sequence, over one target


def training_data(x, y, weight, offsets, dtype):
    """Tensors of a training kernel, in its precision.

    x: (rows, F) scaled features; y: (rows, C) scaled targets (class indices with ce), any value where weight is 0;
    weight: (rows,) of each step in the loss, bool or numbers; offsets: (sequences + 1,).
    """
    rows, targets = y.shape
    padded_y, padded_weight = aligned(rows * targets + PAD, dtype), aligned(rows * targets + PAD, dtype)
    padded_y[: rows * targets] = np.where(np.asarray(weight)[:, None] != 0, y, 0.0).ravel()
    padded_weight[: rows * targets] = np.repeat(weight, targets)
    # Each sequence is summed by itself: differences of one running sum would lose small weights after large ones.
    mass = np.add.reduceat(np.asarray(weight, np.float64), offsets[:-1])
    return Data(on_cache_line(x, dtype), padded_y, padded_weight, np.ascontiguousarray(offsets, np.int64), mass)


# Whole vectors of y and weight are read at the end of a sequence: this many elements must follow the last one.
PAD = 64


class SequenceWork(NamedTuple):
    """Workspace of one sequence of up to T steps in the register engine (small/sequence.py)."""

    h: np.ndarray  # ((T + 1) * W,) states, row 0 is the initial state
    delta: np.ndarray  # (T * W,) gradient of the pre-activations
    out: np.ndarray  # (T * O + PAD,) outputs
    dy: np.ndarray  # (T * O + PAD,) gradient of the outputs


class SmallWork(NamedTuple):
    """Workspace of the register engine: two sequences may run side by side."""

    a: SequenceWork
    b: SequenceWork
    WhT: np.ndarray  # (H * W,) transposed recurrent weights


def small_work(s, longest, dtype):
    """Allocate the workspace of a specialisation for sequences of up to `longest` steps."""
    a, b = (sequence_work(s, longest, dtype) for _ in range(2))
    return SmallWork(a, b, aligned(s.H * s.W, dtype))


def sequence_work(s, longest, dtype):
    """Allocate what one sequence of up to `longest` steps needs."""
    sizes = ((longest + 1) * s.W, longest * s.W, longest * s.O + PAD, longest * s.O + PAD)
    return SequenceWork(*(aligned(size, dtype) for size in sizes))


class PackedWork(NamedTuple):
    """Workspace of the packed engine for chunks of up to R sequences and P packed rows; one per thread."""

    pack: Packing
    front: FrontWork
    memory: np.ndarray  # gates, states and their gradients of all layers, where their Direction says
    carry: np.ndarray  # (states * R * width,) gradients of the states from the step that follows
    out: np.ndarray  # (P * O + PAD,) outputs
    dy: np.ndarray  # (P * O + PAD,) gradient of the outputs
    y: np.ndarray  # (P * C + PAD,) targets of the packed rows
    weight: np.ndarray  # (P * C + PAD,) their weights
    training: bool  # whether there is a way back


def most_rows(lengths, sequences, window=0):
    """Packed rows that the chunk of the longest `sequences` sequences has; window: steps of them at a time, 0: all."""
    steps = np.minimum(lengths, window) if window else np.asarray(lengths)
    return int(np.sort(steps)[-sequences:].sum())


def place(layout, sequences, P, training=True):
    """Lay out the memory of chunks of up to `sequences` sequences and P packed rows.

    Returns: the table (directions, fields) int64 for kernels, the head, the size of the memory in elements, and the
    width of the states that a sequence carries from one window of steps to the next.
    """
    cell, memory, rows, carried = layout.cell, Spans(), [], 0
    levels = {}
    last = layout.directions[-1].layer
    for at in layout.directions:
        if at.layer not in levels:
            drops = training and layout.architecture.dropout > 0 and at.layer < last
            levels[at.layer] = {
                "h": memory.take((sequences + P) * at.ldh),
                "dh": memory.take(P * at.ldh if training else 0),
                "dropped": memory.take(P * at.ldh if drops else 0),
            }
        plane, extra_distance = (sequences + P) * at.width, P * at.width
        rows.append(
            at._replace(
                gates=memory.take(P * at.ldg),
                apart=memory.take(P * len(cell.apart) * at.width),
                states=memory.take((len(cell.states) - 1) * plane),
                plane=plane,
                others=len(cell.states) - 1,
                extra=memory.take(len(cell.step.extra) * extra_distance),
                extra_distance=extra_distance,
                C=len(cell.coefficients),
                coefficients=memory.take(len(cell.coefficients) * at.width),
                dcoefficients=memory.take(len(cell.coefficients) * at.width if training else 0),
                carry_plane=sequences * _widest(layout),
                carried=carried,
                **levels[at.layer],
            )
        )
        carried += at.width * len(cell.states)
    head, top = layout.head, levels[last]
    head = head._replace(static=head.static._replace(rows=memory.take(sequences * head.static.columns)))
    if not head.pools:
        head = head._replace(pooled=top["h"], dpooled=top["dh"])
        return np.array(rows, np.int64), head, memory.size, carried
    head = head._replace(
        pooled=memory.take((sequences + P) * head.width),
        dpooled=memory.take(P * head.width if training else 0),
        # Whole vectors of the steps of several sequences are written at a time.
        shares=memory.take(P + PAD),
        scores=memory.take(P + PAD),
        peak=memory.take(sequences),
        mass=memory.take(sequences),
        carried=carried,
    )
    return np.array(rows, np.int64), head, memory.size, carried + head.width + len(("peak", "mass"))


def place_front(layout, sequences, P, training=True):
    """Lay out the memory of the front of chunks of up to `sequences` sequences and P packed rows.

    Returns: the Front for kernels, the size of its memory in elements, and that of its index.
    """
    if not layout.front:
        return NO_FRONT, 0, 0
    memory, table, size, rows = Spans(), [], 0, P
    z, dz = (memory.take(count * layout.front[-1].width) for count in (P, P if training else 0))
    front = Front(None, len(layout.front), layout.architecture.stride, z, dz)
    for number, layer in reversed(list(enumerate(layout.front))):
        inner = training and number > 0
        below = rows * layer.stride + sequences * (layer.rows - layer.stride)
        row = layer._replace(
            z=z,
            dz=dz,
            x=memory.take(below * layer.ldx + SPAN),  # vectors of zeros may reach over the end
            dx=memory.take(below * layer.ldx if inner else 0),
            stacks=memory.take(ROWS * layer.rows * layer.ldx if inner else 0),
            index=size,
        )
        table.insert(0, row)
        z, dz, size, rows = row.x, row.dx, size + rows, below
    return front._replace(table=np.array(table, np.int64)), memory.size, size


def no_front_work(dtype):
    """The workspace of a front that is not there."""
    return FrontWork(NO_BLOCK, np.zeros(1, dtype))


def front_work(layout, pack, sequences, P, training=True):
    """Allocate the workspace of a front for such chunks; pack: their Packing."""
    dtype, levels = layout.architecture.dtype, len(layout.front) + 1
    if not layout.front:
        return no_front_work(dtype)
    front, size, rows = place_front(layout, sequences, P, training)
    memory = aligned(size, dtype)
    integers = (np.zeros(count, np.int64) for count in (rows, levels, *[levels * sequences] * 3))
    tables = np.array(layout.tables or [0], np.int64)
    block = FrontBlock(
        front.table, front.layers, front.stride, sequences, pack, memory, *integers, np.arange(ROWS), tables,
        len(layout.tables),
    )  # fmt: skip
    return FrontWork(Arguments(block), memory)


def _widest(layout):
    return max(at.width for at in layout.directions)


def packed_work(layout, size, sequences, longest, P, training=True):
    """Allocate a workspace with `size` elements of memory (see `place`); longest: steps."""
    outputs, states, dtype = layout.head.outputs, len(layout.cell.states), layout.architecture.dtype
    sizes = (size, states * sequences * _widest(layout), *(P * outputs + PAD for _ in range(4)))
    pack = packing(sequences, longest, P)
    front = front_work(layout, pack, sequences, P, training)
    return PackedWork(pack, front, *(aligned(count, dtype) for count in sizes), training)
