"""Continue a time column past its end, by the step that its last rows show.

The step of an id is the least difference of its last times, where all others are multiples of it (rows are missing
there) and it is at least every second one. Dates are counted by the first of these calendars in which they have a step:

    months           the same day of the month (or its end, where the month is too short), or always the month's end
    business days    Monday to Friday, where the rows pass over weekends
    time             microseconds

Numbers such as 20240131 and 202401 are dates where all are. What has no step, such as the times of events, is not
continued: None.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rnnfast.data.columns.datetexts import Writing, read_dates
from rnnfast.data.columns.regular import DAY, MONTH, all_rows, days_of_months, months_of, regular_step

Integers = NDArray[np.int64]
Dates = NDArray[np.datetime64]
Floats = NDArray[np.float64]

SHOWN = 100  # last rows of an id that show its step
COMPACT = {8: "%Y%m%d", 6: "%Y%m"}  # digits of a number that is a date
COMPACT_YEARS = (1900, 2100)  # in which such numbers are dates
ZONE = re.compile(r"(?<=[\dm])\s*(Z|UTC|GMT|[+-]\d\d:?\d\d)$", re.I)  # after a time of day
MONTHLY_END = 31  # day of the month that stands for the last one


@dataclass(frozen=True)
class Common:
    """What all ids of several rows have in common, for those of one row.

    kind: numbers or dates; steps: of each calendar, NaN where they have none or not the same; months_end: whether all
    rows are last days of months.
    """

    kind: type
    steps: tuple[float, ...]
    months_end: bool

    def step(self, column: _Numbers | _Dates, calendar: int) -> float:
        """Return that of a calendar of a column."""
        return self.steps[calendar] if self.kind is type(column) else np.nan


def common(pieces: Iterable[tuple[Any, Integers]], dayfirst: bool | None = None) -> Common | None:
    """Return what ids of several rows have in common, None where they have nothing.

    pieces: (cells, offsets) of some ids each, these and dayfirst as of `continued`.
    """
    kinds, steps, months_end = set(), list[list[Floats]](), True
    for cells, offsets in pieces:
        lengths = np.diff(offsets)
        several = lengths > 1
        if not several.any():
            continue
        column = _read(np.asarray(cells)[np.repeat(several, lengths)], dayfirst)
        if column is None:
            return None
        kinds.add(type(column))
        bounds = np.append(0, np.cumsum(lengths[several]))
        steps.append([np.unique(calendar.step) for calendar in column.calendars(bounds)])
        months_end &= column.months_end(bounds)
    if len(kinds) != 1:
        return None
    different = [np.unique(np.concatenate(of_calendar)) for of_calendar in zip(*steps, strict=True)]  # NaN is one
    return Common(kinds.pop(), tuple(float(step[0]) if len(step) == 1 else np.nan for step in different), months_end)


def continued(
    cells: Any, offsets: Integers, steps: int, dayfirst: bool | None = None, shared: Common | None = None
) -> NDArray[Any]:
    """Return (ids, steps) times after the last one of each id, written as the column writes them, else None.

    cells: (rows,) numbers, texts or dates in the order of the ids and times; offsets: (ids + 1,), each id having rows.
    dayfirst: as of Schema. shared: says the step of ids of one row; None: the other ids here do.
    """
    cells = np.asarray(cells)
    ahead = np.full((len(offsets) - 1, steps), None, dtype=object)
    if not ahead.size:
        return ahead
    column = _read(cells, dayfirst)
    if column is None:
        return ahead
    if shared is None and (np.diff(offsets) == 1).any():
        shared = common([(cells, offsets)], dayfirst)
    for number, calendar in enumerate(column.calendars(offsets, shared is not None and shared.months_end)):
        of_others = np.nan if shared is None else shared.step(column, number)
        step = np.where(np.isinf(calendar.step), of_others, calendar.step)
        ids = np.flatnonzero(~np.isnan(step) & (ahead[:, 0] == None))  # noqa: E711 - elementwise
        if len(ids):
            count = step[ids, None] * np.arange(1, steps + 1)
            ahead[ids] = column.written(calendar.after(ids, np.asarray(count, np.float64)), offsets[1:][ids] - 1)
    return ahead


def numbers_of_times(cells: NDArray[Any], dates: bool, dayfirst: bool | None = None) -> Floats:
    """Return times of any shape as numbers, NaN for None: those of the column, or the seconds of dates in their place.

    cells, dayfirst: as of `continued`; dates: as of Schema.
    """
    present = pd.notna(cells)
    numbers = np.full(cells.shape, np.nan)
    if not present.any():
        return numbers
    column = _read(cells[present], dayfirst) if dates else None
    if isinstance(column, _Dates):
        numbers[present] = column.values.astype("datetime64[us]").astype(np.int64) / 1e6
    elif not dates:
        numbers[present] = pd.to_numeric(pd.Series(cells[present])).to_numpy(np.float64)
    return numbers


@dataclass(frozen=True)
class _Calendar:
    """A way to count times; after: gives times of ids so many units later.

    step: (ids,) in its own unit, NaN for none, infinite for ids of one row, which have that of the others.
    """

    step: Floats
    after: Callable[[Integers, Floats], NDArray[Any]]


@dataclass(frozen=True)
class _Numbers:
    """A column of numbers; cells: as in the table."""

    cells: NDArray[Any]
    values: NDArray[Any]

    def calendars(self, offsets: Integers, months_end: bool = False) -> Iterator[_Calendar]:
        """Yield the only one: the numbers themselves."""
        last = self.values[offsets[1:] - 1]
        yield _Calendar(regular_step(self.values, offsets), lambda ids, count: last[ids, None] + count)

    def months_end(self, offsets: Integers) -> bool:
        """Numbers are no days."""
        return False

    def written(self, values: NDArray[Any], rows: Integers) -> NDArray[Any]:
        """Return numbers as cells of the column; rows: (ids,) that are continued."""
        whole = self.values.dtype.kind in "iu"
        if not isinstance(self.cells[rows[0]], str):
            numbers = values.astype(np.int64) if whole else np.vectorize(lambda x: float(f"{x:.12g}"))(values)
            return np.asarray(numbers.astype(object))
        texts = [str(cell).strip() for cell in self.cells[rows]]
        decimals = 0 if whole else max(len(text.partition(".")[2]) for text in texts)
        plain = all(re.fullmatch(r"[+-]?\d*\.?\d*", text) for text in texts)
        written = np.vectorize(lambda x: f"{x:.{decimals}f}" if plain else f"{x:.12g}", otypes=[object])
        return np.asarray(written(values))


@dataclass(frozen=True)
class _Dates:
    """A column of dates; values: in the clock of their place; writing: None for dates that are no texts.

    zones: (rows,) what follows each text, such as +01:00; place: time zone of dates that are no texts, or None.
    """

    cells: NDArray[Any]
    values: Dates
    writing: Writing | None
    zones: NDArray[np.object_] | None = None
    place: Any = None

    def months_end(self, offsets: Integers) -> bool:
        """Whether all rows are last days of months."""
        month, of_month = months_of(self.values.astype(DAY))
        return bool((of_month == days_of_months(month)).all())

    def calendars(self, offsets: Integers, months_end: bool = False) -> Iterator[_Calendar]:
        """Yield those that fit, the most special one first; months_end: whether those of one row go on so, too."""
        days = self.values.astype(DAY)
        clock = self.values - days
        same_clock = all_rows(clock == np.repeat(clock[offsets[:-1]], np.diff(offsets)), offsets)
        last, last_clock = self.values[offsets[1:] - 1], clock[offsets[1:] - 1]

        month, of_month = months_of(days)
        longest = days_of_months(month)
        anchor = np.maximum.reduceat(of_month, offsets[:-1])
        at_end, several = all_rows(of_month == longest, offsets), np.diff(offsets) > 1
        anchor[at_end & (several | months_end)] = MONTHLY_END
        same_day = all_rows(of_month == np.minimum(np.repeat(anchor, np.diff(offsets)), longest), offsets)

        def months_later(ids: Integers, count: Floats) -> Dates:
            later = month[offsets[1:] - 1][ids, None] + count.astype(np.int64)
            day = np.minimum(anchor[ids, None], days_of_months(later)) - 1
            return np.asarray(later.astype(MONTH).astype(DAY) + day + last_clock[ids, None])

        yield _Calendar(np.where(same_clock & same_day, regular_step(month, offsets), np.nan), months_later)

        business = np.busday_count(np.datetime64(0, "D"), days)
        over_weekend = np.diff(days.astype(np.int64), prepend=0) > np.diff(business, prepend=0)
        over_weekend[offsets[:-1]] = False
        weekdays = all_rows(np.is_busday(days), offsets) & np.logical_or.reduceat(over_weekend, offsets[:-1])

        def business_days_later(ids: Integers, count: Floats) -> Dates:
            first = last[ids, None].astype(DAY)
            later = np.busday_offset(first, count.astype(np.int64), roll="backward")
            return np.asarray(later + last_clock[ids, None])

        step = regular_step(business, offsets)
        yield _Calendar(np.where(same_clock & weekdays, step, np.nan), business_days_later)
        yield _Calendar(
            regular_step(self.values.astype(np.int64), offsets),
            lambda ids, count: last[ids, None] + count.astype(np.int64),
        )

    def written(self, values: Dates, rows: Integers) -> NDArray[Any]:
        """Return dates as cells of the column; rows: (ids,) that are continued."""
        if self.writing is None:
            flat = pd.DatetimeIndex(values.reshape(-1))
            flat = flat.tz_localize(self.place, ambiguous=np.zeros(len(flat), bool), nonexistent="shift_forward")
            return np.asarray(flat.astype(object)).reshape(values.shape)
        texts = np.array(self.writing.texts(values.reshape(-1)), dtype=object).reshape(values.shape)
        if not isinstance(self.cells[rows[0]], str):  # numbers that are dates
            return texts.astype(np.int64).astype(object)
        return texts if self.zones is None else np.asarray(texts + self.zones[rows][:, None])


def _read(cells: NDArray[Any], dayfirst: bool | None) -> _Numbers | _Dates | None:
    """Return what the cells are, None where they are neither numbers nor dates."""
    if cells.dtype.kind == "M" or isinstance(cells[-1], pd.Timestamp):
        dates = pd.DatetimeIndex(cells)
        return _Dates(cells, dates.tz_localize(None).to_numpy("datetime64[us]"), None, place=dates.tz)
    try:
        float(cells[-1])
    except (TypeError, ValueError):  # sooner known than by a look at all cells
        return _texts_as_dates(cells, dayfirst)
    values = np.asarray(pd.to_numeric(pd.Series(cells), errors="coerce"))
    if np.isfinite(values.astype(np.float64)).all():
        return _compact_dates(cells, values) or _Numbers(cells, values)
    return _texts_as_dates(cells, dayfirst)


def _compact_dates(cells: NDArray[Any], values: NDArray[Any]) -> _Dates | None:
    """Read numbers such as 20240131, None where not all are dates."""
    digits = {len(str(cell)) for cell in cells}
    if values.dtype.kind not in "iu" or len(digits) != 1 or (form := COMPACT.get(digits.pop())) is None:
        return None
    dates = pd.to_datetime(pd.Series(values).astype(str), format=form, errors="coerce")
    if dates.isna().any() or not dates.dt.year.between(*COMPACT_YEARS).all():
        return None
    return _Dates(cells, dates.to_numpy("datetime64[us]"), Writing(form))


def _texts_as_dates(cells: NDArray[Any], dayfirst: bool | None) -> _Dates | None:
    """Read dates in the clock of their place, None where not all are dates."""
    codes, distinct = pd.factorize(cells, use_na_sentinel=False)  # ids share their days
    texts = [str(cell).strip() for cell in distinct]
    zones = [match[0] if ":" in text and (match := ZONE.search(text)) else "" for text in texts]
    local = [text.removesuffix(zone) for text, zone in zip(texts, zones, strict=True)]
    dates = read_dates(local, dayfirst)
    if dates is None:
        return None
    values, writing = dates
    return _Dates(cells, values[codes], writing, np.array(zones, dtype=object)[codes])
