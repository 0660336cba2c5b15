"""Parts of a store: the same draw as for a table in memory, and blocks or a sample of a part."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from rnnfast.data.disk.budget import Budget
from rnnfast.data.disk.relabel import class_counts, strata
from rnnfast.data.disk.store import Store
from rnnfast.data.schema import Schema
from rnnfast.data.sequences import Integers, SequenceData, ends
from rnnfast.data.split.parts import Parts
from rnnfast.data.split.split import STREAM, all_shares, draw
from rnnfast.errors import DataError

RUN_BYTES = 1 << 20  # of x that are read at once: enough for a disk to be quick, little enough to stay in a cache
SAMPLE_STREAM = 6  # of the random numbers
ROW_BYTES = 100  # of a scored row beside its features: labels, outputs, answers and what metrics sort


@dataclass
class StoredPart:
    """Sequences of a store that train, validate or test.

    chosen: (sequences,) int64, ascending; counts: (classes,) labelled steps of each class, or (1,) of a quantity.
    """

    store: Store
    budget: Budget
    chosen: Integers
    counts: Integers

    weight = None  # of the rows in the loss: all weigh the same

    @property
    def schema(self) -> Schema:
        """Meaning of the columns."""
        return self.store.schema

    @property
    def source(self) -> tuple[str, ...]:
        """Names of the inputs."""
        return self.store.source

    @property
    def sequences(self) -> int:
        """Number of sequences."""
        return len(self.chosen)

    @cached_property
    def lengths(self) -> Integers:
        """(sequences,) int64, steps of each sequence."""
        return self.store.lengths[self.chosen]

    @property
    def rows(self) -> int:
        """Number of rows."""
        return int(self.lengths.sum())

    @property
    def labelled_steps(self) -> int:
        """Number of steps that count for loss and metrics."""
        return int(self.counts.sum())

    def blocks(self) -> Iterator[SequenceData]:
        """Yield all sequences in order, in blocks of about RUN_BYTES."""
        runs = self.store.runs(RUN_BYTES)
        return self._read(np.stack((runs[:-1], runs[1:]), axis=1))

    def sample(self, seed: int) -> SequenceData:
        """Read as many sequences as the budget lets score: all, or runs of them that are drawn at random."""
        columns, stored = len(self.schema.features), self.store.row_bytes
        rows = self.budget.sample // (2 * stored + 16 * columns + ROW_BYTES)
        runs = self.store.runs(min(RUN_BYTES, max(rows // 16, 1) * stored))
        if self.rows > rows:
            mine = np.add.reduceat(self._rows_of_each(), runs[:-1])
            order = np.random.default_rng([seed, SAMPLE_STREAM]).permutation(len(runs) - 1)
            count = int(np.searchsorted(np.cumsum(mine[order]), rows, side="right"))
            chosen = np.sort(order[: max(count, 1)])
        else:
            chosen = np.arange(len(runs) - 1)
        return joined(list(self._read(np.stack((runs[chosen], runs[chosen + 1]), axis=1))))

    def _rows_of_each(self) -> Integers:
        """(all sequences of the store,) their rows where they are of this part, else 0."""
        rows = np.zeros(self.store.sequences, np.int64)
        rows[self.chosen] = self.lengths
        return rows

    def _read(self, runs: NDArray[np.int64]) -> Iterator[SequenceData]:
        for first, stop in runs.tolist():
            begin, end = np.searchsorted(self.chosen, (first, stop)).tolist()
            if end > begin:
                data = self.store.read(first, stop)
                yield data if end - begin == stop - first else data.take(self.chosen[begin:end] - first)


def joined(pieces: Sequence[SequenceData]) -> SequenceData:
    """Put the sequences of several pieces of one table end to end."""
    values: dict[str, Any] = {
        name: np.concatenate([getattr(piece, name) for piece in pieces]) for name in ("x", "y", "row", "ids")
    }
    return replace(pieces[0], offsets=ends(np.concatenate([piece.lengths for piece in pieces])), **values)


def split_store(store: Store, budget: Budget, shares: Sequence[float], seed: int) -> Parts:
    """Split by whole sequence, at random, stratified by class: the parts that `split` gives for a table in memory.

    Raises as `split` does.
    """
    every = all_shares(shares)
    if len(every) == 1:
        whole = StoredPart(store, budget, np.arange(store.sequences), store.counts)
        return Parts(cast(Any, whole), None, None, f"all of {store.sequences:,} sequences")
    unit, what = np.arange(store.sequences), "sequences"
    if store.owner is not None and store.schema.id is not None and store.owner[-1] + 1 >= len(every):
        unit, what = store.owner, f"ids ({store.sequences:,} windows)"
    count = int(unit[-1]) + 1
    if count < len(every):
        raise DataError(
            f"{', '.join(store.source)}: {count:,} {what} cannot be split into {len(every)} parts; give more "
            "sequences, cut windows (--window N), name a table to validate on (--valid FILE), or train on everything "
            "(--split 1)"
        )
    part = draw(strata(store, unit, count), every, np.random.default_rng([seed, STREAM]))[unit]
    counts = class_counts(store, part, len(every))
    pieces: list[Any] = [
        StoredPart(store, budget, np.flatnonzero(part == index), counts[index]) for index in range(len(every))
    ]
    shown = " / ".join(f"{100 * share:.4g} %" for share in every)
    stratified = ", stratified" if store.schema.classes else ""
    rule = f"{shown if len(every) > 2 else shown.split(' / ')[0]} of {count:,} {what}, seed {seed}{stratified}"
    return Parts(pieces[0], pieces[1], pieces[2] if len(pieces) > 2 else None, rule)
