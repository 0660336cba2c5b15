"""Which sequences a network computes to answer new rows: those of a table, as data/sequences/context.py cuts them.

Without windows a sequence goes on where it was. With them, an id is divided into cells of one window; a cell is
answered by one sequence, which begins a window less one row before it: that many rows are remembered of each id. Models
that answer the last step of a window see the rows of the window alone, which are computed anew for each row.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnfast.data.sequences.context import WHOLE, Context
from rnnfast.data.sequences.spans import steps
from rnnfast.model.live.memory import Memory
from rnnfast.model.live.segments import Segments

Integers = NDArray[np.int64]
Floats = NDArray[np.floating[Any]]
ROWS = "rows"  # column of the memory: the last inputs of an id, the newest one last


class Pieces(NamedTuple):
    """Sequences to compute.

    inputs: (rows, F); offsets: (sequences + 1,); slot, begin, fresh: (sequences,) as of kernels.run.stepper.Turns;
    answers: (new rows,) rows whose outputs answer them.
    """

    inputs: Floats
    offsets: Integers
    slot: Integers
    begin: Integers
    fresh: Integers
    answers: Integers | slice

    @property
    def counts(self) -> Integers:
        """(sequences,) how many of the rows of each are new."""
        return np.asarray(np.diff(self.offsets) - self.begin)

    @property
    def new(self) -> NDArray[np.bool_]:
        """(rows,) which rows are new: of a sequence that goes on those before them were seen already."""
        lengths = np.diff(self.offsets)
        return np.asarray(steps(lengths) >= np.repeat(self.begin, lengths))


class Windows:
    """Cuts new rows into sequences.

    reach: rows that a step of the network sees; last: as of Schema.predict "last". alone: whether each row is a window.
    """

    def __init__(self, context: Context, reach: int, last: bool, features: int, dtype: str, memory: Memory) -> None:
        self.context, self.reach, self.memory = context, reach, memory
        self.anew, self.alone = last and context.cell < WHOLE, context.cell == 1
        cut = context.cell < WHOLE
        self.most = max(context.before if cut else 0, reach - 1)
        if self.most:
            memory.add(ROWS, (self.most, features), dtype)

    def pieces(self, inputs: Floats, here: Segments) -> Pieces:
        """Return the sequences for new inputs (rows, F), in the order of the segments. Writes: the memory."""
        if self.alone and not self.most:
            count, slot = len(inputs), here.of_rows(here.slot)
            return Pieces(inputs, np.arange(count + 1), slot, np.zeros_like(slot), np.ones_like(slot), slice(None))
        if not self.most:
            nothing = np.zeros(len(here.slot), np.int64)
            return Pieces(inputs, here.offsets, here.slot, nothing, (here.steps == 0).astype(np.int64), slice(None))
        rows, turns, answers, first = list[Floats](), list[tuple[int, int, int]](), list[Integers](), 0
        lengths = list[int]()
        for place, earlier, begin, end in zip(here.slot, here.steps, here.offsets[:-1], here.offsets[1:], strict=True):
            there = min(int(earlier), self.most)
            whole = np.concatenate([self.memory[ROWS][place, self.most - there :], inputs[begin:end]])
            zero = int(earlier) - there  # step of the first of these rows
            for start, old, stop, anew in self._cut(int(earlier), int(earlier + end - begin)):
                rows.append(whole[start - zero : stop - zero])
                # Rows before the new ones are computed too where the sequence begins.
                turns.append((int(place), 0 if anew else old - start, int(anew)))
                answers.append(np.arange(first + old - start, first + stop - start))
                lengths.append(stop - start)
                first += stop - start
            newest = whole[-self.most :]
            self.memory[ROWS][place, self.most - len(newest) :] = newest
        slot, before, fresh = map(np.ascontiguousarray, np.array(turns, np.int64).T)
        offsets = np.append(0, np.cumsum(lengths))
        return Pieces(np.concatenate(rows), offsets, slot, before, fresh, np.concatenate(answers))

    def _cut(self, old: int, stop: int) -> list[tuple[int, int, int, bool]]:
        """Return (first row, first new row, end, whether it is fresh) of each sequence for steps old .. stop - 1."""
        before, cell = self.context.before, self.context.cell
        if self.anew:
            return [(max(0, step - before), step, step + 1, True) for step in range(old, stop)]
        sequences = list[tuple[int, int, int, bool]]()
        while old < stop:
            left = old // cell * cell
            end, begun = min(stop, left + cell), max(0, left - before)
            start = begun if old == left else max(begun, old - self.reach + 1)
            sequences.append((start, old, end, old == left))
            old = end
        return sequences
