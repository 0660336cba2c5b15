"""What an epoch trains on: a table in memory, which is one block, or a stored one, block by block.

Of a stored table each epoch shuffles small runs of consecutive sequences, gathers as many of them as a block holds,
shuffles the sequences inside it and trains them in one call of the kernel, while another thread reads and scales the
next block. A block holds whole runs, those sequences of other parts too that lie between: the order names those that
train. Orders follow from the seed, and blocks from the memory that is granted: never from time or threads.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from rnnfast.config.sections import TrainConfig
from rnnfast.data import SequenceData, StoredPart
from rnnfast.data.sequences import ends
from rnnfast.errors import UsageError
from rnnfast.memory import shown
from rnnfast.model import Model
from rnnfast.training.prepare import encoded, kernel_data

ORDER_STREAM = 3  # of the random numbers: split has 1, initial weights have 2
RUN_STREAM = 5
RUN_BYTES = 1 << 20  # of stored features that are read at once
LEAST_RUNS = 32  # of a block: it has to mix

Orders = NDArray[np.int64]


class Feed(Protocol):
    """Trains epochs; data and lengths are what the Trainer is made with."""

    data: Any
    mass: float  # sum of the weights of all labelled steps
    updates: int  # of an epoch

    @property
    def lengths(self) -> NDArray[np.int64] | None:
        """(sequences,) steps of all that train, where data is None."""

    def warm(self, trainer: Any) -> None:
        """Let the trainer see data without training, which compiles its kernels."""

    def orders(self, count: int) -> Any:
        """Make the orders of the next epochs: what need not be timed."""

    def train(self, trainer: Any, orders: Any, epochs: int, rates: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """Train epochs with these rates, as `Trainer.run`; None where training diverged."""

    def close(self) -> None:
        """Free what is large."""


class MemoryFeed:
    """The whole set is one block; several epochs may run in one call."""

    lengths: NDArray[np.int64] | None = None

    def __init__(self, model: Model, part: SequenceData) -> None:
        config = model.config.train
        self.config, self.sequences = config, part.sequences
        self.data = kernel_data(model, part)
        self.mass = float(self.data.mass.sum())
        self.updates = -(-part.sequences // min(batch_of(config), part.sequences))
        self.generator = np.random.default_rng([config.seed, ORDER_STREAM])

    def warm(self, trainer: Any) -> None:
        """Run no epoch."""
        trainer.run(np.arange(self.sequences), 0, ())

    def orders(self, count: int) -> Orders:
        """(count, sequences), or (1, sequences) where all epochs have the same one."""
        if not self.config.shuffle:
            return np.arange(self.sequences)[None]
        return np.stack([self.generator.permutation(self.sequences) for _ in range(count)])

    def train(
        self, trainer: Any, orders: Orders, epochs: int, rates: NDArray[np.float64]
    ) -> NDArray[np.float64] | None:
        """One call of the kernel."""
        losses: NDArray[np.float64] | None = trainer.run(orders, epochs, rates)
        return losses

    def close(self) -> None:
        """Nothing: the table itself is in memory."""


@dataclass
class Block:
    """Tensors of a kernel, and the order in which their sequences train."""

    data: Any
    order: Orders


class StoredFeed:
    """Blocks of a stored part, read while others train."""

    data = None

    def __init__(self, model: Model, part: StoredPart) -> None:
        self.model, self.part, self.store = model, part, part.store
        self.config: TrainConfig = model.config.train
        self.lengths: NDArray[np.int64] | None = part.lengths
        self.inputs, self.targets = model.architecture.features, len(model.schema.targets)
        weights = np.asarray(model.class_weights) if model.class_weights else 1.0
        self.mass = float((part.counts * weights).sum())
        self.capacity = part.budget.block // (np.dtype(self.config.dtype).itemsize * (self.inputs + 2 * self.targets))
        self._find_runs()
        first = self._cuts(0)
        self.updates, self.single = self._updates_of(first), len(first) == 1
        self.generator = np.random.default_rng([self.config.seed, ORDER_STREAM])
        self.epoch = 0
        self.buffers = [self._buffer() for _ in range(1 if self.single else 2)]
        self.built = 0
        self._pool = ThreadPoolExecutor(1)
        self._next: Future[Block] | None = None
        self._upcoming = (cut for epoch in range(self.config.epochs) for cut in self._cuts(epoch))

    def warm(self, trainer: Any) -> None:
        """Load a single sequence and run no epoch; the first block is read meanwhile."""
        self._prefetch()
        sequence = int(self.part.chosen[0])
        trainer.load(kernel_data(self.model, self.store.read(sequence, sequence + 1)), 1)
        trainer.run(np.arange(1), 0, ())

    def orders(self, count: int) -> None:
        """Nothing: orders are made with the blocks."""

    def train(self, trainer: Any, orders: None, epochs: int, rates: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """Train block after block."""
        losses = np.zeros(epochs)
        for epoch, course in enumerate(rates.reshape(epochs, -1)):
            cuts, done = self._cuts(self.epoch), 0
            total = self._updates_of(cuts)
            for _ in cuts:
                block = self._take()
                trainer.load(block.data, len(block.order))
                updates = trainer.updates_per_epoch()
                # A rate per update: this epoch may have a few more or fewer updates than the one that was planned.
                own = course[(done + np.arange(updates)) * len(course) // total] if len(course) > 1 else course
                loss = trainer.run(block.order, 1, own)
                if loss is None:
                    trainer.where[:] = epoch, done + trainer.where[1]
                    return None
                losses[epoch] += loss[0]
                done += updates
            self.epoch += 1
        return losses

    def close(self) -> None:
        """Wait for the block that is being read, and free all of them."""
        self._pool.shutdown(cancel_futures=True)
        self._next, self.buffers = None, []

    def _find_runs(self) -> None:
        """Cut the store into runs and keep those with sequences that train."""
        stored = max(self.store.row_bytes, 1)
        borders = self.store.runs(min(RUN_BYTES, max(self.capacity // LEAST_RUNS, 1) * stored))
        members = np.searchsorted(self.part.chosen, borders)
        kept = np.flatnonzero(np.diff(members))
        self.borders, self.members = borders, members
        self.run_rows = np.diff(self.store.offsets[borders])
        self.runs = kept
        largest = int(self.run_rows[kept].max())
        if largest > self.capacity:
            raise UsageError(
                f"--memory {shown(self.part.budget.total)}: a sequence has {int(self.part.lengths.max()):,} steps, and "
                f"a block has room for {self.capacity:,}; give more memory, or cut windows (--window N)"
            )

    def _cuts(self, epoch: int) -> list[NDArray[np.int64]]:
        """Runs of each block of an epoch, ascending inside a block."""
        runs = self.runs
        if self.config.shuffle:
            runs = np.random.default_rng([self.config.seed, RUN_STREAM, epoch]).permutation(runs)
        filled, first, cuts = np.cumsum(self.run_rows[runs]), 0, []
        while first < len(runs):
            before = filled[first - 1] if first else 0
            stop = int(np.searchsorted(filled, before + self.capacity, side="right"))
            cuts.append(np.sort(runs[first:stop]))
            first = stop
        return cuts

    def _updates_of(self, cuts: list[NDArray[np.int64]]) -> int:
        batch = min(batch_of(self.config), self.part.sequences)
        count = np.diff(self.members)
        return sum(-(-int(count[cut].sum()) // batch) for cut in cuts)

    def _buffer(self) -> Any:
        """Memory of a block: features, targets and weights."""
        from rnnfast.kernels.run.memory import PAD
        from rnnfast.network.alignment import aligned

        rows, dtype = min(self.capacity, int(self.run_rows[self.runs].sum())), self.config.dtype
        size = rows * self.targets + PAD
        return aligned(rows * self.inputs, dtype), aligned(size, dtype), aligned(size, dtype)

    def _prefetch(self) -> None:
        """Begin to read the next block, where there is one."""
        if self._next is None and (cut := next(self._upcoming, None)) is not None:
            self._next = self._pool.submit(self._build, cut)

    def _take(self) -> Block:
        """The next block; another one begins to be read."""
        self._prefetch()
        assert self._next is not None
        block, self._next = self._next.result(), None
        if not self.single:
            self._prefetch()
        return block

    def _build(self, cut: NDArray[np.int64]) -> Block:
        """Read, scale and lay out the runs of a block, and draw the order of its sequences."""
        if not (self.single and self.built):
            self._fill(self.buffers[self.built % len(self.buffers)], cut)
        self.built += 1
        shift = np.cumsum(np.diff(self.borders)[cut]) - np.diff(self.borders)[cut] - self.borders[cut]
        order = np.concatenate(
            [
                self.part.chosen[self.members[run] : self.members[run + 1]] + by
                for run, by in zip(cut, shift, strict=True)
            ]
        )
        if self.config.shuffle:
            order = order[self.generator.permutation(len(order))]
        return Block(self.filled, order)

    def _fill(self, buffer: Any, cut: NDArray[np.int64]) -> None:
        """Write the runs of a block into a buffer."""
        from rnnfast.kernels.run.memory import PAD, Data

        x, y, weight = buffer
        row, lengths, mass = 0, [], []
        for run in cut.tolist():
            data = self.store.read(int(self.borders[run]), int(self.borders[run + 1]))
            inputs, target, steps = encoded(self.model, data)
            stop = row + data.rows
            x[row * self.inputs : stop * self.inputs] = inputs.reshape(-1)
            known = steps != 0
            y[row * self.targets : stop * self.targets] = np.where(known[:, None], target, 0.0).reshape(-1)
            weight[row * self.targets : stop * self.targets] = np.repeat(steps, self.targets)
            lengths.append(data.lengths)
            mass.append(np.add.reduceat(steps, data.offsets[:-1]))
            row = stop
        y[row * self.targets : row * self.targets + PAD] = weight[row * self.targets : row * self.targets + PAD] = 0.0
        used, size = row * self.inputs, row * self.targets + PAD
        self.filled = Data(x[:used], y[:size], weight[:size], ends(np.concatenate(lengths)), np.concatenate(mass))


def feed_of(model: Model, part: SequenceData | StoredPart) -> Feed:
    """The feed of a training part."""
    return StoredFeed(model, part) if isinstance(part, StoredPart) else MemoryFeed(model, part)


def batch_of(config: TrainConfig) -> int:
    """Sequences of an update, resolved."""
    assert config.batch_size is not None
    return config.batch_size
