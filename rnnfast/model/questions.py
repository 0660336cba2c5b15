"""What a network is answers to answer the rows of a table: sequences with the rows around those that are answered.

data/sequences/context.py says which rows these are. Their features are gathered and encoded in blocks, so that next to
nothing is held twice; outputs of rows around are dropped here, and nobody above sees them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnfast.data import Encoder, SequenceData
from rnnfast.data.sequences.context import Context, answers_of
from rnnfast.data.sequences.index import Index
from rnnfast.data.sequences.spans import ends, spans

Integers = NDArray[np.int64]
Floats = NDArray[np.floating[Any]]

BLOCK_ROWS = 1 << 15  # that are gathered and encoded at a time


class Question(NamedTuple):
    """Sequences that a network computes at once.

    inputs: (rows * F,) encoded; offsets: (sequences + 1,); rows: (n,) those that are answered, None for all.
    """

    inputs: Floats
    offsets: Integers
    rows: Integers | None


class Questions:
    """The questions for all rows of data; iterating encodes them.

    answers: the sequences with the rows around; None where each sequence is answered by itself.
    """

    def __init__(self, encoder: Encoder, data: SequenceData, context: Context, dtype: str) -> None:
        self.encoder, self.data, self.dtype = encoder, data, dtype
        self.around, self.answers = data.surroundings, None
        if self.around is not None:
            answers = answers_of(data.index, self.around.ids, data.schema, context)
            lag = data.schema.lag_target and not data.schema.horizon  # which the first row of a window lacks
            self.answers = None if answers.alone and not lag else answers

    def __iter__(self) -> Iterator[Question]:
        """Yield sequences of so many rows as are encoded at a time; all, where each is answered by itself."""
        if self.answers is None:
            yield Question(self.encoder.transform(self.data, self.dtype).ravel(), self.data.offsets, None)
            return
        assert self.around is not None
        self.encoder.check(self.data)  # an error counts its cells, each once
        offsets, count = self.answers.lies.offsets, ends(self.answers.stop - self.answers.first)
        marks = np.append(np.arange(0, offsets[-1], BLOCK_ROWS), offsets[-1])
        borders = np.unique(np.searchsorted(offsets, marks))
        for begin, end in zip(borders[:-1].tolist(), borders[1:].tolist(), strict=True):
            lies = Index(*(array[begin:end] for array in self.answers.lies))
            first, stop = self.answers.first[begin:end], self.answers.stop[begin:end]
            block = self.data.features_at(lies, self.around)
            rows = spans(block.offsets[:-1] + first, stop - first)
            self._correct(block, rows, np.arange(count[begin], count[end]))
            yield Question(self.encoder.transform(block, self.dtype).ravel(), block.offsets, rows)

    def outputs(self, predictor: Any, questions: Iterable[Question] | None = None) -> Floats:
        """Ask a Predictor; questions: those of `self`, where they are kept. Returns: outputs (rows, O) for the data."""
        pieces = [
            predictor.outputs_of(inputs, offsets)[slice(None) if rows is None else rows]
            for inputs, offsets, rows in (self if questions is None else questions)
        ]
        outputs: Floats = pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
        return outputs if self._position is None else outputs[self._position]

    @property
    def _position(self) -> Integers | None:
        return None if self.answers is None else self.answers.position

    @cached_property
    def _row_of(self) -> Integers:
        """(answered rows,) a row of the data for each."""
        rows = np.arange(self.data.rows)
        if self._position is None:
            return rows
        row_of = np.empty(int(self._position.max()) + 1, np.int64)
        row_of[self._position] = rows
        return row_of

    def _correct(self, block: SequenceData, rows: Integers, answers: Integers) -> None:
        """Let count what the data itself says of its rows, but for lags, which the first row of a window lacks.

        rows: of the block, which are these of all answers. Writes: block.x.
        """
        columns = len(block.schema.columns if block.schema.horizon else block.schema.features)
        block.x[rows, :columns] = self.data.x[self._row_of[answers], :columns]


def scored_rows(data: SequenceData) -> SequenceData:
    """Leave away rows that an earlier window holds, as each is scored once; each window is, where its last step is."""
    return data if data.schema.predict == "last" else data.once()
