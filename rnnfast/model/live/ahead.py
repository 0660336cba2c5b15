"""The times that answers of a model with a horizon are for, continued by the step of an id's last rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnfast.data import Schema
from rnnfast.data.columns.steps import continued
from rnnfast.model.live.memory import Memory
from rnnfast.model.live.segments import Segments

SHOWN = 8  # last rows of an id that show its step: a week of working days, and the weekend
LONGEST = 40  # characters of a time
TIMES = "times"  # column of the memory: the last times of an id as texts, the newest one last


class Ahead:
    """Remembers the last times of each id; of models that have a horizon and a time column."""

    def __init__(self, schema: Schema, memory: Memory) -> None:
        self.schema, self.memory = schema, memory
        memory.add(TIMES, (SHOWN,), f"S{LONGEST}")

    def times(self, cells: Sequence[Any], here: Segments) -> NDArray[np.object_]:
        """Return (rows, horizons) the times ahead of rows in the order of the segments, None where unknown.

        cells: times of all rows as they came. Writes: the memory.
        """
        windows, ends, rows, column = list[str](), [0], list[int](), self.memory[TIMES]
        for slot, steps, begin, end in zip(here.slot, here.steps, here.offsets[:-1], here.offsets[1:], strict=True):
            there = min(int(steps), SHOWN)
            last = [text.decode() for text in column[slot, SHOWN - there :].tolist()]
            whole = [*last, *(str(cells[row])[:LONGEST] for row in here.order[begin:end].tolist())]
            for n in range(max(there, 1), len(whole)):  # the first row of an id shows no step
                windows += whole[max(n + 1 - SHOWN, 0) : n + 1]
                ends.append(len(windows))
                rows.append(int(begin) + n - there)
            newest = [text.encode("ascii", "replace") for text in whole[-SHOWN:]]
            column[slot, SHOWN - len(newest) :] = newest
        ahead, horizons = np.full((len(here.order), len(self.schema.ahead)), None, object), self.schema.ahead
        if rows:
            later = continued(_numbers(windows), np.array(ends), horizons[-1], self.schema.dayfirst)
            ahead[rows] = later[:, [steps - 1 for steps in horizons]]
        return ahead


def _numbers(texts: Sequence[str]) -> NDArray[Any]:
    """Return times as whole numbers, as numbers, or as the texts that they are."""
    cells = np.array(texts, object)
    for kind in (np.int64, np.float64):
        try:
            return cells.astype(kind)
        except (ValueError, OverflowError):
            continue
    return cells
