"""The kernels as Python sees them: objects that own a workspace and run epochs or predictions in it."""

import time

import numpy as np

from rnnfast.kernels import epoch
from rnnfast.kernels.clock import compile_clock
from rnnfast.kernels.memory import aligned, most_rows, packed_work, pair_work, place
from rnnfast.kernels.plan import (
    ACCUMULATORS,
    chunk_of,
    engine_of,
    layout_of,
    shape_of,
    training_data,
    worth_sharing,
)
from rnnfast.kernels.predictor import Predictor
from rnnfast.kernels.rules.cells.registry import CELLS
from rnnfast.kernels.rules.optimizers import MOMENTS, State
from rnnfast.kernels.run.helpers import Helpers
from rnnfast.kernels.update import AHEAD, NORM_BLOCK, Network, Plan, Shared, Task
from rnnfast.network.architecture import Architecture

__all__ = ["Predictor", "Trainer", "compile_clock", "layout_of", "training_data", "warm_up"]


class Trainer:
    """Trains one network on one set of sequences.

    parameters: the flat span in the kernels' layout, updated in place. threads: how many may share the work;
    `threads` of the object is how many do. lengths: (sequences,) steps of all training sequences where the set comes
    in blocks, by `load`, and data is None.
    """

    def __init__(
        self, architecture, tensors, data, *, loss, optimizer="sgd", reduction="mean", batch=1, momentum=0.9,
        weight_decay=0.0, clip_norm=0.0, window=0, per_update=False, threads=1, seed=0, lengths=None,
    ):  # fmt: skip
        self.architecture, self.layout = architecture, layout_of(architecture)
        self.data, dtype = data, architecture.dtype
        self.parameters = self.layout.flatten(tensors, dtype)
        lengths = np.diff(data.offsets) if lengths is None else lengths
        sequences, size = len(lengths), self.layout.size
        batch = min(batch, sequences)
        longest = int(lengths.max())
        window = window if 0 < window < longest else 0
        engine = engine_of(architecture, window, loss)
        steps = float(lengths.mean()) if not window else float(window)
        chunk = chunk_of(architecture, self.layout, steps, batch)
        plain = optimizer == "sgd" and not weight_decay and not clip_norm
        fused = plain and batch == chunk and (engine == "packed" or batch == 1)
        chunks = -(-batch // chunk)
        accumulators = min(ACCUMULATORS, chunks)
        self.shape = shape_of(
            architecture, self.layout, engine, loss=loss, optimizer=optimizer, fused=int(fused),
            classes=int(loss == "ce"), dropout=int(architecture.dropout > 0),
        )  # fmt: skip
        self.threads = min(threads, accumulators) if worth_sharing(self.layout, batch * steps) else 1
        self.work, table, width = self._workspaces(engine, chunk, window, lengths)
        self.plan = Plan(
            sequences,
            batch,
            chunk,
            accumulators,
            window,
            reduction == "mean",
            per_update,
            width,
            architecture.dropout,
            seed,
        )
        self.network = Network(table, len(self.layout.units), self.layout.head, size)
        self.gradient = aligned(1 if fused else size * accumulators, dtype)
        has_m, has_v = MOMENTS[optimizer]
        settings = np.array([0.0, momentum, weight_decay, clip_norm])
        self.state = State(
            aligned(size if has_m else 1, dtype), aligned(size if has_v else 1, dtype), np.zeros(2, np.int64), settings
        )
        self.shared = Shared(
            aligned(self.layout.derived_size, dtype), aligned(max(1, batch * width), dtype), np.zeros(accumulators),
            np.zeros(-(-size // NORM_BLOCK)), Task(aligned(8, np.int64), aligned(8, np.float64)), None,
        )  # fmt: skip
        self.helpers = Helpers(self.threads)
        self.where = np.zeros(2, np.int64)

    def _workspaces(self, engine, chunk, window, lengths):
        """A workspace per thread, the table of units, and the width of the states carried between windows of steps."""
        dtype, longest = self.architecture.dtype, min(window or lengths.max(), lengths.max())
        if engine == "sequence":
            works = [pair_work(self.shape, longest, dtype) for _ in range(self.threads)]
            return works, np.zeros((1, 1), np.int64), 0
        rows, extra = most_rows(lengths, chunk, window), CELLS[self.architecture.cell].EXTRA
        table, size, width = place(self.layout, extra, chunk, rows, dropout=self.architecture.dropout > 0)
        targets = 1 if self.shape.classes else self.architecture.outputs
        works = [packed_work(self.layout, size, chunk, longest, rows, targets, dtype) for _ in range(self.threads)]
        return works, table, width if window else 0

    def load(self, data, sequences):
        """Train on another block of the set from now on: data holds `sequences` or more, of which orders name as many.

        Optimizer, batches and workspaces stay; the last batch of a block may be smaller.
        """
        self.data, self.plan = data, self.plan._replace(sequences=sequences)

    @property
    def sequences(self):
        """Sequences of the training set."""
        return self.plan.sequences

    @property
    def mean(self):
        """Whether the loss is a mean over labelled steps."""
        return self.plan.mean

    @property
    def kernel(self):
        """Name of the engine, for those who want to know."""
        return f"{self.shape.engine}, {self.shape.W} lanes"

    def updates_per_epoch(self):
        """Batches of an epoch."""
        return -(-self.plan.sequences // self.plan.batch)

    def run(self, orders, epochs, rates):
        """Train `epochs` epochs.

        orders: (n, sequences) int64; epoch e visits the sequences in the order e % n. rates: learning rates, one for
        all, or one per epoch, or per update where the trainer was made so.
        Returns: (epochs,) sums of the loss over all labelled outputs; None if training diverged, `where` then holds
        the epoch of this call and the update in it, both from 0.
        """
        losses = np.zeros(epochs)
        flat = np.concatenate((np.asarray(orders, np.int64).ravel(), np.zeros(AHEAD, np.int64)))
        count = epochs * (self.updates_per_epoch() if self.plan.per_update else 1)
        rates = np.ascontiguousarray(np.broadcast_to(np.asarray(rates, np.float64), count))

        threads, helpers = (self.threads, self.helpers) if epochs else (1, Helpers(1))

        def call(team, thread):
            return epoch.train(
                self.shape, self.network, self.plan, self.parameters, self.gradient, self.data, flat, epochs, rates,
                self.state, self.work[thread], self.shared._replace(team=team), losses, self.where, thread, threads,
            )  # fmt: skip

        status = helpers.run(call)
        return losses if status == epoch.OK else None

    def tensors(self):
        """Copies of the parameters by PyTorch's names."""
        return self.layout.tensors(self.parameters)


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
