"""Split by time: what lies before a point trains, what lies after it validates, after a second one tests.

The point is a time of the table, such that the asked share of all rows lies before it; rows of one time stay together.
A sequence that crosses it is cut there; the later part is answered with the rows before it (sequences/context.py).
Labels from beyond the point are left out, so that with a horizon of H training ends H steps before validation begins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnfast.config.forms import TIME
from rnnfast.data.columns.parts import PART_NAMES
from rnnfast.data.sequences.base import Sequences
from rnnfast.data.sequences.data import SequenceData
from rnnfast.data.sequences.index import Index
from rnnfast.data.splitting.parts import Parts, finished, merged_names
from rnnfast.data.splitting.quantiles import at_ranks, counts_around
from rnnfast.errors import DataError, UsageError

Integers = NDArray[np.int64]
Blocks = Callable[[], Iterator[NDArray[Any]]]


def by_time(data: Sequences, shares: Sequence[float], merge: bool = False) -> Parts:
    """Split at points in time; shares: of the rows of two or three parts, 1 in all. merge: without the first point.

    Raises UsageError for ids without time column; DataError where all rows have one time, or a part stays empty.
    """
    cuts = cuts_at(data, np.cumsum(shares)[:-1].tolist(), "--split-by")
    borders, points, texts, names = cuts.borders, cuts.points, cuts.texts, PART_NAMES[: len(shares)]
    if merge:
        borders, points, texts, names = [borders[0], *borders[2:]], points[1:], texts[1:], merged_names(names)
    share = " / ".join(f"{100 * part:.4g} %" for part in shares)
    rule = f"by time: {share} of {cuts.rows:,} rows, cut before {' and '.join(texts)}"
    pieces = [piece(data, first, stop) for first, stop in pairwise(borders)]
    fix = "rows of one time stay together: give other shares with --split, or more rows"
    return finished(dict(zip(names, pieces, strict=True)), rule, TIME, fix, points, reaches(pieces))


class Cuts(NamedTuple):
    """Where points in time cut a table.

    rows: of the table, each once; before: of them before each point. borders: for its begin, each point and its end
    (sequences,) the rows of each sequence before it. points: the time of each as in the table, or the input row without
    a time; texts: the same in words.
    """

    rows: int
    before: tuple[int, ...]
    borders: list[Integers]
    points: tuple[Any, ...]
    texts: tuple[str, ...]


def cuts_at(data: Sequences, shares: Sequence[float], option: str) -> Cuts:
    """Cut where about these shares of all rows lie before a point, rows of one time together; option: that asks for it.

    Raises as `by_time`.
    """
    if data.schema.time is None and data.schema.id is not None:
        raise UsageError(
            f"{option} time: the rows of each {data.schema.id!r} have no time to compare; name its column with --time"
        )
    once = data.once()

    def keys() -> Iterator[NDArray[Any]]:
        return (_key(block) for block in once.blocks(("key",)))

    points = _points(keys, once.rows, shares, ", ".join(data.source), option)
    borders, first_rows = _borders(data, points)
    shown = tuple(_shown(data, row) for row in first_rows)
    texts = tuple(f"{value!s}" if data.schema.time is not None else f"row {value + 1:,}" for value in shown)
    before = tuple(int(sum(np.count_nonzero(key < point) for key in keys())) for point in points)
    return Cuts(once.rows, before, borders, shown, texts)


def _key(block: SequenceData) -> NDArray[Any]:
    """What the rows of a block are ordered by: their time, or their place in the input."""
    return block.row if block.key is None else block.key


def _points(keys: Blocks, count: int, shares: Sequence[float], where: str, option: str) -> list[Any]:
    """Return the keys before which these shares of all lie; count: of the keys."""
    ranks = np.clip(np.rint(count * np.asarray(shares)).astype(np.int64), 0, count - 1)
    points = []
    for k, value in zip(ranks.tolist(), at_ranks(keys, count, ranks.tolist()), strict=True):
        below, upto, following = counts_around(keys, value)
        if not below and upto == count:
            raise DataError(
                f"{where}: all {count:,} rows have the same time, so no point divides them; "
                f"name another --time, or {option} sequence"
            )
        # Of equal times all go to one side: the one that comes nearer to the share.
        after = not below or (upto < count and upto - k < k - below)
        points.append(following if after else value)
    return points


def _borders(data: Sequences, points: Sequence[Any]) -> tuple[list[Integers], list[int]]:
    """Find where the points cut.

    Returns: for the begin, each point and the end (sequences,) the rows of each sequence before it; and for each point
    the first row that has its time.
    """
    before: list[list[Integers]] = [[] for _ in points]
    rows, first = [-1] * len(points), 0
    for block in data.blocks(("key",)):
        key = _key(block)
        for number, point in enumerate(points):
            before[number].append(np.add.reduceat(key < point, block.offsets[:-1], dtype=np.int64))
            if rows[number] < 0 and (same := key == point).any():
                rows[number] = first + int(same.argmax())
        first += block.rows
    return [np.zeros(data.sequences, np.int64), *(np.concatenate(counts) for counts in before), data.lengths], rows


def _shown(data: Sequences, row: int) -> Any:
    """Return the time of a row as in the table, or its number in the input."""
    sequence = int(np.searchsorted(data.offsets, row, side="right")) - 1
    block = data.read(sequence, sequence + 1, ("time",))
    row -= int(data.offsets[sequence])
    if block.time is None:
        return int(block.row[row])
    value = block.time[row]
    return value if isinstance(value, int | float | str) else str(value)


def piece(data: Sequences, first: Integers, stop: Integers) -> Sequences:
    """Take the rows first .. stop - 1 of each sequence."""
    numbers = np.flatnonzero(stop > first)
    if data.schema.overlapping and len(numbers):
        start = data.index.start[numbers]
        numbers = numbers[~_nested(start + first[numbers], start + stop[numbers] - 1)]
    return data.cut(numbers, data.offsets[numbers] + first[numbers], stop[numbers] - first[numbers])


def _nested(first: Integers, last: Integers) -> NDArray[np.bool_]:
    """Tell which pieces of overlapping windows hold nothing but rows of their neighbour; ascending first and last."""
    nested = np.zeros(len(first), dtype=bool)
    nested[:-1] = first[:-1] == first[1:]
    nested[1:] |= (last[1:] == last[:-1]) & (first[1:] != first[:-1])
    return nested


def reaches(pieces: Sequence[Sequences]) -> list[Integers | None]:
    """Return for each piece how far its labels may reach, as of Limit, where windows leave rows between out.

    Such a row is in no part, and may lie beyond the point: labels later than the last row that the id has in the part
    go, but for the last part, behind which no point lies.
    """
    schema = pieces[0].schema
    if schema.window is None or schema.stride is None or schema.stride <= schema.window:
        return []
    return [*(_last_rows(piece.index) for piece in pieces[:-1]), None]


def _last_rows(index: Index) -> Integers:
    """Return (sequences,) the place of the last row that the id of each has."""
    last = np.diff(index.owner, append=-1) != 0  # none where there is no sequence
    ends = (index.start + index.length - 1)[last]
    return np.repeat(ends, np.diff(np.flatnonzero(last), prepend=-1))
