"""Inputs of the network for new rows, made with what is remembered of the row before them.

Changes, the time since the row before and the last known target need that row, and so do a cell that `ffill` fills and
a linear part beside the network.
The row before stands in front of the new ones, goes through what tables go through, and is dropped. A linear part sees
its inputs as they were encoded then, when the row before it was known.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnfast.catalogue import FILLS
from rnnfast.data import Schema, SequenceData
from rnnfast.data.columns.horizon import moved
from rnnfast.data.encoding.cells import carried
from rnnfast.data.encoding.inputs import UNSEEN
from rnnfast.data.reading.live import LiveRows
from rnnfast.data.sequences.derived import derived
from rnnfast.model.linear_part import Beside
from rnnfast.model.live.memory import Memory
from rnnfast.model.live.segments import Segments

Floats = NDArray[np.floating[Any]]
RAW, FILLED, TARGET, INPUTS = "row", "filled", "target", "inputs"  # columns of the memory


class Encoded(NamedTuple):
    """inputs: (rows, F) in the order of the segments; base: (rows, answers) what outputs are added to, or None."""

    inputs: Floats
    base: Floats | None


class Inputs:
    """Encodes rows of live sequences; beside: what answers beside the network."""

    def __init__(self, schema: Schema, beside: Beside, dtype: str, memory: Memory) -> None:
        self.schema, self.beside, self.dtype, self.memory = schema, beside, dtype, memory
        self.encoder = encoder = beside.encoder
        self.fills = [j for j, rule in enumerate(encoder.rules.values()) if FILLS[rule].carried]
        self.looks_back = bool(schema.derived or schema.lag_target or self.fills or beside.linear_part)
        if self.looks_back:
            memory.add(RAW, (len(schema.features),), np.float64)
            memory.add(FILLED, (len(schema.columns),), np.float64)
            memory.add(TARGET, (len(schema.targets),), np.float64)
        if beside.linear_part:
            memory.add(INPUTS, (len(encoder.names),), dtype)

    @property
    def plain(self) -> bool:
        """Whether inputs are the scaled numbers of a row and nothing else."""
        encoder = self.encoder
        looks_back = self.schema.derived or self.schema.lag_target or self.fills
        no_more = not (looks_back or encoder.categories or encoder.calendar or encoder.indicated)
        return no_more and not encoder.scaler.knots

    def encode(self, rows: LiveRows, here: Segments) -> Encoded:
        """Encode the rows of segments. Raises DataError for a cell that the model has no rule for."""
        memory, schema = self.memory, self.schema
        x, categories = self._categories(rows, rows.x[here.order])
        if not self.looks_back:
            data = self._data(x, here.offsets, here.order, categories, rows)
            return Encoded(self.encoder.transform(data, self.dtype), None)
        goes_on = here.steps > 0
        offsets = here.offsets + np.append(0, np.cumsum(goes_on))
        before = offsets[:-1][goes_on]  # places of the rows before
        own = np.delete(np.arange(offsets[-1]), before)
        slots = here.slot[goes_on]

        def together(new: Any, name: str) -> NDArray[Any]:
            whole = np.empty((int(offsets[-1]), *new.shape[1:]), new.dtype)
            whole[own] = new
            whole[before] = memory[name][slots]
            return whole

        raw = together(x, RAW)
        key = None if rows.key is None else together(rows.key[here.order], "key")
        columns = [raw]
        if schema.derived:
            columns.append(derived(raw, key, offsets, schema))
        y = together(rows.y[here.order].astype(np.float64), TARGET) if schema.lag_target else None
        if y is not None:
            columns.append(y if schema.horizon else moved(y, offsets, -1)[0])
        filled = np.column_stack(columns)
        for j in self.fills:
            filled[before, j] = memory[FILLED][slots, j]
        row = np.zeros(offsets[-1], np.int64)
        row[own] = here.order
        row[before] = here.order[here.offsets[:-1][goes_on]]
        data = self._data(filled, offsets, row, categories, rows)
        inputs = self.encoder.transform(data, self.dtype)
        if self.beside.linear_part:  # one row does not say how its own changes, lags and empty cells were encoded
            inputs[before] = memory[INPUTS][slots]
            memory[INPUTS][here.slot[here.last]] = inputs[offsets[1:][here.last] - 1]
        base = self.beside.base(data, inputs, own)
        self._remember(raw, filled, y, offsets, here)
        return Encoded(inputs[own], base)

    def _remember(self, raw: Floats, filled: Floats, y: Floats | None, offsets: Any, here: Segments) -> None:
        """Keep the last row of each slot. Writes: memory, filled."""
        ends, slots = offsets[1:][here.last] - 1, here.slot[here.last]
        for j in self.fills:
            filled[:, j] = carried(filled[:, j], offsets, np.nan)
        self.memory[RAW][slots], self.memory[FILLED][slots] = raw[ends], filled[ends]
        if y is not None:
            self.memory[TARGET][slots] = y[ends]

    def _categories(self, rows: LiveRows, x: Floats) -> tuple[Floats, dict[str, tuple[str, ...]]]:
        """Number categories as the model does, those that it lacks at the end; they are all one when remembered.

        Returns: x (a copy, where there are some), and the texts of each column.
        """
        categories: dict[str, tuple[str, ...]] = {}
        x = x.copy() if self.encoder.categories else x
        for name, own in self.encoder.categories.items():
            texts = (*own, UNSEEN, *(text for text in rows.categories[name] if text not in own))
            place = {text: k for k, text in enumerate(texts) if k != len(own)}
            j = self.schema.place_of[name]
            codes = np.array([*(place[text] for text in rows.categories[name]), np.nan])
            column = codes[np.where(np.isnan(x[:, j]), -1, x[:, j]).astype(np.int64)]
            x[:, j], categories[name] = column, texts
        return x, categories

    def _data(self, x: Floats, offsets: Any, row: Any, categories: Any, rows: LiveRows) -> SequenceData:
        """Return rows as the sequences that an encoder takes."""
        return SequenceData(
            x=np.ascontiguousarray(x),
            y=np.empty((len(x), 0)),
            offsets=offsets,
            ids=np.full(len(offsets) - 1, "", object),
            row=row,
            time=None,
            schema=self.schema,
            source=("the rows",),
            digest="",
            categories=categories,
            origin=rows.origin,
        )
