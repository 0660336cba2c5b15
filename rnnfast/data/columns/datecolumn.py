"""A time column of dates, all of which are written in one way: that of the first."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rnnfast.data.columns.dates import DateForm, date_forms
from rnnfast.data.sources.table import Table
from rnnfast.errors import DataError

FIRST, LAST = datetime(1677, 9, 22, tzinfo=UTC), datetime(2262, 4, 11, tzinfo=UTC)  # that nanoseconds can hold


class OtherDates(Exception):
    """Later dates show that the month stands before the day in the earlier ones. Attribute: dayfirst."""

    def __init__(self, dayfirst: bool | None) -> None:
        self.dayfirst = dayfirst


class DateColumn:
    """Reads dates batch after batch. name: of the column; dayfirst: as of `date_forms`."""

    def __init__(self, name: str, dayfirst: bool | None) -> None:
        self.name, self.dayfirst = name, dayfirst
        self.dates = False  # whether there are some
        self._iso: bool | None = None  # whether the dates are ISO's
        self._forms: list[DateForm] = []  # that fit all dates so far, where they are not
        self._first = ""  # date, and its place
        self._open: DataError | None = None  # about a date that has two meanings

    def add(self, table: Table, texts: pd.Series[Any]) -> pd.Series[Any]:
        """Return dates in UTC. Raises DataError for a text that is no date, OtherDates as it says."""
        if self._iso is None:
            text = texts.iloc[0]
            self._forms = [] if _iso_dates(texts.iloc[:1]).notna().all() else date_forms(text, self.dayfirst)
            self._iso, self._first = not self._forms, f"{text!r} ({table.where(0)})"
        if not self._iso:
            return self._formed(table, texts.str.strip())
        dates = _iso_dates(texts)
        if dates.isna().any():
            raise self._no_date(table, texts, int(dates.isna().to_numpy().argmax()))
        return dates

    def _formed(self, table: Table, texts: pd.Series[Any]) -> pd.Series[Any]:
        """Return dates that are written otherwise than ISO says."""
        meanings = [form.parse(texts) for form in self._forms]
        fitting = [place for place, dates in enumerate(meanings) if not dates.isna().any()]
        if not fitting:
            furthest = max(int(dates.isna().to_numpy().argmax()) for dates in meanings)
            raise self._no_date(table, texts, furthest)
        if fitting[0] and table.rows and self._open is not None:
            raise OtherDates(self._forms[fitting[0]].dayfirst)
        self._forms = [self._forms[place] for place in fitting]
        dates = meanings[fitting[0]]
        if len(fitting) == 1:
            self._open = None
        elif self._open is None and (differing := (dates != meanings[fitting[1]]).to_numpy()).any():
            row = int(differing.argmax())
            day, month = (meanings[place].iloc[row].strftime("%Y-%m-%d") for place in fitting)
            self._open = table.error(
                row,
                self.name,
                f"{table.cell(row, self.name)!r} may be {day} or {month}, and no other date of the column tells; "
                "say --dayfirst or --no-dayfirst",
            )
        return dates

    def nanoseconds(self, table: Table, dates: pd.Series[Any]) -> NDArray[np.int64]:
        """Return dates as (rows,) nanoseconds; raises DataError for the first one that they cannot hold."""
        self.dates = True
        utc = dates.dt.tz_localize("UTC") if dates.dt.tz is None else dates
        beyond = ((utc < FIRST) | (utc > LAST)).to_numpy()
        if beyond.any():
            row = int(beyond.argmax())
            raise table.error(
                row,
                self.name,
                f"{table.cell(row, self.name)!r} is not between {FIRST:%Y-%m-%d} and {LAST:%Y-%m-%d}; correct it",
            )
        return dates.to_numpy(dtype="datetime64[ns]").view(np.int64)

    def finish(self) -> bool | None:
        """Return whether the day stands before the month, None where that is clear.

        Raises DataError where the dates leave it open.
        """
        if self._open is not None:
            raise self._open
        return self._forms[0].dayfirst if self._forms else None

    def _no_date(self, table: Table, texts: pd.Series[Any], row: int) -> DataError:
        """Build the error about a cell that is no date, or one that is written otherwise than the first."""
        text = texts.iloc[row]
        if self.dayfirst is not None and date_forms(text, not self.dayfirst):
            option, part = ("--dayfirst", "day") if self.dayfirst else ("--no-dayfirst", "month")
            return table.error(
                row,
                self.name,
                f"{table.cell(row, self.name)!r} is no date with the {part} first ({option}); correct "
                "it, or let the dates tell",
            )
        if not self._iso or date_forms(text):
            return table.error(
                row,
                self.name,
                f"{table.cell(row, self.name)!r} is no date that is written like the first one, {self._first}; write "
                "all dates of a column in one way",
            )
        return no_time(table, row, self.name)


def _iso_dates(texts: pd.Series[Any]) -> pd.Series[Any]:
    return pd.to_datetime(texts, errors="coerce", utc=True, format="ISO8601")


def no_time(table: Table, row: int, name: str) -> DataError:
    """Build the error about a cell that is neither a number nor a date."""
    cell = table.cell(row, name)
    subject = repr(cell) if cell.strip() else "the cell is empty, which"
    return table.error(
        row, name, f"{subject} is neither a number nor a date such as 2024-01-31 12:00:00 or 31.01.2024; write it so"
    )
