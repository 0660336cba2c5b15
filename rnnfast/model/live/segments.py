"""Rows of a piece in the order of their ids: stretches of one sequence each, which go on or begin anew."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]
Numbers = NDArray[np.int64] | NDArray[np.float64]

SHORT = 1 << 16


class Segments(NamedTuple):
    """Stretches of rows of one sequence, those of a slot one after the other.

    order: (rows,) which row of the piece stands where; offsets: (segments + 1,); slot: (segments,); steps: (segments,)
    rows of the sequence before, 0 where it begins; last: (segments,) whether it is the last one of its slot.
    """

    order: Integers
    offsets: Integers
    slot: Integers
    steps: Integers
    last: NDArray[np.bool_]

    @property
    def lengths(self) -> Integers:
        """(segments,) rows of each."""
        return np.diff(self.offsets)

    def of_rows(self, values: Integers) -> Integers:
        """Return (rows,), of each row the value of its segment."""
        return np.repeat(values, self.lengths)


def in_order(slots: Integers) -> Integers:
    """Return which row stands where once rows are ordered by slot, those of a slot as they came."""
    few = len(slots) > 0 and slots.max() < SHORT  # numbers of 16 bits are sorted in a tenth of the time
    return np.argsort(slots.astype(np.uint16) if few else slots, kind="stable")


def segments(slots: Integers, steps: Integers, breaks: NDArray[np.bool_] | None, order: Integers) -> Segments:
    """Divide rows that are ordered by slot.

    slots: (rows,) of the rows in that order; steps: (slots,) rows since the state of each began; breaks: (rows,)
    whether a sequence begins anew at a row, None for nowhere; order: as of Segments.
    """
    first = np.append(True, slots[1:] != slots[:-1])[: len(slots)]  # all may have been late
    starts = np.flatnonzero(first if breaks is None else first | breaks)
    slot = slots[starts]
    before = np.where(first[starts], steps[slot], 0)
    if breaks is not None:
        before[breaks[starts]] = 0
    last = np.append(slot[1:] != slot[:-1], True)[: len(slot)]
    return Segments(order, np.append(starts, len(slots)), slot, before, last)


def late(slots: Integers, key: Numbers, newest: Numbers, steps: Integers, ties: bool) -> NDArray[np.bool_]:
    """Return (rows,) which rows are not after those of their id before them; ties: rows of the same time may follow.

    slots: (rows,) ascending, the rows of each in the order they came; key: (rows,) their times; newest, steps: (slots,)
    the time of the last row of each, and how many there were.
    """
    not_after = np.less if ties else np.less_equal
    first = np.flatnonzero(np.append(True, slots[1:] != slots[:-1]))
    is_late = np.append(False, not_after(key[1:], key[:-1]))[: len(slots)]
    is_late[first] = (steps[slots[first]] > 0) & not_after(key[first], newest[slots[first]])
    if not is_late.any():
        return is_late
    for begin, end in zip(first, np.append(first[1:], len(slots)), strict=True):
        if is_late[begin:end].any():
            before = np.maximum.accumulate(key[begin:end])
            is_late[begin + 1 : end] = not_after(key[begin + 1 : end], before[:-1])
            if steps[slots[begin]] > 0:
                is_late[begin:end] |= not_after(key[begin:end], newest[slots[begin]])
    return is_late
