"""Out-of-fold predictions: each row that is tested, answered by the model that did not see it, in input order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rnnfast.data import Schema, SequenceData, Sequences
from rnnfast.data.frames import columns_in_order, frame_beside, with_types
from rnnfast.data.reading.carried import narrowest_kind
from rnnfast.errors import UsageError
from rnnfast.model.answers import Predictions, as_they_are
from rnnfast.model.lines import OrderedLines
from rnnfast.model.outlook import Outlook
from rnnfast.model.output import Output, opened
from rnnfast.model.predictions import PREDICTED, kind_of, kinds_of, number_texts, pieces_of, rows_beside
from rnnfast.training.fold_results import FoldResult

if TYPE_CHECKING:
    import pandas as pd

Integers = NDArray[np.int64]

FOLD, REPEAT = "fold", "repeat"  # columns
BUCKET_BYTES = 1 << 26  # of lines that are put in order at once, where --memory says nothing


def check_columns(schema: Schema) -> None:
    """Raise UsageError where a column of the table has the name of one that stands beside the predictions."""
    for name in (schema.id, schema.time, *schema.answers):
        if name in (FOLD, REPEAT):
            raise UsageError(f"--output: the predictions have a column {name!r} of their own; rename that of the table")


class OutOfFold:
    """The predictions of all folds.

    table: all of it; results: of the folds; part_of: returns the test part of one.
    """

    def __init__(
        self, table: Sequences, results: Sequence[FoldResult], part_of: Callable[[FoldResult], Sequences]
    ) -> None:
        self.table, self.results, self.part_of = table, results, part_of
        self.model = results[0].model
        self.schema = self.model.schema

    def write(self, output: Output) -> int:
        """Write a line for each row, or for each sequence where its last step is predicted; return how many."""
        pieces = self._pieces(partial(number_texts, dtype=self.model.config.train.dtype), "")
        first, written = next(pieces), 0
        size = BUCKET_BYTES if self.table.room is None else self.table.room.of_phase.bucket
        kinds = kinds_of(self.model, first.columns) | self._kinds(output.has_types)
        with opened(output, kinds) as stream, OrderedLines(stream, size) as ordered:
            for piece in chain((first,), pieces):
                ordered.add(piece.rows, stream.texts(piece.columns.values()))
                written += len(piece.rows)
            ordered.write()
        return written

    def frame(self, source: Any) -> pd.DataFrame:
        """Return the same as a DataFrame, with the index of the source where that is one."""
        rows, columns = columns_in_order(self._pieces(as_they_are, np.nan))
        frame = frame_beside(source, rows, columns, (self.schema.id, self.schema.time))
        ahead = [name for name in columns if self.schema.horizon and name.endswith("_for")]
        return with_types(frame, source, dict.fromkeys(ahead, self.schema.time))

    def _pieces(self, texts: Callable[[NDArray[Any]], Any], blank: Any) -> Iterator[Predictions]:
        """Yield the lines of one block of a fold after the other; texts, blank: as of `pieces_of`."""
        for result in self.results:
            part = self.part_of(result)
            data = part.in_context(result.model.context_of(part.schema))
            outlook = Outlook(self.schema, result.model.encoder, result.model.config.data, data)
            beside = partial(self._beside, result, texts is not as_they_are)
            yield from pieces_of(result.model, data, outlook, beside, texts, (*PREDICTED, "y"), blank)

    def _beside(
        self, result: FoldResult, as_texts: bool, block: SequenceData, steps: Integers, answers: Sequence[str]
    ) -> dict[str, Any]:
        """Return the columns between keys and answers: the fold, and what was asked for."""
        columns: dict[str, Any] = rows_beside(block, steps)
        if result.of_several:
            columns[REPEAT] = [result.repeat] * len(steps)
        columns[FOLD] = [result.number] * len(steps)
        blank = "" if as_texts else None
        for name, values in zip(self.schema.answers, block.y[steps].T, strict=True):
            if self.schema.classes:
                cells: Any = [blank if value != value else self.schema.classes[int(value)] for value in values.tolist()]
            else:
                cells = _texts(values) if as_texts else values
            columns[name] = cells
        return columns

    def _kinds(self, typed: bool) -> dict[str, str]:
        """Return the kinds of the columns that are no answers; typed: those of id and time too, by all their cells."""
        of_target = kind_of(self.schema.classes) if self.schema.classes else "float64"
        kinds = dict.fromkeys(self.schema.answers, of_target)
        if typed and self.schema.id is not None:
            kinds[self.schema.id] = narrowest_kind(block.ids for block in self.table.blocks(("ids",)))
        if typed and self.schema.time is not None:
            times = (block.time for block in self.table.blocks(("time",)))
            kinds[self.schema.time] = narrowest_kind([str(cell) for cell in cells] for cells in times)
        return kinds


def _texts(values: NDArray[Any]) -> list[str]:
    """Return quantities as in a table: without a fraction where they have none, and nothing where there is none."""
    return ["" if value != value else repr(value).removesuffix(".0") for value in values.tolist()]
