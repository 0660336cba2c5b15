"""Where the sequences of a table lie in its rows: arrays with one entry per sequence, which are in memory.

The rows of a table are ordered by id and time; the place of a row is its number in that order. A sequence is a stretch
of places inside one id: all of it, a window, or what a split left of these.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnfast.data.columns.schema import Schema
from rnnfast.data.sequences.spans import ends, windows

Integers = NDArray[np.int64]


class Index(NamedTuple):
    """owner: (sequences,) number of its id; start: place of its first row; length: its steps; all int64."""

    owner: Integers
    start: Integers
    length: Integers

    @property
    def offsets(self) -> Integers:
        """(sequences + 1,) first row of each where they lie end to end."""
        return ends(self.length)

    def cut(self, numbers: Integers, skipped: Integers, length: Integers) -> Index:
        """Sequences of those with these numbers but for their first `skipped` rows; length: of what they become."""
        return Index(self.owner[numbers], self.start[numbers] + skipped, length)


def index_of(schema: Schema, ids: Integers, stretches: Integers) -> Index:
    """Cut a table into sequences.

    ids: (ids + 1,) places where each id begins; stretches: (stretches + 1,) those of what windows are cut from: the
    ids, or without id the runs of rows of one part.
    """
    owner = np.searchsorted(ids, stretches[:-1], side="right") - 1 if len(stretches) != len(ids) else None
    if schema.window is None or schema.stride is None:
        numbers = np.arange(len(stretches) - 1, dtype=np.int64)
        return Index(numbers if owner is None else owner, stretches[:-1], np.diff(stretches))
    sequence, start, length = windows(stretches, schema.window, schema.stride)
    return Index(sequence if owner is None else owner[sequence], start, length)


class Fence(NamedTuple):
    """Keeps labels inside their part: those of rows of another part are left out.

    start, stop: (pieces,) places of the sequences of all parts, ascending; part: (pieces,) which part each belongs to.
    """

    start: Integers
    stop: Integers
    part: NDArray[np.int8]

    @classmethod
    def of(cls, pieces: list[Index]) -> Fence:
        """Put one around each of the parts."""
        start = np.concatenate([piece.start for piece in pieces])
        order = np.argsort(start, kind="stable")
        stop = start + np.concatenate([piece.length for piece in pieces])
        part = np.repeat(np.arange(len(pieces), dtype=np.int8), [len(piece.start) for piece in pieces])
        return cls(start[order], np.maximum.accumulate(stop[order]), part[order])

    def part_at(self, places: Integers) -> NDArray[np.int8]:
        """Return the part of rows, -1 where none holds them. Of pieces that overlap all are of one part."""
        piece = np.searchsorted(self.start, places, side="right") - 1
        inside = (piece >= 0) & (places < self.stop[piece])
        return np.where(inside, self.part[piece], np.int8(-1))


class Limit(NamedTuple):
    """The labels that sequences of a part may have.

    fence, part: labels from rows of another part are left out; reach: (sequences,) place of the last row that may give
    one, None for no such bound.
    """

    fence: Fence
    part: int
    reach: Integers | None = None

    def cut(self, numbers: Integers) -> Limit:
        """Those of some of the sequences."""
        return self if self.reach is None else self._replace(reach=self.reach[numbers])

    def refused(self, index: Index, horizon: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Tell the steps (rows,) whose label, so many rows later, is left out, and those of them where another part is
        the reason; index: of the sequences.
        """
        offsets = index.offsets
        label = np.arange(offsets[-1]) + np.repeat(index.start + horizon - offsets[:-1], index.length)
        part = self.fence.part_at(label)
        foreign = (part >= 0) & (part != self.part)
        if self.reach is None:
            return foreign, foreign
        beyond = label > np.repeat(self.reach, index.length)
        return foreign | beyond, foreign & ~beyond
