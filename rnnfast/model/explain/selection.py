"""Which answers of a table are explained."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rnnfast.data import Schema, SequenceData, Sequences
from rnnfast.errors import DataError, UsageError

Integers = NDArray[np.int64]

SEQUENCES = 100  # that are explained where nobody asks for others
STREAM = 12  # of the random numbers


@dataclass(frozen=True)
class Selection:
    """One row of each of some sequences.

    ids: texts as in the table, () for all. row: an input row, counted from 0, alone. step: of each sequence, from 1, or
    from -1, its last one, backwards. sequences: at most so many, drawn at random; seed: of that.
    """

    ids: tuple[str, ...] = ()
    row: int | None = None
    step: int = -1
    sequences: int = SEQUENCES
    seed: int = 0

    def check(self, schema: Schema) -> None:
        """Raise UsageError where the model does not know what is asked for."""
        if self.ids and schema.id is None:
            raise UsageError(f"--id {self.ids[0]}: the model knows no id; choose with --row N or --step N")
        if self.row is not None and (self.ids or self.step != -1):
            raise UsageError("--row N is one answer; leave out --id and --step")
        if self.step == 0:
            raise UsageError("--step 0: steps count from 1, or from -1, the last one, backwards")
        if self.sequences < 1:
            raise UsageError(f"--sequences {self.sequences}: expected 1 or more")

    def rows(self, data: Sequences, fields: tuple[str, ...], stride: int) -> Iterator[tuple[SequenceData, Integers]]:
        """Yield blocks with the rows that are chosen. Raises DataError where there is none.

        fields: of a block, as of `read`. stride: rows from one answer of a sequence to the next.
        """
        whole = self.row is not None or bool(self.ids)
        most, count = 1 if self.row is not None else self.sequences, 0
        for block in (data if whole else self._drawn(data)).blocks(fields):
            rows = self._of_block(block)
            left = block.offsets[np.searchsorted(block.offsets, rows, side="right")] - 1 - rows
            rows = rows[left % stride == 0][: most - count]
            count += len(rows)
            if len(rows):
                yield block, rows
        if not count:
            raise DataError(f"{', '.join(data.source)}: {self._missing(stride)}")

    def _drawn(self, data: Sequences) -> Sequences:
        """Draw sequences that have the step."""
        enough = np.flatnonzero(data.lengths >= abs(self.step))
        if len(enough) > self.sequences:
            generator = np.random.default_rng([self.seed, STREAM])
            enough = np.sort(generator.choice(enough, self.sequences, replace=False))
        return data if len(enough) == data.sequences else data.take(enough)

    def _of_block(self, block: SequenceData) -> Integers:
        if self.row is not None:
            return np.flatnonzero(block.row == self.row)[:1]
        eligible = block.lengths >= abs(self.step)
        if self.ids:
            eligible &= np.isin(block.ids.astype(str), self.ids)
        first, stop = block.offsets[:-1][eligible], block.offsets[1:][eligible]
        return np.asarray(first + self.step - 1 if self.step > 0 else stop + self.step, np.int64)

    def _missing(self, stride: int) -> str:
        """Say what the table lacks."""
        answered = f"; every {stride} rows, counted from the last one, there is an answer" if stride > 1 else ""
        if self.row is not None:
            return f"no row {self.row} that is answered; rows count from 0, without the header{answered}"
        if self.ids:
            listed = ", ".join(map(repr, self.ids))
            return (
                f"no sequence with the id {listed} that has step {self.step}; ids are texts as in the table{answered}"
            )
        return f"no sequence has step {self.step}{answered}"
