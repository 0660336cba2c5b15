"""From the columns of a table to the inputs of a network; everything is fitted on the training rows.

    numbers           (value - shift) * scale, one input each
    categories        an input per category of the training rows, 1 or 0, and one for all others, "(unseen)"
    times             sine and cosine of each unit of the calendar that is an input (calendar.py)
    missing values    by the column's rule; with `missing_indicator` one more input, 1 where the cell was empty
    embedded columns  a code: 0 for no category, 1, 2, .. for those of the training rows, then "(unseen)"

They come in the order that inputs.py says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from rnnfast.catalogue import FILLS
from rnnfast.config.sections import DataConfig, ModelConfig
from rnnfast.data.encoding import calendar
from rnnfast.data.encoding.cells import aligned, carried, cell_error, refused_gap
from rnnfast.data.encoding.embedding import embedded_columns
from rnnfast.data.encoding.fitting import USUAL, Fitting
from rnnfast.data.encoding.inputs import Inputs
from rnnfast.data.encoding.record import EncoderRecord, MissingRecord, consistent
from rnnfast.data.encoding.scaling import Scaler
from rnnfast.data.encoding.static import check_static
from rnnfast.data.sequences.data import SequenceData
from rnnfast.data.sources.source import listing, short
from rnnfast.errors import DataError, ModelError
from rnnfast.records import UNSET, decode, plain

Floats = NDArray[np.floating[Any]]

BLOCK_NUMBERS = 32768  # numbers scaled at a time: 256 KiB, so that they stay in the second-level cache


class Encoder(Inputs):
    """From the columns of SequenceData.x (schema.columns, original units, NaN = empty cell, category index) to the
    inputs of the network.
    """

    @classmethod
    def fit(
        cls, blocks: Iterable[SequenceData], config: DataConfig, most: int | None = None, model: ModelConfig = USUAL
    ) -> Encoder:
        """Fit to parts of the training rows, each visited once; a table in memory is one block.

        most: rows that quartiles are taken from, None for all; a sample of more is drawn the same way every time.
        model: says which columns are embedded, and which are constant in an id.
        Raises UsageError for options that do not fit the columns; DataError for a range beyond float64, for too many
        categories, and for a constant column that is none.
        """
        fitting: Fitting | None = None
        for block in blocks:
            fitting = fitting or Fitting(block.schema, config, most, model)
            fitting.add(block)
        if fitting is None:
            raise ValueError("an encoder needs at least one block of rows")
        return cls.fitted(fitting, config, model)

    @classmethod
    def fitted(cls, fitting: Fitting, config: DataConfig, model: ModelConfig = USUAL) -> Encoder:
        """Return the encoder of what was learned from all training rows; raises as `fit`."""
        return cls(
            fitting.rules,
            fitting.scaler(),
            fitting.categories(),
            fitting.fills(),
            config.unseen,
            config.missing_indicator,
            fitting.calendar(),
            embedded_columns(model.embed, fitting.categories()),
            fitting.static,
        )

    def transform(self, data: SequenceData, dtype: DTypeLike = np.float64) -> Floats:
        """Return the inputs for every step, a new (rows, len(names)) C-contiguous array that starts on a cache line.

        Raises DataError for other columns and, naming file, line, column and value, for a constant column that is none,
        an empty cell of a column whose rule is "error" and, with `unseen` "error", a category that the training rows
        lack.
        """
        self._check_columns(data)
        out = aligned((data.rows, len(self.names)), np.dtype(dtype))
        numbers = len(self.scaler.names)
        with np.errstate(over="ignore", invalid="ignore"):
            self._numbers(data, out[:, :numbers])
        out[:, numbers:] = 0
        rows, first = np.arange(data.rows), numbers
        for name, texts in self.expanded.items():
            codes = self._codes(data, name)
            some = codes >= 0
            out[rows[some], first + codes[some]] = 1
            first += len(texts) + (self.unseen == "bucket")
        for name, units in self.calendar.items():
            out[:, first : first + 2 * len(units)] = calendar.waves(data.x[:, self.place_of[name]], units)
            first += 2 * len(units)
        for j, name in enumerate(self.indicated, first):
            out[:, j] = np.isnan(data.x[:, self.place_of[name]])
        for j, name in enumerate(self.embedded, len(self.names) - len(self.embedded)):
            out[:, j] = self._codes(data, name) + 1
        if not self.static:
            return out
        ordered = aligned(out.shape, out.dtype)
        ordered[:] = out[:, self.order]
        return ordered

    @cached_property
    def without_codes(self) -> Encoder:
        """The same with an input for each category of the embedded columns."""
        return replace(self, embedded={})

    def check(self, data: SequenceData) -> None:
        """Raise the errors of `transform` for answers, without its work."""
        self._check_columns(data)
        for name in self.categories:
            self._codes(data, name)
        with np.errstate(over="ignore", invalid="ignore"):
            gaps = np.isnan(data.x.sum())  # one pass in nearly all cases
        for name in self.rules if gaps else ():
            self._check_gaps(data, name, answered=True)

    def _check_columns(self, data: SequenceData) -> None:
        for what, has, wants in (
            ("features", data.schema.columns, self.columns),
            ("columns of categories", data.schema.categorical, tuple(self.categories)),
        ):
            if has != wants:
                raise DataError(
                    f"{', '.join(data.source)}: its {what} are {', '.join(has) or 'none'}; the model wants "
                    f"{', '.join(wants) or 'none'}. Read the table with read_table(path, schema=model.schema)"
                )
        check_static(data, self.static)

    def _numbers(self, data: SequenceData, out: Floats) -> None:
        """Scale and fill the columns that hold numbers. Writes: out (rows, numbers)."""
        shift, scale, names = self.scaler.shift, self.scaler.scale, self.scaler.names
        places = [self.place_of[name] for name in names] if len(names) < len(self.columns) else None
        fill = np.array([self.fills.get(name, np.nan) for name in names], dtype=np.float64)
        fill = self.scaler.transform(fill[None])[0]
        fixed = [FILLS[self.rules[name]].fills and not FILLS[self.rules[name]].carried for name in names]
        constant = np.where(fixed, fill, np.nan)
        step = max(1, min(data.rows, BLOCK_NUMBERS // max(len(names), 1)))
        # One long loop per block instead of a short one per row: the rows of a block are as wide as these.
        shifts, scales = np.tile(shift, (step, 1)), np.tile(scale, (step, 1))
        work, gaps = np.empty((step, len(names))), False
        for start in range(0, data.rows, step):  # in `transform`, which lets numbers overflow
            block = data.x[start : start + step]
            block = block if places is None else block[:, places]
            rows = len(block)
            part = np.subtract(block, shifts[:rows], out=work[:rows])
            part *= scales[:rows]
            self.scaler.rank(part)
            if np.isnan(part.sum()):
                gaps = True
                np.copyto(part, constant, where=np.isnan(part))
            out[start : start + rows] = part
        if not gaps:
            return
        for j in np.flatnonzero(np.isnan(out).any(axis=0)):
            self._check_gaps(data, names[j])
            out[:, j] = carried(out[:, j], data.offsets, float(fill[j]))

    def _codes(self, data: SequenceData, name: str) -> NDArray[np.int64]:
        """Return (rows,), the input of a categorical column that is 1, counted from its first; -1 for none."""
        column, texts = data.x[:, self.place_of[name]], self.categories[name]
        place = {text: k for k, text in enumerate(texts)}
        # A place for empty cells ends the list, where the index -1 finds it.
        places = np.array([*(place.get(text, len(texts)) for text in data.categories[name]), -1], dtype=np.int64)
        empty = np.isnan(column)
        codes = places[np.where(empty, -1, column).astype(np.int64)]
        if self.unseen == "error" and (codes == len(texts)).any():
            row = int((codes == len(texts)).argmax())
            category, has = short(data.categories[name][int(column[row])]), listing(texts)
            raise cell_error(
                data,
                int(data.row[row]),
                name,
                f"{category!r} is a category that the training rows lack; they have {has}. Correct it, or train with "
                "--unseen bucket",
            )
        if empty.any():
            self._check_gaps(data, name)
            fill = place.get(str(self.fills[name]), -1) if self.fills[name] is not None else -1
            if FILLS[self.rules[name]].carried:
                return carried(np.where(empty, np.nan, codes), data.offsets, fill).astype(np.int64)
            codes[empty] = fill
        return codes

    def _check_gaps(self, data: SequenceData, name: str, answered: bool = False) -> None:
        """Raise DataError for an empty cell of a column that has no rule for it; answered: as of SequenceData.gaps."""
        if not FILLS[self.rules[name]].fills and (gaps := data.gaps(name, answered)).any():
            raise refused_gap(
                data, name, gaps, "the model has no rule for that", "train with --missing mean, zero or ffill"
            )

    def record(self) -> EncoderRecord:
        """Return the fields as they are stored; floats survive exactly."""
        return EncoderRecord(
            inputs=self.names,
            scaler=self.scaler.record(),
            categories=dict(self.categories),
            missing=MissingRecord(rules=dict(self.rules), fills=dict(self.fills), indicator=self.indicator),
            unseen=self.unseen,
            calendar=dict(self.calendar) or UNSET,
            embedded=dict(self.embedded) or UNSET,
            static=self.static or UNSET,
        )

    @classmethod
    def of_record(cls, record: EncoderRecord) -> Encoder:
        """Rebuild an encoder; raises ModelError for values that cannot be those of one encoder."""
        missing, scaler = record.missing, Scaler.of_record(record.scaler)
        encoder = cls(
            missing.rules, scaler, record.categories, missing.fills, record.unseen, missing.indicator,
            record.calendar or {}, record.embedded or {}, record.static or (),
        )  # fmt: skip
        try:
            fits = consistent(encoder) and encoder.names == record.inputs
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(f"the encoding stored in the model is damaged ({error!r}); train it again") from None
        if not fits:
            raise ModelError("the encoding stored in the model is damaged (its values do not fit); train it again")
        return encoder

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON values."""
        return dict(plain(self.record()))

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Encoder:
        """Rebuild an encoder from `to_json`, other keys are ignored; raises ModelError for damaged values."""
        try:
            return cls.of_record(decode(values, EncoderRecord))
        except ValueError as error:
            raise ModelError(f"the encoding stored in the model is damaged ({error}); train it again") from None
