"""Which runs of sequences a block holds, in each epoch."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnfast.data import Sequences
from rnnfast.errors import UsageError
from rnnfast.memory import shown
from rnnfast.model import Model

RUN_STREAM = 5  # of the random numbers
RUN_BYTES = 1 << 20  # of features that are read at once
LEAST_RUNS = 32  # of a block: it has to mix


class Cut(NamedTuple):
    """A block: runs of sequences, ascending, first and last + 1 of each; sequences: in all of them; epoch: its own."""

    runs: list[tuple[int, int]]
    sequences: int
    epoch: int


class Cutter:
    """Cuts a training part into blocks. inputs: of the network; targets: of a step; most_rows: of a block."""

    def __init__(self, model: Model, part: Sequences, targets: int) -> None:
        self.config = model.config.train
        self.inputs, self.targets = len(model.encoder.names), targets
        if part.room is None:
            self.runs = part.runs()
            self.capacity = self.most_rows = part.rows
            return
        row = np.dtype(self.config.dtype).itemsize * (self.inputs + 2 * self.targets)
        self.capacity = part.room.of_phase.block // row
        stored = max(part.read(0, 1, ("x",)).x.itemsize * len(part.schema.features), 1)
        runs = part.runs(min(RUN_BYTES // stored, max(self.capacity // LEAST_RUNS, 1)))
        self.runs = runs._replace(rows=part.offsets[runs.stop] - part.offsets[runs.first])
        if int(self.runs.rows.max()) > self.capacity:
            raise UsageError(
                f"--memory {shown(part.room.total)}: a sequence has {int(part.lengths.max()):,} steps, and "
                f"a block has room for {self.capacity:,}; give more memory, or cut windows (--window N)"
            )
        self.most_rows = min(self.capacity, int(self.runs.rows.sum()))

    def epoch(self, number: int) -> list[Cut]:
        """Return the blocks of an epoch."""
        runs: NDArray[np.int64] = np.arange(len(self.runs.first))
        if self.config.shuffle and len(runs) > 1:
            runs = np.random.default_rng([self.config.seed, RUN_STREAM, number]).permutation(runs)
        filled, first, cuts = np.cumsum(self.runs.rows[runs]), 0, []
        while first < len(runs):
            before = filled[first - 1] if first else 0
            stop = int(np.searchsorted(filled, before + self.capacity, side="right"))
            chosen = np.sort(runs[first:stop])
            begin, end = self.runs.first[chosen], self.runs.stop[chosen]
            cuts.append(Cut(list(zip(begin.tolist(), end.tolist(), strict=True)), int((end - begin).sum()), number))
            first = stop
        return cuts
