"""Batches as PyTorch's packed sequences: which row of the table each step ends at, and how many sequences still run.

The longest sequence comes first, so that those which run at step t are a prefix, and rows of several sequences lie one
after the other: step 0 of all, step 1 of those that have one, .. Nothing is padded.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]


class Batch(NamedTuple):
    """Sequences that are computed together, the longest first.

    sequences: (n,) their numbers; first, last: (n,) their first and last rows in the table; steps: (n,) how many each
    has; stride: rows from one step to the next.
    """

    sequences: Integers
    first: Integers
    last: Integers
    steps: Integers
    stride: int

    @classmethod
    def of(cls, offsets: Integers, sequences: Integers, stride: int) -> Batch:
        """Order some sequences of a table by their length; offsets: (sequences of the table + 1,)."""
        steps = -(-(offsets[sequences + 1] - offsets[sequences]) // stride)
        order = np.argsort(-steps, kind="stable")
        sequences = sequences[order]
        return cls(sequences, offsets[sequences], offsets[sequences + 1] - 1, steps[order], stride)

    def some(self, part: slice) -> Batch:
        """Return some of its sequences, that follow one another."""
        sequences, first, last, steps = (values[part] for values in (self.sequences, self.first, self.last, self.steps))
        return Batch(sequences, first, last, steps, self.stride)

    def pieces(self, window: int) -> Iterator[Piece]:
        """Yield the batch in windows of so many steps; 0: all of them at once."""
        longest = int(self.steps[0])
        for begin in range(0, longest, window or longest):
            count = int(np.searchsorted(-self.steps, -begin, side="left"))
            steps = self.steps[:count] - begin
            yield self._piece(begin, np.minimum(steps, window) if window else steps)

    def _piece(self, begin: int, steps: Integers) -> Piece:
        """Lay so many steps of the first sequences out, from step `begin` on."""
        sizes = len(steps) - np.cumsum(np.bincount(steps))[:-1]
        start = np.cumsum(sizes) - sizes
        step = np.repeat(np.arange(len(sizes)), sizes)
        place = np.arange(len(step)) - start[step]
        after = self.steps[place] - 1 - (begin + step)
        return Piece(self, begin, steps, sizes, start, place, after, self.last[place] - after * self.stride)


class Piece(NamedTuple):
    """Some steps of the sequences of a batch, packed: P of them.

    steps: (n,) of each sequence that has some; sizes: (T,) sequences that run at each step; start: (T,) packed row of
    the first of these; place: (P,) which sequence of the batch; after: (P,) steps that follow in its sequence; rows:
    (P,) row of the table at which the step ends.
    """

    batch: Batch
    begin: int
    steps: Integers
    sizes: Integers
    start: Integers
    place: Integers
    after: Integers
    rows: Integers

    @property
    def width(self) -> int:
        """Sequences that have some of these steps."""
        return len(self.steps)

    @property
    def last(self) -> Integers:
        """(n,) packed row of the last of these steps of each sequence."""
        last: Integers = self.start[self.steps - 1] + np.arange(self.width)
        return last

    @property
    def padded(self) -> Integers:
        """(T, n) packed row of each step of each sequence; any row where a sequence has no such step."""
        rows = self.start[:, None] + np.arange(self.width)
        padded: Integers = np.minimum(rows, len(self.rows) - 1)
        return padded

    @property
    def flat(self) -> Integers:
        """(P,) where each packed row lies in `padded`, flat."""
        flat: Integers = np.repeat(np.arange(len(self.sizes)), self.sizes) * self.width + self.place
        return flat


def groups(steps: Integers, most: int) -> Iterator[slice]:
    """Cut sequences, the longest first, into groups of at most so many steps, or of one sequence. steps: (n,)."""
    first, total = 0, 0
    for n, count in enumerate(steps.tolist()):
        if n > first and total + count > most:
            yield slice(first, n)
            first, total = n, 0
        total += count
    yield slice(first, len(steps))
