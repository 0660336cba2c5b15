"""What predictions say beside answers that lie ahead, and which rows have none as nobody knows their lag."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from rnnfast.config.sections import DataConfig
from rnnfast.data import Encoder, Schema, SequenceData, Sequences
from rnnfast.data.columns.missing import chosen_rules
from rnnfast.data.columns.steps import Common
from rnnfast.data.sequences.ahead import common_times, ids_of, last_known, places_of, times_ahead


def ahead_names(schema: Schema) -> list[str]:
    """Return the columns with the times that answers are for: TIME_for, or TIME+H_for of several horizons."""
    if not schema.horizon or schema.time is None:
        return []
    return [f"{schema.time}{f'+{number}' if schema.horizons else ''}_for" for number in schema.ahead]


class Outlook:
    """What a table tells about rows whose answers lie ahead or begin with the target's past.

    A row at the end of an id whose lagged target is empty has no answer, unless `--missing` says what to put there.
    """

    def __init__(self, schema: Schema, encoder: Encoder, config: DataConfig, data: Sequences) -> None:
        self.schema, self.encoder, self.data = schema, encoder, data
        self.last: npt.NDArray[np.int64] | None = None
        if schema.lag_target and not chosen_rules(schema, config):
            self.last = last_known(data) + (schema.horizon == 0)  # whose own lag is the target of the row before
        self.unanswered, self.untimed = 0, False

    def readable(self, block: SequenceData) -> SequenceData:
        """Return the block with some number in the place of lags that nobody knows: its answers are not written."""
        rows, around = self._unknown(places_of(block)), block.around
        if len(rows):
            block = replace(block, x=self._filled(block.x, rows))
        if around is not None and len(rows := self._unknown(around.places)):
            block = replace(block, around=around._replace(x=self._filled(around.x, rows)))
        return block

    def _filled(self, x: npt.NDArray[Any], rows: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
        """Return a copy of x with some number for the lags of rows."""
        x, first = x.copy(), self.schema.first_lag
        for j, name in enumerate(self.schema.columns[first:], first):
            x[rows, j] = self.encoder.fills[name]
        return x

    def times(self, block: SequenceData, steps: npt.NDArray[np.int64]) -> dict[str, list[Any]]:
        """Return the columns with the times that answers are for; steps: rows of the block."""
        schema = self.schema
        if not schema.horizon or schema.time is None:
            return {}
        times = times_ahead(self.data, block, self._shared)[steps]
        self.untimed |= None in times
        return {name: times[:, j].tolist() for j, name in enumerate(ahead_names(schema))}

    @cached_property
    def _shared(self) -> Common | None:
        """What the times of ids of one row are told by."""
        return common_times(self.data)

    def empty(self, block: SequenceData, steps: npt.NDArray[np.int64]) -> list[int]:
        """Return the lines without an answer."""
        lines: list[int] = self._unknown(places_of(block)[steps]).tolist()
        self.unanswered += len(lines)
        return lines

    def _unknown(self, places: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return which of some places have a lag that nobody knows."""
        if self.last is None:
            return np.empty(0, dtype=np.int64)
        return np.flatnonzero(places > self.last[ids_of(self.data, places)])

    def notes(self) -> Iterator[str]:
        """Say what stays empty."""
        if self.unanswered:
            rows = "1 row has" if self.unanswered == 1 else f"{self.unanswered:,} rows have"
            yield (
                f"{rows} no answer: nothing is known there of {', '.join(self.schema.targets)}, whose last value is an "
                "input; rnnfast forecast answers the rows at the end of the table"
            )
        if self.untimed:
            yield f"the times of {self.schema.time!r} have no step that could be continued: such cells stay empty"
