"""The kernels as Python sees them: objects that own a workspace and run epochs or predictions in it."""

import time
from contextlib import contextmanager

import numpy as np
from numba.core import event

from rnnfast.kernels import epoch, rnn_sequence, target
from rnnfast.kernels.architecture import Architecture
from rnnfast.kernels.layout import Layout
from rnnfast.kernels.shape import Shape
from rnnfast.kernels.workspace import PAD, Data, aligned, packed_work, sequence_work

# The register engine holds Wh, Wy and a gradient of each in registers: beyond these sizes tiles are faster.
REGISTER_HIDDEN = 16
REGISTER_OUTPUTS = 4
# Sequences of a batch from which tiles over several sequences beat one sequence at a time.
PACKED_BATCH = 16

CHUNK = 16  # sequences that are packed together: their states stay in the second-level cache


def layout_of(architecture):
    """Layout of the parameters of an architecture."""
    gates = {"rnn": 1}[architecture.cell]
    return Layout(architecture.features, architecture.hidden, architecture.outputs, gates)


def _fits_registers(architecture):
    return (
        architecture.cell == "rnn"
        and architecture.hidden <= REGISTER_HIDDEN
        and architecture.outputs <= REGISTER_OUTPUTS
    )


def _block(features):
    """Features whose weight gradients are summed together in registers: up to 8, with the smallest rest."""
    return min(range(min(features, 8), min(features, 4) - 1, -1), key=lambda block: features % block)


def _shape(architecture, layout, engine, **more):
    """The compile-time shape of a kernel: only what it needs, so that kernels are shared between architectures."""
    layer, head = layout.network
    items = {
        "engine": engine,
        "cell": architecture.cell,
        "activation": architecture.activation,
        "recurrent_bias": int(architecture.recurrent_bias),
        **more,
    }
    if engine == "sequence":
        sizes = {"F": layer.inputs, "H": layer.hidden, "O": head.outputs, "W": layer.width, "B": _block(layer.inputs)}
        offsets = {"Wx": layer.Wx, "Wh": layer.Wh, "b_ih": layer.b_ih, "b_hh": layer.b_hh, "Wy": head.Wy, "by": head.by}
        line = 64 // np.dtype(architecture.dtype).itemsize
        return Shape(**items, **sizes, **offsets, line=line)
    lanes, rows = target.tile(head.width, architecture.dtype)
    return Shape(**items, W=lanes, M=rows)


def training_data(x, y, labelled, offsets, dtype):
    """Tensors of a training kernel, in its precision.

    x: (rows, F) scaled features; y: (rows, O) scaled targets, any value where not labelled; labelled: (rows,) bool;
    offsets: (sequences + 1,).
    """
    rows, outputs = y.shape
    targets, weight = aligned(rows * outputs + PAD, dtype), aligned(rows * outputs + PAD, dtype)
    targets[: rows * outputs] = np.where(labelled[:, None], y, 0.0).ravel()
    weight[: rows * outputs] = np.repeat(labelled, outputs)
    features = aligned(x.size, dtype)
    features[:] = x.ravel()
    counts = np.concatenate(([0], np.cumsum(labelled, dtype=np.int64)))
    mass = np.diff(counts[offsets]).astype(np.float64)
    return Data(features, targets, weight, np.ascontiguousarray(offsets, np.int64), mass)


