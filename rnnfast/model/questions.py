"""What a network is asked to answer the rows of a table: sequences with the rows around those that are answered.

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
from rnnfast.data.sequences.spans import spans

Integers = NDArray[np.int64]
Floats = NDArray[np.floating[Any]]

BLOCK_ROWS = 1 << 15  # that are gathered and encoded at a time


class Question(NamedTuple):
    """Sequences that a network computes at once.

    inputs: (rows * F,) encoded; offsets: (sequences + 1,); answers: (n,) the rows that are answers, None for all.
    """

    inputs: Floats
    offsets: Integers
    answers: Integers | None


class Questions:
    """The questions for all rows of data; iterating encodes them."""

    def __init__(self, encoder: Encoder, data: SequenceData, context: Context, dtype: str) -> None:
        self.encoder, self.data, self.dtype = encoder, data, dtype
        self.around = data.surroundings
        self.asked = None
        if self.around is not None:
            asked = answers_of(data.index, self.around.ids, data.schema, context)
            alone = asked.position is None and (asked.lies.length == asked.stop - asked.first).all()
            self.asked = None if alone else asked

    def __iter__(self) -> Iterator[Question]:
        """Yield sequences of so many rows as are encoded at a time; all, where each is answered by itself."""
        if self.asked is None:
            yield Question(self.encoder.transform(self.data, self.dtype).ravel(), self.data.offsets, None)
            return
        offsets = self.asked.lies.offsets
        marks = np.append(np.arange(0, offsets[-1], BLOCK_ROWS), offsets[-1])
        borders = np.unique(np.searchsorted(offsets, marks))
        for begin, end in zip(borders[:-1].tolist(), borders[1:].tolist(), strict=True):
            block, answers = self._block(begin, end)
            yield Question(self.encoder.transform(block, self.dtype).ravel(), block.offsets, answers)

    def outputs(self, predictor: Any, questions: Iterable[Question] | None = None) -> Floats:
        """Ask a Predictor; questions: those of `self`, where they are kept. Returns: outputs (rows, O) for the data."""
        pieces = [
            predictor.outputs_of(inputs, offsets)[slice(None) if answers is None else answers]
            for inputs, offsets, answers in (self if questions is None else questions)
        ]
        outputs: Floats = pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
        position = None if self.asked is None else self.asked.position
        return outputs if position is None else outputs[position]

    def _block(self, begin: int, end: int) -> tuple[SequenceData, Integers]:
        """Gather the features of some of the sequences. Returns: them, and the rows that are answered."""
        assert self.asked is not None
        assert self.around is not None
        lies, first, stop, position = self.asked
        part = Index(*(array[begin:end] for array in lies))
        block = self.data.features_at(part, self.around)
        answers = spans(block.offsets[:-1] + first[begin:end], (stop - first)[begin:end])
        # What the data itself says of its rows counts, but for lags, which it does not know at the start of a window.
        known = len(block.schema.columns if block.schema.horizon else block.schema.features)
        before = int((stop - first)[:begin].sum())
        own = np.arange(before, before + len(answers))
        block.x[answers, :known] = self.data.x[own if position is None else self._row_of[own], :known]
        return block, answers

    @cached_property
    def _row_of(self) -> Integers:
        """(answered rows,) a row of the data for each."""
        assert self.asked is not None
        assert self.asked.position is not None
        rows = np.empty(int(self.asked.position.max()) + 1, np.int64)
        rows[self.asked.position] = np.arange(self.data.rows)
        return rows


def scored_rows(data: SequenceData) -> SequenceData:
    """Leave away rows that an earlier window holds, as each is scored once; each window is, where its last step is."""
    return data if data.schema.predict == "last" else data.once()
