"""What a shard trains on in a round: a share of the updates of a pass, in the order that one machine has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnfast.data import Sequences
from rnnfast.data.sequences.base import TRAINED
from rnnfast.data.sequences.spans import ends
from rnnfast.model import Model
from rnnfast.training.blocks import Cut, Cutter
from rnnfast.training.feed import ORDER_STREAM, Feed
from rnnfast.training.hiding import Hidden, show
from rnnfast.training.prepare import kernel_data
from rnnfast.training.starts import Begun

Integers = NDArray[np.int64]


class Round(NamedTuple):
    """A round: a share of a pass. epoch: from 0; number: of the round in the pass, from 0; of: rounds of a pass.

    rate: learning rate of the pass, where updates have none of their own.
    """

    epoch: int
    number: int
    of: int
    rate: float


class Share(NamedTuple):
    """What a shard did in a round. loss: sum over labelled outputs; mass: weight of its labelled steps; steps: rows."""

    loss: float
    mass: float
    steps: int


class Orders:
    """The orders of the blocks of all epochs, drawn one after the other as `Feed` draws them."""

    def __init__(self, cutter: Cutter, seed: int, shuffle: bool) -> None:
        self.cutter, self.seed, self.shuffle = cutter, seed, shuffle
        self._next = (0, 0)  # epoch and block whose order is drawn next
        self._restart()

    def of(self, epoch: int, number: int, sequences: int) -> Integers:
        """Return the order of a block; sequences: that it has."""
        if not self.shuffle:
            return np.arange(sequences)
        if self._next > (epoch, number):
            self._restart()
        while self._next < (epoch, number):
            cuts = self.cutter.epoch(self._next[0])
            self._generator.permutation(cuts[self._next[1]].sequences)
            self._advance(len(cuts))
        self._advance(len(self.cutter.epoch(epoch)))
        return self._generator.permutation(sequences)

    def _advance(self, blocks: int) -> None:
        """Go on to the next block; blocks: of this epoch."""
        epoch, number = self._next
        self._next = (epoch, number + 1) if number + 1 < blocks else (epoch + 1, 0)

    def _restart(self) -> None:
        self._generator, self._next = np.random.default_rng([self.seed, ORDER_STREAM]), (0, 0)


class ShardFeed(Feed):
    """Gives a Trainer the updates of rounds; what it keeps of one round saves work in the next, and decides nothing."""

    def __init__(self, model: Model, part: Sequences) -> None:
        super().__init__(model, part)
        self._orders = Orders(self.cutter, self.config.seed, self.config.shuffle)
        self._at = (-1, -1)
        self._begun_block: Begun | None = None
        self._hidden: Hidden = []

    def warm(self, trainer: Any) -> None:
        """Let the trainer see a sequence without training, which compiles its kernels."""
        trainer.load(kernel_data(self.model, self.part.read(0, 1, TRAINED)), 1)
        trainer.run(np.arange(1), 0, ())

    def train_round(
        self, trainer: Any, now: Round, rates: Callable[[Integers, int], NDArray[np.float64]]
    ) -> Share | None:
        """Train the updates of a round; rates: of updates of this epoch, and how many it has. None: it diverged."""
        cuts, batch = self.cutter.epoch(now.epoch), trainer.plan.batch
        before = ends(np.array([-(-cut.sequences // batch) for cut in cuts])).tolist()
        low, high = (before[-1] * number // now.of for number in (now.number, now.number + 1))
        loss, mass, steps = 0.0, 0.0, 0
        for number, cut in enumerate(cuts):
            first, stop = max(low, before[number]), min(high, before[number + 1])
            if first >= stop:
                continue
            block = self._block(now.epoch, number, cut)
            order = block.order[(first - before[number]) * batch : (stop - before[number]) * batch]
            trainer.load(block.data, len(order))
            losses = trainer.run(order, 1, rates(np.arange(first, stop), before[-1]))
            if losses is None:
                trainer.where[:] = 0, first + trainer.where[1]
                return None
            loss += float(losses[0])
            whole = self.config.random_start and len(order) == len(block.order)
            mass += block.mass if whole else float(block.data.mass[order].sum())
            steps += int(np.diff(block.data.offsets)[order].sum())
        return Share(loss, mass, steps)

    def _block(self, epoch: int, number: int, cut: Cut) -> Begun:
        """Give a block of an epoch, read where it is not there yet."""
        if self._at != (epoch, number):
            order, runs = self._orders.of(epoch, number, cut.sequences), cut.runs
            if self.single:
                data, runs = self._single(epoch, cut), [(0, self.part.sequences)]
            else:
                data = self._fill(self.buffers[0], cut)
            self._begun_block, self._at = self._begun(data, order, epoch, runs), (epoch, number)
        assert self._begun_block is not None
        return self._begun_block

    def _single(self, epoch: int, cut: Cut) -> Any:
        """Give the only block with what an epoch hides and drops."""
        if self.data is None:
            self.data = self._fill(self.buffers[0], cut)
        inputs = self.data.x.reshape(-1, self.cutter.inputs)
        show(inputs, self._hidden)
        self._hidden = self._disturb(inputs, self.data.offsets, epoch)
        return self.data

    @property
    def held(self) -> int:
        """Bytes of the blocks."""
        return sum(array.nbytes for buffer in self.buffers for array in buffer)