class Trainer:
    """Trains one network on one set of sequences.

    parameters: the flat span in the kernels' layout, updated in place.
    """

    def __init__(self, architecture, tensors, data, *, loss, optimizer="sgd", reduction="mean", batch=1):
        self.layout = layout_of(architecture)
        self.architecture = architecture
        self.parameters = self.layout.flatten(tensors, architecture.dtype)
        self.data = data
        self.sequences = len(data.mass)
        self.mean = reduction == "mean"
        self.batch = min(batch, self.sequences)
        lengths = np.diff(data.offsets)
        longest, dtype = int(lengths.max()), architecture.dtype
        if _fits_registers(architecture) and self.batch < PACKED_BATCH:
            engine, self.chunk = "sequence", self.batch
        else:
            engine, self.chunk = "packed", min(self.batch, CHUNK)
        fused = optimizer == "sgd" and self.batch == self.chunk and (engine == "packed" or self.batch == 1)
        self.shape = _shape(architecture, self.layout, engine, loss=loss, optimizer=optimizer, fused=int(fused))
        network = self.layout.network
        self.work = (
            sequence_work(self.shape, longest, dtype)
            if engine == "sequence"
            else packed_work(network, self.chunk, longest, dtype)
        )
        self.gradient = self.parameters if fused else aligned(self.layout.size, dtype)
        self.where = np.zeros(2, np.int64)

    @property
    def kernel(self):
        """Name of the engine, for those who want to know."""
        return f"{self.shape.engine}, {self.shape.W} lanes"

    def run(self, orders, epochs, lr):
        """Train `epochs` epochs.

        orders: (n, sequences) int64; epoch e visits the sequences in the order e % n.
        Returns: (epochs,) sums of the loss over all labelled outputs; None if training diverged, `where` then holds the
        epoch of this call and the update in it, both from 0.
        """
        losses = np.zeros(epochs)
        flat = np.concatenate((np.asarray(orders, np.int64).ravel(), np.zeros(epoch.AHEAD, np.int64)))
        rate = np.dtype(self.architecture.dtype).type(lr)
        status = epoch.train(
            self.shape, self.layout.network, self.parameters, self.gradient, self.data, flat, epochs, self.batch,
            self.chunk, self.mean, rate, self.work, losses, self.where,
        )  # fmt: skip
        return losses if status == epoch.OK else None

    def tensors(self):
        """Copies of the parameters by PyTorch's names."""
        return self.layout.tensors(self.parameters)


class Predictor:
    """Computes the outputs of a network; `update` takes new parameters."""

    def __init__(self, architecture, parameters):
        self.architecture = architecture
        self.layout = layout_of(architecture)
        self.parameters = parameters
        engine = "sequence" if _fits_registers(architecture) else "packed"
        self.shape = _shape(architecture, self.layout, engine)

    def outputs(self, x, offsets):
        """Outputs of all steps, before any inverse scaling.

        x: (rows, F) scaled features; offsets: (sequences + 1,). Returns: (rows, O) of the architecture's dtype.
        """
        dtype, network = self.architecture.dtype, self.layout.network
        features = aligned(x.size, dtype)
        features[:] = x.ravel()
        return self.outputs_of(features, np.ascontiguousarray(offsets, np.int64), network)

    def outputs_of(self, features, offsets, network=None):
        """The same for features that are already flat, aligned and in the right precision."""
        dtype, network = self.architecture.dtype, self.layout.network
        lengths = np.diff(offsets)
        longest = int(lengths.max())
        out = np.zeros(offsets[-1] * network.head.outputs, dtype)
        if self.shape.engine == "sequence":
            work = sequence_work(self.shape, longest, dtype)
            rnn_sequence.predict(self.shape, self.parameters, features, offsets, work, out)
        else:
            order = np.argsort(-lengths, kind="stable")
            chunk = min(CHUNK, len(lengths))
            work = packed_work(network, chunk, longest, dtype)
            epoch.predict(self.shape, network, self.parameters, features, offsets, order, chunk, work, out)
        return out.reshape(-1, network.head.outputs)


@contextmanager
def compile_clock(announce=None):
    """Measure the seconds spent compiling kernels inside the block; `announce()` is called when it begins.

    Yields an object with `.seconds`; loading a kernel from the cache is not compiling.
    """
    clock = _CompileClock(announce)
    with event.install_listener("numba:compile", clock):
        yield clock


class _CompileClock(event.Listener):
    def __init__(self, announce):
        self.seconds, self._depth, self._announce = 0.0, 0, announce

    def on_start(self, event):
        if self._depth == 0:
            self._start = time.perf_counter()
            if self._announce is not None:
                self._announce()
                self._announce = None
        self._depth += 1

    def on_end(self, event):
        self._depth -= 1
        if self._depth == 0:
            self.seconds += time.perf_counter() - self._start


def warm_up():
    """Compile, or load, and run a small kernel; returns the seconds it took."""
    start = time.perf_counter()
    architecture = Architecture("rnn", 2, 3, 1, "tanh")
    layout = layout_of(architecture)
    tensors = {name: np.full(shape, 0.1) for name, shape in layout.shapes().items()}
    x, offsets = np.ones((4, 2)), np.array([0, 2, 4])
    data = training_data(x, np.ones((4, 1)), np.ones(4, bool), offsets, "float32")
    trainer = Trainer(architecture, tensors, data, loss="mse")
    trainer.run(np.array([[0, 1]]), 1, 0.1)
    Predictor(architecture, trainer.parameters).outputs(x, offsets)
    return time.perf_counter() - start
