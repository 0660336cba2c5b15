"""What a network is asked to answer the rows of a table: sequences with the rows around those that are answered.

data/sequences/context.py says which rows these are. Their features are gathered and encoded in blocks, so that next to
nothing is held twice; outputs of rows around are dropped here, and nobody above sees them.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnfast.data import SequenceData
from rnnfast.data.sequences.context import Context, answers_of
from rnnfast.data.sequences.index import Index
from rnnfast.data.sequences.spans import ends, spans
from rnnfast.errors import DataError
from rnnfast.model.linear_part import Beside
from rnnfast.network.alignment import aligned

Integers = NDArray[np.int64]
Floats = NDArray[np.floating[Any]]

BLOCK_ROWS = 1 << 13  # that are gathered and encoded at a time: they stay in a cache


class Question(NamedTuple):
    """Sequences that a network computes at once.

    inputs: (rows * F,) encoded; offsets: (sequences + 1,); rows: (n,) those that are answered, None for all.
    base: (n, O) scaled, what the outputs of these are added to; None where they are the answers.
    block: what was encoded, until the next question is made.
    """

    inputs: Floats
    offsets: Integers
    rows: Integers | None
    base: Floats | None
    block: SequenceData | None = None


class Questions:
    """The questions for all rows of data; iterating encodes them.

    beside: what answers beside the network. answers: the sequences with the rows around; None where each sequence is
    answered by itself.
    """

    def __init__(self, beside: Beside, data: SequenceData, context: Context, dtype: str) -> None:
        self.encoder, self.beside, self.data, self.dtype = beside.encoder, beside, data, dtype
        self.around, self.answers = data.surroundings, None
        if self.around is not None:
            part = data.index
            answers = answers_of(part, self.around.ids, data.schema, context)
            self.answers = answers if answers.adds_to(part, data.schema) else None

    def __iter__(self) -> Iterator[Question]:
        """Yield sequences of so many rows as are encoded at a time; all, where each is answered by itself."""
        if self.answers is None:
            inputs = self.encoder.transform(self.data, self.dtype).ravel()
            yield Question(inputs, self.data.offsets, None, self.beside.base(self.data, inputs), self.data)
            return
        offsets, count = self.answers.lies.offsets, ends(self.answers.stop - self.answers.first)
        marks = np.append(np.arange(0, offsets[-1], BLOCK_ROWS), offsets[-1])
        borders = np.unique(np.searchsorted(offsets, marks))
        assert self.around is not None
        most = int(np.diff(offsets[borders]).max())
        work = np.empty((most, self.around.x.shape[1]), self.around.x.dtype)
        for begin, end in zip(borders[:-1].tolist(), borders[1:].tolist(), strict=True):
            block, rows = self._block(begin, end, work)
            self._correct(block, rows, int(count[begin]), int(count[end]))
            inputs = self._encoded(block)
            yield Question(inputs, block.offsets, rows, self.beside.base(block, inputs, rows), block)

    def joined(self) -> Question:
        """Return all of them as one, to be asked again and again."""
        questions = list(self)
        if len(questions) == 1:
            return questions[0]
        size = sum(len(question.inputs) for question in questions)
        inputs = aligned(size, self.dtype)
        np.concatenate([question.inputs for question in questions], out=inputs)
        before = ends(np.array([question.offsets[-1] for question in questions]))[:-1]
        pairs = list(zip(questions, before, strict=True))
        offsets = np.concatenate([np.zeros(1, np.int64), *(one.offsets[1:] + rows for one, rows in pairs)])
        answers = [one.rows + rows for one, rows in pairs if one.rows is not None]
        bases = [one.base for one in questions if one.base is not None]
        return Question(inputs, offsets, np.concatenate(answers), np.concatenate(bases) if bases else None)

    def outputs(self, predictor: Any, joined: Question | None = None) -> Floats:
        """Ask a Predictor, or a Committee; joined: as `joined` made it before.

        Returns: outputs (rows, O) for the data, of a Committee (members, rows, O).
        """
        pieces = []
        for one in self if joined is None else (joined,):
            rows = slice(None) if one.rows is None else one.rows
            piece = predictor.outputs_of(one.inputs, one.offsets)[..., rows, :]
            pieces.append(self.beside.added(piece, one.base))
        outputs: Floats = pieces[0] if len(pieces) == 1 else np.concatenate(pieces, axis=-2)
        return outputs if self.position is None else outputs[..., self.position, :]

    def _block(self, begin: int, end: int, work: Floats) -> tuple[SequenceData, Integers]:
        """Gather the features of some sequences in `work`. Returns: them, and the rows that are answered."""
        assert self.answers is not None
        assert self.around is not None
        lies = Index(*(array[begin:end] for array in self.answers.lies))
        first, stop = self.answers.first[begin:end], self.answers.stop[begin:end]
        block = self.data.features_at(lies, self.around, work)
        return block, spans(block.offsets[:-1] + first, stop - first)

    def _encoded(self, block: SequenceData) -> Floats:
        """Return the inputs of a block; errors are those of the data, which names and counts each cell once."""
        try:
            return self.encoder.transform(block, self.dtype).ravel()
        except DataError:
            self.encoder.check(self.data)
            raise

    @property
    def position(self) -> Integers | None:
        """(rows,) which of all answered rows is each row of the data; None where they are the same, in order."""
        return None if self.answers is None else self.answers.position

    @cached_property
    def _row_of(self) -> Integers:
        """(answered rows,) a row of the data for each."""
        assert self.position is not None
        row_of = np.empty(int(self.position.max()) + 1, np.int64)
        row_of[self.position] = np.arange(self.data.rows)
        return row_of

    def _correct(self, block: SequenceData, rows: Integers, first: int, stop: int) -> None:
        """Let count what the data itself says of its rows, but for lags, which the first row of a window lacks.

        rows: of the block, which are the answers first .. stop - 1 of all. Writes: block.x.
        """
        own = self.data.x[first:stop] if self.position is None else self.data.x[self._row_of[first:stop]]
        columns = len(block.schema.columns) if block.schema.horizon else block.schema.first_lag
        if columns == own.shape[1]:
            block.x[rows] = own  # several times quicker than with columns
        else:
            block.x[rows, :columns] = own[:, :columns]


def scored_rows(data: SequenceData) -> SequenceData:
    """Leave away rows that an earlier window holds, as each is scored once; each window is, where its last step is."""
    return data if data.schema.predict == "last" else data.once()
