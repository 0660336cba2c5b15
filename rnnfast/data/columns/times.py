"""Sort keys of a time column: its numbers, or nanoseconds of its dates."""

from __future__ import annotations

import csv
import io
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rnnfast.data.columns.datecolumn import DateColumn, no_time
from rnnfast.data.columns.numbers import MOSTLY, to_numbers
from rnnfast.data.sources.dialect import with_points
from rnnfast.data.sources.table import Table
from rnnfast.data.sources.texts import is_compact, numbers_of
from rnnfast.errors import DataError

SAMPLE = 1000  # cells that tell whether a column repeats its texts


class MixedTimes(Exception):
    """Some batches of a time column hold numbers and others dates: all are to be read as dates."""


class Keys(NamedTuple):
    """values: (rows,) numbers that sort like the times; text: (rows,) where a date is no number, None without dates."""

    values: NDArray[Any]
    text: NDArray[np.bool_] | None


class TimeBatches:
    """A time column that comes in batches, all of which hold numbers or all dates, as one table in memory does.

    dates: numbers are read as dates such as 20240131, since the column holds other dates, too. dayfirst: as of `forms`.
    """

    def __init__(self, name: str, dates: bool, dayfirst: bool | None = None) -> None:
        self.name, self.dates = name, dates
        self.numbers: bool | None = None  # whether the batches so far hold numbers
        self.rows, self.texts = 0, 0
        self.first_text: DataError | None = None
        self.column = DateColumn(name, dayfirst)

    def add(self, batch: Table) -> NDArray[Any]:
        """Return keys as `time_keys` does.

        Raises MixedTimes and OtherDates where only the whole column shows what its cells are.
        """
        values, text = self._keys(batch)
        if self.dates and text is not None:
            self.rows, self.texts = self.rows + len(text), self.texts + int(text.sum())
            if self.first_text is None and text.any():
                self.first_text = no_time(batch, int(text.argmax()), self.name)
        elif self.numbers not in (None, text is None):
            raise MixedTimes
        self.numbers = text is None
        return values

    def _keys(self, batch: Table) -> Keys:
        try:
            return _keys(batch, self.column, self.dates)
        except DataError as error:
            if not self.dates:  # few dates among numbers that may be dates themselves
                with suppress(DataError):
                    _keys(batch, DateColumn(self.name, None), True)
                    raise MixedTimes from error
            raise

    def finish(self) -> bool | None:
        """Return whether the day stands before the month, None where that is clear.

        Raises DataError for a column of numbers with some dates among them, and for dates that leave it open.
        """
        if self.first_text is not None and self.texts < MOSTLY * self.rows:
            raise self.first_text
        return self.column.finish()


def time_keys(table: Table, name: str, dayfirst: bool | None = None) -> tuple[NDArray[Any], bool | None, bool]:
    """Return (rows,) numbers that sort like the time column: its numbers, or nanoseconds of its dates.

    dayfirst: whether the day stands before the month, None where the dates are to tell.
    Returns: the numbers, dayfirst as the dates told it, and whether they are dates.
    Raises DataError for an empty cell and for text that is neither a number nor a date as those before it.
    """
    column = DateColumn(name, dayfirst)
    values = _keys(table, column, False).values
    return values, column.finish(), column.dates


def _keys(table: Table, column: DateColumn, as_dates: bool) -> Keys:
    """Read a time column; as_dates: even where all cells are numbers."""
    name = column.name
    series = table.frame[name]
    if not as_dates and (compact := numbers_of(series)) is not None:
        column.dates |= compact[1]
        return Keys(compact[0], None)
    series = series.astype(object) if is_compact(series) else series
    if series.dtype.kind == "M":
        if series.isna().any():
            raise no_time(table, int(series.isna().to_numpy().argmax()), name)
        return Keys(column.nanoseconds(table, series), np.ones(len(series), bool))
    if any(source.decimal == "," for source in table.sources):
        series = with_points(series)
    quick = None if as_dates else _from_text(series)
    if quick is not None:
        return Keys(quick, None)
    values = to_numbers(series)
    no_number = ~np.isfinite(values.to_numpy(dtype=np.float64, na_value=np.nan))
    if not as_dates and not no_number.any():
        return Keys(values.to_numpy(), None)
    empty = (series.isna() | (series == "")).to_numpy(dtype=bool)
    if empty.any():
        raise no_time(table, int(empty.argmax()), name)
    if no_number.mean() < MOSTLY and not as_dates:
        raise no_time(table, int(no_number.argmax()), name)
    texts = series.astype(str)  # numbers are no counts of nanoseconds
    return Keys(column.nanoseconds(table, column.add(table, texts)), no_number)


def _from_text(series: pd.Series[Any]) -> NDArray[Any] | None:
    """Return a text column of finite numbers as (rows,) numbers, None where not every cell is one.

    The parser of tables takes a tenth of the time of `pd.to_numeric`, which looks at one Python object after the other.
    """
    if series.dtype != object:
        return None
    sample = series.iloc[:: max(len(series) // SAMPLE, 1)]
    if len(series) > SAMPLE and len(set(sample)) < len(sample) / 2:  # steps of sequences: each text need be read once
        codes, texts = pd.factorize(series, use_na_sentinel=False)
        distinct = _from_text(pd.Series(texts, dtype=object))
        return None if distinct is None else distinct.take(codes)
    try:
        lines = io.StringIO("\n".join(series))
        frame = pd.read_csv(
            lines,
            header=None,
            names=["value"],
            sep="\x1f",
            quoting=csv.QUOTE_NONE,
            skip_blank_lines=False,
            keep_default_na=False,
            engine="c",
        )
    except (TypeError, ValueError):  # cells of other types, and whatever the parser refuses
        return None
    values: NDArray[Any] = frame["value"].to_numpy()
    good = len(values) == len(series) and values.dtype.kind in "iuf" and bool(np.isfinite(values).all())
    return values if good else None
