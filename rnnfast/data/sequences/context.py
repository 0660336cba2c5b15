"""Rows around those that are answered, so that each row is answered with a full window of rows before it.

The rows of an id, or of a table without id, are divided into cells of one window, from its first row on. A cell is
answered by one sequence, which begins a window less one row before it:

    id        0 1 2 3 4 5 6 7 8 9 ..       window 4
    cells     0 1 2 3|4 5 6 7|8 9          sequences 0..3, 1..7, 5..9, of which the last 4, 4 and 2 rows are answers

So a row sees one window to two of them, or all rows since its id began, whatever part or window it belongs to: its
answer depends on nothing but the table. Rows around the answered ones give features and lags, never labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnfast.data.columns.schema import Schema
from rnnfast.data.sequences.index import Index
from rnnfast.data.sequences.spans import ends, spans, steps

Integers = NDArray[np.int64]

WHOLE = 1 << 40  # rows: more than any id has


class Context(NamedTuple):
    """before, after: rows that an answer needs on either side of its cell; cell: rows that one sequence answers."""

    before: int
    cell: int
    after: int


def context_of(schema: Schema, remembers: bool, bidirectional: bool, reach: int = 1) -> Context:
    """Tell what answers need: without memory what one step sees, in sequences that are not cut all that their id has.

    remembers: whether outputs depend on the steps before. reach: rows that one step sees, its own and those before it.

    Two directions need as much after a row as before it. Where that would give the answer away (rows ahead, or after a
    lagged target, hold what is asked for), each row of a window is answered as the last one that is known.
    """
    window = schema.window or WHOLE
    if not remembers:
        return Context(min(reach, window) - 1, window, 0)
    if not bidirectional:
        return Context(window - 1, window, 0)
    if schema.horizon or schema.lag_target:
        return Context(window - 1, 1 if schema.window else WHOLE, 0)
    return Context(window - 1, window, window - 1)


class Answers(NamedTuple):
    """Sequences with the rows around those that are answered.

    lies: where they are; first, stop: (sequences,) the steps of each that are answered; position: (rows of the part,)
    which of all answered rows is each row of the part; None where they are the same, in the same order.
    """

    lies: Index
    first: Integers
    stop: Integers
    position: Integers | None

    def adds_to(self, part: Index, schema: Schema) -> bool:
        """Whether they hold more than the sequences of the part do.

        A lag without a horizon is missing in the first row of a window, though the table may know it.
        """
        lacks_lag = schema.lag_target and not schema.horizon and schema.window is not None
        same = np.array_equal(self.lies.start, part.start) and np.array_equal(self.lies.length, part.length)
        return lacks_lag or not same


class Surroundings(NamedTuple):
    """Rows of a table around those of a part, in the order of the ids and times.

    x: (rows, F) as of SequenceData, lags known wherever the table has a row before; row: (rows,) input rows.
    ids: (ids + 1,) places in the table where each id begins, then its number of rows.
    place, first: (stretches,) the place of the first row of each stretch of rows, ascending, and its number here.
    """

    x: NDArray[Any]
    row: Integers
    ids: Integers
    place: Integers
    first: Integers

    @classmethod
    def of(cls, x: NDArray[Any], row: Integers, ids: Integers, place: int = 0) -> Surroundings:
        """Take one stretch of rows, which begins at a place."""
        return cls(x, row, ids, np.array([place]), np.zeros(1, np.int64))

    @property
    def places(self) -> Integers:
        """(rows,) the place of each row in the table."""
        rows = np.arange(len(self.row))
        stretch = np.searchsorted(self.first, rows, side="right") - 1
        return rows - self.first[stretch] + self.place[stretch]

    def at(self, places: Integers) -> Integers:
        """Return the numbers here of the rows at some places."""
        stretch = np.searchsorted(self.place, places, side="right") - 1
        return places - self.place[stretch] + self.first[stretch]

    def only(self, index: Index) -> Surroundings:
        """Take the rows of some sequences, ascending."""
        _, start, stop = united(index._replace(owner=np.zeros_like(index.owner)))
        rows = self.at(spans(start, stop - start))
        first = ends(stop - start)[:-1]
        return Surroundings(self.x.take(rows, axis=0), self.row.take(rows), self.ids, start, first)

    @classmethod
    def joined(cls, pieces: Sequence[Surroundings]) -> Surroundings:
        """Put those of several pieces of one table, in the order of their places, end to end."""
        before = ends(np.array([len(piece.row) for piece in pieces]))
        return cls(
            np.concatenate([piece.x for piece in pieces]),
            np.concatenate([piece.row for piece in pieces]),
            pieces[0].ids,
            np.concatenate([piece.place for piece in pieces]),
            np.concatenate([piece.first + count for piece, count in zip(pieces, before, strict=False)]),
        )


def answers_of(part: Index, ids: Integers, schema: Schema, context: Context) -> Answers:
    """Find the sequences that answer each row of a part once, or with `predict` "last" all rows of each sequence.

    ids: as of Surroundings.
    """
    owner = np.searchsorted(ids, part.start, side="right") - 1  # among all ids, wherever the part was read
    part = part._replace(owner=owner)
    if schema.predict == "last":
        begin = ids[owner]
        stop = part.start + part.length
        start = np.maximum(begin, np.minimum(part.start, stop - 1 - context.before))
        return Answers(Index(owner, start, stop - start), part.start - start, stop - start, None)
    source, start, stop = united(part)
    position = None
    if (part.start[1:] < (part.start + part.length)[:-1]).any():
        before = ends(stop - start)
        places = spans(part.start, part.length)
        piece = np.searchsorted(start, places, side="right") - 1
        position = before[piece] + places - start[piece]
    begin, end = ids[part.owner[source]], ids[part.owner[source] + 1]
    cell = (start - begin) // context.cell
    count = (stop - 1 - begin) // context.cell - cell + 1
    several = np.repeat(np.arange(len(start), dtype=np.int64), count)
    cell = cell[several] + steps(count)
    source, start, stop, begin, end = (array[several] for array in (source, start, stop, begin, end))
    left = begin + cell * context.cell
    right = np.minimum(left + context.cell, end)
    start, stop = np.maximum(start, left), np.minimum(stop, right)
    first = np.maximum(begin, left - context.before)
    last = np.minimum(end, right + context.after) if context.after else stop
    return Answers(Index(part.owner[source], first, last - first), start - first, stop - first, position)


def united(part: Index) -> tuple[Integers, Integers, Integers]:
    """Unite sequences of one id that overlap or touch. Returns: the first of each, start and stop places, ascending."""
    order = np.argsort(part.start, kind="stable")
    start, stop, owner = part.start[order], (part.start + part.length)[order], part.owner[order]
    reached = np.maximum.accumulate(stop)
    apart = (start[1:] > reached[:-1]) | (owner[1:] != owner[:-1])
    first = np.flatnonzero(np.append(True, apart))
    return order[first], start[first], np.maximum.reduceat(stop, first)
