"""Split by time: what lies before a point trains, what lies after it validates, after a second one tests.

The point is a time of the table, such that the asked share of all rows lies before it; rows of one time stay together.
A sequence that crosses it is cut there: the later part begins with a fresh state and knows nothing of the step before.
Labels from beyond the point are left out, so that with a horizon of H training ends H steps before validation begins.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnfast.config.forms import TIME
from rnnfast.data.sequences import Integers, SequenceData
from rnnfast.data.split.parts import Parts, finished, take_labels
from rnnfast.errors import DataError, UsageError


def by_time(data: SequenceData, shares: Sequence[float]) -> Parts:
    """Split at points in time; shares: of the rows of two or three parts, 1 in all.

    Raises UsageError for ids without time column; DataError where all rows have one time, or a part stays empty.
    """
    if data.key is None and data.schema.id is not None:
        raise UsageError(
            f"--split-by time: the rows of each {data.schema.id!r} have no time to compare; name its column with --time"
        )
    keys: NDArray[Any] = data.row if data.key is None else data.key
    points = _points(data, keys, shares)
    side = sum(((keys >= point).astype(np.int8) for point in points), np.zeros(len(keys), dtype=np.int8))
    if data.label_row is not None and data.schema.window is not None:
        data = _without_gap_labels(data, side)
    shown = [_shown(data, int((keys == point).argmax())) for point in points]
    texts = [f"{value!s}" if data.time is not None else f"row {value + 1:,}" for value in shown]
    share = " / ".join(f"{100 * part:.4g} %" for part in shares)
    rows = _distinct(data, keys).size
    rule = f"by time: {share} of {rows:,} rows, cut before {' and '.join(texts)}"
    fix = "rows of one time stay together: give other shares with --split, or more rows"
    return finished(_cut(data, side, len(shares)), rule, TIME, fix, tuple(shown))


def _points(data: SequenceData, keys: NDArray[Any], shares: Sequence[float]) -> list[Any]:
    """Return the keys at which the parts after the first begin, ascending."""
    values = _distinct(data, keys)
    count = len(values)
    wanted = np.clip(np.rint(count * np.cumsum(shares)[:-1]).astype(np.int64), 0, count - 1)
    sorted_there = np.partition(values, wanted)
    points = []
    for k in wanted.tolist():
        value = sorted_there[k]
        below, upto = np.count_nonzero(values < value), np.count_nonzero(values <= value)
        if not below and upto == count:
            raise DataError(
                f"{', '.join(data.source)}: all {count:,} rows have the same time, so no point divides them; "
                "name another --time, or --split-by sequence"
            )
        # Of equal times all go to one side: the one that comes nearer to the share.
        after = not below or (upto < count and upto - k < k - below)
        points.append(values[values > value].min() if after else value)
    return points


def _distinct(data: SequenceData, keys: NDArray[Any]) -> NDArray[Any]:
    """Return the keys of the input rows that windows hold, each row once."""
    if not data.schema.overlapping:
        return keys
    present = np.zeros(int(data.row.max()) + 1, dtype=bool)
    key_of_row = np.zeros(len(present), dtype=keys.dtype)
    present[data.row], key_of_row[data.row] = True, keys
    return key_of_row[present]


def _shown(data: SequenceData, row: int) -> Any:
    """Return the time of a row as in the table, or its number in the input."""
    if data.time is None:
        return int(data.row[row])
    value = data.time[row]
    return value if isinstance(value, int | float | str) else str(value)


def _cut(data: SequenceData, side: NDArray[np.int8], parts: int) -> list[SequenceData]:
    """Cut the sequences where the side changes, and take the pieces of each part."""
    begins = np.zeros(data.rows, dtype=bool)
    begins[data.offsets[:-1]] = True
    begins[1:] |= side[1:] != side[:-1]
    starts = np.flatnonzero(begins)
    lengths = np.diff(starts, append=data.rows)
    sequence = np.searchsorted(data.offsets, starts, side="right") - 1
    part = side[starts]
    pieces = []
    for index in range(parts):
        chosen = np.flatnonzero(part == index)
        if data.schema.overlapping:
            chosen = chosen[~_nested(data.row[starts[chosen]], data.row[starts[chosen] + lengths[chosen] - 1])]
        piece = data.cut(sequence[chosen], starts[chosen], lengths[chosen])
        if data.schema.lag_target and not data.schema.horizon:
            # The step before belongs to another sequence now.
            fresh = piece.offsets[:-1][starts[chosen] != data.offsets[sequence[chosen]]]
            piece.x[fresh, len(data.schema.features) :] = np.nan
        pieces.append(piece)
    return pieces


def _nested(first: Integers, last: Integers) -> NDArray[np.bool_]:
    """Tell which pieces of overlapping windows hold nothing but rows of their neighbour; ascending first and last."""
    nested = np.zeros(len(first), dtype=bool)
    nested[:-1] = first[:-1] == first[1:]
    nested[1:] |= (last[1:] == last[:-1]) & (first[1:] != first[:-1])
    return nested


def _without_gap_labels(data: SequenceData, side: NDArray[np.int8]) -> SequenceData:
    """Take away the labels that stand in rows which no window holds and which may lie beyond the point.

    Such a row is in no part, and its time is not known here: labels later than the last row that the id has before the
    point go. Windows of one id follow each other by the stride, which tells how far a label reaches.
    """
    schema = data.schema
    if schema.window is None or schema.stride is None or schema.stride <= schema.window:
        return data
    new_id = np.concatenate(([True], data.ids[1:] != data.ids[:-1]))
    number = np.arange(data.sequences) - np.flatnonzero(new_id)[np.cumsum(new_id) - 1]  # of the window inside its id
    inside = np.arange(data.rows) - np.repeat(data.offsets[:-1], data.lengths)
    position = np.repeat(number * schema.stride, data.lengths) + inside
    of_id = np.repeat(np.cumsum(new_id), data.lengths)
    ends = np.flatnonzero(np.concatenate(((side[1:] != side[:-1]) | (of_id[1:] != of_id[:-1]), [True])))
    reach = np.repeat(position[ends], np.diff(ends, prepend=-1))
    beyond = (position + schema.horizon > reach) & (side < side.max())
    assert data.label_row is not None
    copy = replace(data, y=data.y.copy(), label_row=data.label_row.copy())
    take_labels(copy, beyond)
    return copy
