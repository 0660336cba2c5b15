"""What an epoch trains on: sequences in blocks, of which a table in memory has one.

Of several blocks each epoch shuffles small runs of consecutive sequences, gathers as many of them as a block holds,
shuffles the sequences inside it and trains them in one call of the kernel, while another thread reads and scales the
next block. A single block stays, and several epochs may run in one call. Orders follow from the seed, and blocks from
the memory that is granted: never from time or threads.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnfast.config.sections import TrainConfig
from rnnfast.data import Sequences
from rnnfast.data.encoding.differences import changes
from rnnfast.data.sequences.base import TRAINED
from rnnfast.data.sequences.data import SequenceData
from rnnfast.data.sequences.spans import ends
from rnnfast.model import Model
from rnnfast.training.blocks import Cut, Cutter
from rnnfast.training.dropping import Dropper
from rnnfast.training.hiding import Hidden, Hider, show
from rnnfast.training.mixing import Mixer
from rnnfast.training.prepare import Labelling, encoded, kernel_data
from rnnfast.training.shifting import Shifter
from rnnfast.training.starts import Begun, begun, draws

ORDER_STREAM = 3  # of the random numbers: split has 1, initial weights have 2

Orders = NDArray[np.int64]


@dataclass
class Place:
    """How far training has come, between two calls of the kernel.

    epoch: from 0, of those that have draws of their own; block: the next one of this epoch. updates, loss, mass: sums
    over the blocks of the epoch before it. steps: trained so far. generator: state that the next order is drawn from.
    """

    generator: Mapping[str, Any]
    epoch: int = 0
    block: int = 0
    updates: int = 0
    loss: float = 0.0
    mass: float = 0.0
    steps: int = 0


class Feed:
    """Gives the blocks of a training part to a Trainer.

    data, lengths: what the Trainer is made with: the only block where it is in memory, else None and the (sequences,)
    steps of all that train. mass: sum of the weights of all labelled steps. updates: of an epoch. single: whether there
    is one block.
    """

    def __init__(self, model: Model, part: Sequences, teacher: Labelling | None = None) -> None:
        """teacher: as of `encoded`."""
        self.model, self.part, self.teacher = model, part, teacher
        self.config: TrainConfig = model.config.train
        self.cutter = Cutter(model, part, len(model.schema.answers) if teacher is None else model.schema.outputs)
        self.hider = Hider(model.encoder.hideable, self.config.seed, model.encoder.hideable_codes)
        self.dropper, self.mixer, self.shifter = Dropper(model, part), Mixer(model), Shifter(model, part)
        first = self.cutter.epoch(0)
        self.updates, self.single = self._updates_of(first), len(first) == 1
        self.generator = np.random.default_rng([self.config.seed, ORDER_STREAM])
        self._place, self.built = Place(self.generator.bit_generator.state), 0
        self.data, self.lengths = None, part.lengths
        if part.room is None:
            self.data = kernel_data(model, part.read(0, part.sequences, TRAINED), teacher)
        self.mass = float(self.data.mass.sum()) if self.data is not None else self._mass()
        self.buffers = [] if self.data is not None else [self._buffer() for _ in range(1 if self.single else 2)]
        self._pool = ThreadPoolExecutor(1)
        self._next: Future[Any] | None = None
        self._cuts, self._upcoming = first, self._from(0, 0)

    @property
    def place(self) -> Place:
        """How far training has come; setting it goes on from there, where nothing was read yet.

        Raises ValueError for a place that is none.
        """
        if self.single:  # else blocks that are read ahead have drawn from it already
            self._place.generator = self.generator.bit_generator.state
        return replace(self._place)

    @place.setter
    def place(self, place: Place) -> None:
        self._place = replace(place)
        self.generator.bit_generator.state = place.generator
        self._cuts = self.cutter.epoch(place.epoch)
        if place.block >= len(self._cuts) or place.updates > self._updates_of(self._cuts):
            raise ValueError(f"epoch {place.epoch} has {len(self._cuts)} blocks, and no place after {place.block}")
        self._upcoming = self._from(place.epoch, place.block)

    @property
    def between_epochs(self) -> bool:
        """Whether no epoch is begun that is not complete."""
        return self._place.block == 0

    def warm(self, trainer: Any) -> None:
        """Let the trainer see data without training, which compiles its kernels; the first block is read meanwhile."""
        if self.data is not None:
            trainer.run(np.arange(self.part.sequences), 0, ())
            return
        self._prefetch()
        trainer.load(kernel_data(self.model, self.part.read(0, 1, TRAINED), self.teacher), 1)
        trainer.run(np.arange(1), 0, ())

    def orders(self, count: int) -> Orders | None:
        """Make the orders of the next epochs, which need not be timed: (count, sequences), or (1, sequences) where all
        are the same; None where they are made with the blocks.
        """
        if not self.single:
            return None
        sequences = self.part.sequences
        if not self.config.shuffle:
            return np.arange(sequences)[None]
        return np.stack([self.generator.permutation(sequences) for _ in range(count)])

    def train(
        self, trainer: Any, orders: Orders | None, epochs: int, rates: NDArray[np.float64]
    ) -> NDArray[np.float64] | None:
        """Train epochs with these rates, as `Trainer.run`; None where training diverged.

        Of several blocks the next one: no loss is returned but by the last one of an epoch.
        """
        if orders is not None:
            if self.data is None:
                self.data = self._take()
                trainer.load(self.data, self.part.sequences)
            if self.hider.hides or self.config.augment or self.config.random_start:
                return self._train_anew(trainer, orders, rates.reshape(epochs, -1))
            self._place.steps += epochs * self.part.rows
            losses: NDArray[np.float64] | None = trainer.run(orders, epochs, rates)
            return losses
        return self._train_block(trainer, rates)

    def close(self) -> None:
        """Wait for the block that is being read, and free all of them."""
        self._pool.shutdown(cancel_futures=True)
        self._next, self.buffers = None, []

    def _train_anew(self, trainer: Any, orders: Orders, rates: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """Train the only block an epoch at a time, each with other starts, or values shifted, hidden, dropped, mixed.

        rates: (epochs, ..).
        """
        assert self.data is not None
        inputs, losses = self.data.x.reshape(-1, self.cutter.inputs), np.zeros(len(rates))
        for epoch, course in enumerate(rates):
            number = self._place.epoch
            hidden = self._disturb(inputs, self.data.offsets, number)
            data = self.mixer.mixed(self.data, self.cutter.targets, number)
            block = self._begun(data, orders[epoch % len(orders)], number, [(0, self.part.sequences)])
            trainer.load(block.data, self.part.sequences)
            loss = trainer.run(block.order, 1, course)
            show(inputs, hidden)
            if loss is None:
                trainer.where[0] = epoch
                return None
            losses[epoch] = self._of_whole(trainer, loss[0], block.mass)
            self._place.steps += block.steps
            self._place.epoch += 1
        return losses

    def _disturb(self, inputs: NDArray[Any], offsets: NDArray[np.int64], epoch: int, first: int = 0) -> Hidden:
        """Shift levels, hide categories and drop values for an epoch; as Hider.hide."""
        shifted = self.shifter.shift(inputs, offsets, epoch, first)
        hidden = self.hider.hide(inputs, offsets, epoch, first)
        return [*self.dropper.drop(inputs, epoch, first), *hidden, *shifted]  # what came last is undone first

    def _begun(self, data: Any, order: Orders, epoch: int, runs: Sequence[tuple[int, int]]) -> Begun:
        """Let sequences begin at random steps, where that is asked for; runs: of the part, which they are."""
        if not self.config.random_start:
            return Begun(data, order, self.mass, int(data.offsets[-1]))
        return begun(data, order, self.cutter.targets, draws(self.config.seed, epoch, runs))

    def _of_whole(self, trainer: Any, loss: float, mass: float) -> float:
        """Return a sum of losses as if all labelled steps had trained, not those of some mass alone."""
        return loss * (self.mass / mass) if trainer.mean and mass else loss

    def _train_block(self, trainer: Any, rates: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """Train the next block. rates: of its epoch, one or so many as it was planned to have updates."""
        place, total = self._place, self._updates_of(self._cuts)
        block = self._take()
        assert isinstance(block, Begun)
        trainer.load(block.data, len(block.order))
        updates = trainer.updates_per_epoch()
        # A rate per update: this epoch may have a few more or fewer updates than the one that was planned.
        own = rates[(place.updates + np.arange(updates)) * len(rates) // total] if len(rates) > 1 else rates
        loss = trainer.run(block.order, 1, own)
        if loss is None:
            trainer.where[:] = 0, place.updates + trainer.where[1]
            return None
        place.loss += float(loss[0])
        place.updates += updates
        place.mass += block.mass
        place.steps += block.steps
        place.block += 1
        if place.block < len(self._cuts):
            return np.zeros(0)
        whole = self._of_whole(trainer, place.loss, place.mass) if self.config.random_start else place.loss
        self._place = Place(place.generator, epoch=place.epoch + 1, steps=place.steps)
        self._cuts = self.cutter.epoch(self._place.epoch)
        return np.array([whole])

    def _from(self, epoch: int, block: int) -> Iterator[Cut]:
        """Yield the blocks from one on."""
        cuts = (cut for number in range(epoch, self.config.epochs) for cut in self.cutter.epoch(number))
        return islice(cuts, block, None)

    def _updates_of(self, cuts: list[Cut]) -> int:
        batch = min(batch_of(self.config), self.part.sequences)
        return sum(-(-cut.sequences // batch) for cut in cuts)

    def _mass(self) -> float:
        """Sum of the weights of all labelled steps."""
        needed = TRAINED if self.model.schema.difference else ("y", "weight")
        blocks = (changes(block, self.model.schema, self.model.encoder.rules) for block in self.part.blocks(needed))
        return sum(
            float(self.model.scorer.step_weights(block.y, block.labelled, block.weight).sum()) for block in blocks
        )

    def _buffer(self) -> Any:
        """Memory of a block: features, targets and weights."""
        from rnnfast.kernels.run.memory import PAD
        from rnnfast.network.alignment import aligned

        rows, dtype = self.cutter.most_rows, self.config.dtype
        size = rows * self.cutter.targets + PAD
        return aligned(rows * self.cutter.inputs, dtype), aligned(size, dtype), aligned(size, dtype)

    def _prefetch(self) -> None:
        """Begin to read the next block, where there is one."""
        if self._next is None and (cut := next(self._upcoming, None)) is not None:
            self._next = self._pool.submit(self._build, cut)

    def _take(self) -> Any:
        """What `_build` made of the next block; another one begins to be read."""
        self._prefetch()
        assert self._next is not None
        (block, generator), self._next = self._next.result(), None
        if not self.single:
            self._place.generator = generator
            self._prefetch()
        return block

    def _build(self, cut: Cut) -> Any:
        """Read, scale and lay out the runs of a block, and draw the order of its sequences and where they begin.

        Returns: the tensors of the only block, else Begun; and the state of the generator after that.
        """
        data = self._fill(self.buffers[self.built % len(self.buffers)], cut)
        self.built += 1
        if self.single:
            return data, self.generator.bit_generator.state
        order = np.arange(cut.sequences)
        order = order[self.generator.permutation(len(order))] if self.config.shuffle else order
        return self._begun(data, order, cut.epoch, cut.runs), self.generator.bit_generator.state

    def _fill(self, buffer: Any, cut: Cut) -> Any:
        """Write the runs of a block into a buffer. Returns: the tensors of a kernel."""
        from rnnfast.kernels.run.memory import PAD, Data

        x, y, weight = buffer
        inputs, targets = self.cutter.inputs, self.cutter.targets
        row, lengths, mass = 0, [], []
        for first, stop in cut.runs:
            data: SequenceData = self.part.read(first, stop, TRAINED)
            features, target, steps = encoded(self.model, data, self.teacher)
            if not self.single:
                self._disturb(features, data.offsets, cut.epoch, first)
            end = row + data.rows
            x[row * inputs : end * inputs] = features.reshape(-1)
            has_weight = steps != 0
            y[row * targets : end * targets] = np.where(has_weight[:, None], target, 0.0).reshape(-1)
            weight[row * targets : end * targets] = np.repeat(steps, targets)
            lengths.append(data.lengths)
            mass.append(np.add.reduceat(steps, data.offsets[:-1]))
            row = end
        y[row * targets : row * targets + PAD] = weight[row * targets : row * targets + PAD] = 0.0
        used, size = row * inputs, row * targets + PAD
        return Data(x[:used], y[:size], weight[:size], ends(np.concatenate(lengths)), np.concatenate(mass))


def batch_of(config: TrainConfig) -> int:
    """Sequences of an update, resolved."""
    assert config.batch_size is not None
    return config.batch_size
