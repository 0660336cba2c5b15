"""Columns that look like an id or a time, though nobody said so: proposals to type, never choices.

What tells an id from a category or a measurement that repeats, in the first rows of a table:

    its name says that it is a key ("Customer ID", "vin", "cc_num"), and values repeat
    its name says what it names ("unit", "meter"), and values stand in runs or look like serial numbers, each of them
        once at a time of the table
    another column counts up inside each of its runs and starts anew with the next ("unit" beside "cycle")

A wrong proposal is worse than none: names of categories and of the calendar are never ids.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rnnfast.data.columns.dates import date_forms
from rnnfast.data.columns.namewords import CALENDAR, CATEGORIES, COUNTERS, KEYS, NAMED, NUMBERS, words_of
from rnnfast.data.columns.targetnames import TARGETS
from rnnfast.data.sources.texts import is_compact
from rnnfast.data.sources.totals_row import without_totals
from rnnfast.records import Record

SAMPLE_ROWS = 1 << 14  # at the start of a table, that are looked at
MOST_COMPARED = 200  # columns that are compared with each other: of more, the first ones
DATES_TRIED = 50  # different texts of a column that show whether it holds dates
LEAST_RUNS, LEAST_RUN = 3, 3.0  # runs, and rows in each on average, that tell an id by a column that counts up
MANY = 10  # values, from which on a key of unknown things is no small category
SERIAL = 0.8  # share of texts with a digit, from which on they look like serial numbers
CLOCK = r"\d{1,2}:\d\d(:\d\d(\.\d+)?)?"  # a time of day without its date
ISO = re.compile(r"\d{4}-\d{1,2}\b.*")

Parser = Callable[["pd.Series[Any]"], "pd.Series[Any]"]  # texts to dates, NaT where a text is none


class Candidate(Record, frozen=True):
    """A column that looks like it has a role.

    role: "id", "time", "target" or "categorical", as the option is called; why: what tells so, in words; option: what
    to type, quoted for a shell.
    """

    column: str
    role: str
    why: str
    option: str


@dataclass(frozen=True)
class _Column:
    """A column of the sample. series: its cells, none of them empty."""

    name: str
    series: pd.Series[Any]

    @cached_property
    def words(self) -> frozenset[str]:
        """Words of the name, as of `words_of`."""
        return words_of(self.name)

    @cached_property
    def factors(self) -> tuple[NDArray[np.int64], Any]:
        """(rows,) numbers of the different values, and these."""
        codes, distinct = pd.factorize(self.series)
        return codes, distinct

    @property
    def codes(self) -> NDArray[np.int64]:
        """(rows,) number of the value of each row."""
        return self.factors[0]

    @property
    def distinct(self) -> int:
        """Number of different values."""
        return len(self.factors[1])

    @property
    def repeats(self) -> float:
        """Rows of a value, on average."""
        return len(self.series) / self.distinct

    @cached_property
    def borders(self) -> NDArray[np.bool_]:
        """(rows - 1,) whether the next row has another value."""
        values = self.codes if self.text else self.series.to_numpy()
        return np.asarray(values[1:] != values[:-1])

    @property
    def in_runs(self) -> bool:
        """Whether the rows of each value stand together, several of them."""
        runs = int(self.borders.sum()) + 1
        return LEAST_RUN * runs <= len(self.series) and runs == self.distinct

    @property
    def text(self) -> bool:
        """Whether the cells are text."""
        return not pd.api.types.is_numeric_dtype(self.series.dtype)

    @cached_property
    def serial(self) -> bool:
        """Whether most texts hold a digit, as serial numbers do."""
        return float(np.mean([any(map(str.isdigit, str(value))) for value in self.factors[1]])) >= SERIAL

    @cached_property
    def few(self) -> pd.Series[Any]:
        """Some of the cells, spread over the sample, as text."""
        return self.series.iloc[:: max(len(self.series) // DATES_TRIED, 1)].astype(str).astype(object).str.strip()

    @cached_property
    def parser(self) -> Parser | None:
        """What turns the texts of the column into dates, None where they are none."""
        if not self.text or self.series.dtype.kind == "M":
            return None
        return next((parse for parse in _parsers(self.few.iloc[0]) if parse(self.few).notna().all()), None)

    @property
    def two_meanings(self) -> bool:
        """Whether the cells are dates with the day first and with the month first as well, which differ."""
        if self.parser is None:
            return False
        texts = pd.Series(self.factors[1], dtype=object).str.strip()
        every = (parse(texts) for parse in _parsers(texts.iloc[0]))
        meanings = [dates for dates in every if dates.notna().all()]
        return any((dates != meanings[0]).any() for dates in meanings[1:])

    @property
    def holds_dates(self) -> bool:
        """Whether the cells are dates."""
        return self.series.dtype.kind == "M" or self.parser is not None

    @cached_property
    def order(self) -> NDArray[Any] | None:
        """(rows,) numbers that sort like the cells: of numbers and dates, None of other text."""
        if self.series.dtype.kind in "iuf":
            return self.series.to_numpy()
        if not self.holds_dates:
            return None
        dates = self.series if self.parser is None else self.parser(self.series.astype(object).str.strip())
        return None if dates.isna().any() else dates.to_numpy(dtype="datetime64[us]").view(np.int64)


def candidates(
    rows: pd.DataFrame, role_columns: Collection[str] = (), id_column: str | None = None, time_column: str | None = None
) -> tuple[Candidate, ...]:
    """Return the columns that look like an id, then the one that looks like the time; likely ones first.

    rows: the first ones of a table, with all columns, of which the first MOST_COMPARED that could be one count.
    role_columns: those that have a role. id_column, time_column: those that are known; no candidate is sought for them.
    """
    rows = without_totals(rows.iloc[:SAMPLE_ROWS])
    names = islice((name for name in rows if _may_have_a_role(rows[name])), MOST_COMPARED)
    columns = {str(name): _Column(str(name), rows[name]) for name in names}
    free = [column for name, column in columns.items() if name not in role_columns]
    ids: list[tuple[_Column, str]] = []
    if id_column is None:
        ids = [(column, why) for column in free if (why := _id_reason(column, list(columns.values())))]
        ids.sort(key=lambda item: (not item[0].words & KEYS, not item[0].words & NAMED, -item[0].repeats))
    proposals = [Candidate(c.name, "id", why, f"--id {shlex.quote(c.name)}") for c, why in ids]
    if time_column is None:
        by = ids[0][0] if ids else columns.get(id_column or "")
        time = _time(free, by)
        if time is not None:
            proposals.append(Candidate(time[0].name, "time", time[1], f"--time {shlex.quote(time[0].name)}"))
    return tuple(proposals)


def date_columns(rows: pd.DataFrame, names: Collection[str]) -> list[str]:
    """Return those of the columns that hold dates; rows: as of `candidates`."""
    rows = without_totals(rows.iloc[:SAMPLE_ROWS])
    return [name for name in names if _may_have_a_role(rows[name]) and _Column(name, rows[name]).holds_dates]


def _parsers(text: str) -> list[Parser]:
    """Return functions from texts to dates that fit the first text."""
    if ISO.fullmatch(text):
        return [lambda texts: pd.to_datetime(texts, errors="coerce", utc=True, format="ISO8601")]
    return [form.parse for form in date_forms(text)]


def _may_have_a_role(series: pd.Series[Any]) -> bool:
    """Whether a column holds text, whole numbers or dates, with no empty cell and with different values."""
    if not len(series) or pd.api.types.is_bool_dtype(series.dtype) or series.isna().any():
        return False
    if series.dtype == object:
        return {type(cell) for cell in series} <= {str, int}
    return series.dtype.kind in "iufM" or series.dtype == "str" or is_compact(series)


def _id_reason(column: _Column, columns: list[_Column]) -> str:
    """Say why a column looks like an id; "" where it does not."""
    words, rows = column.words, len(column.series)
    if column.series.dtype.kind in "fM" or words & (CATEGORIES | CALENDAR) or column.name.casefold() in TARGETS:
        return ""
    entity = bool(words & NAMED)
    if not entity and not words & KEYS and not column.in_runs:
        return ""
    if column.distinct < 2 or rows - column.distinct < max(2, rows // 100):
        return ""
    if column.text and (column.holds_dates or _numeric(column)):
        return ""
    count = f"{column.distinct:,} values in {'' if rows < SAMPLE_ROWS else 'the first '}{rows:,} rows"
    if words & KEYS or (entity and words & NUMBERS):
        return count if entity or column.in_runs or column.distinct >= MANY else ""
    if column.in_runs and column.distinct >= LEAST_RUNS:
        counter = next((other for other in columns if other is not column and _counts_up(other, column)), None)
        if counter is not None:
            return f"{count}, in runs in which {counter.name!r} counts up"
    if not entity or column.repeats < 2:
        return ""
    if column.text and (column.serial or (column.in_runs and column.distinct >= LEAST_RUNS)):
        return count
    return f"{count}, each once at a time" if any(_panel(other, column) for other in columns) else ""


def _numeric(column: _Column) -> bool:
    """Whether a column of text holds mostly numbers, some of them damaged."""
    values = pd.to_numeric(pd.Series(column.factors[1], dtype=object), errors="coerce")
    return bool(values.notna().mean() > 0.5)


def _counts_up(counter: _Column, column: _Column) -> bool:
    """Whether another column rises inside each run of this one, and falls at most of their borders."""
    if counter.order is None:
        return False
    rises, falls = counter.order[1:] > counter.order[:-1], counter.order[1:] < counter.order[:-1]
    return bool(rises[~column.borders].all() and falls[column.borders].mean() > 0.5)


def _panel(time: _Column, column: _Column) -> bool:
    """Whether a column of times repeats them, each once for a value of this one."""
    if time is column or (not time.holds_dates and not time.words & (COUNTERS | CALENDAR)) or time.repeats < 1.5:
        return False
    pairs = time.codes * column.distinct + column.codes
    return len(np.unique(pairs)) == len(pairs)


def _time(columns: list[_Column], by: _Column | None) -> tuple[_Column, str] | None:
    """Choose the column that looks like the time, and say why; by: the id, where there is one."""
    with_dates = [column for column in columns if column.holds_dates and _steps(column, by) > 1]
    if with_dates:
        best = with_dates[0]
        if len(with_dates) > 1:
            best = max(with_dates, key=lambda column: (_in_order(column, by), _steps(column, by)))
        which = "; say --dayfirst or --no-dayfirst too" if best.two_meanings else ""
        clock = next((column.name for column in columns if column.text and column.few.str.fullmatch(CLOCK).all()), None)
        beside = ""
        if clock is not None:
            both = shlex.quote(f"{best.name},{clock}")
            beside = f"; {clock!r} has their times of day: one column of both tells rows apart (--time {both} says how)"
        return best, f"dates such as {best.series.iloc[0]}{which}{beside}"
    if by is None or not by.in_runs:
        return None
    counting = (column for column in columns if column.words & (COUNTERS | CALENDAR) and _counts_up(column, by))
    counter = next((column for column in counting if column is not by), None)
    return None if counter is None else (counter, f"counts up for each {by.name}")


def _steps(column: _Column, by: _Column | None) -> float:
    """Return how many different values a column has for each id, on average; of all rows where there is no id."""
    if by is None:
        return float(column.distinct)
    return len(np.unique(by.codes * column.distinct + column.codes)) / by.distinct


def _in_order(column: _Column, by: _Column | None) -> bool:
    """Whether a column never falls inside the runs of the id, or in the whole table."""
    if column.order is None:
        return False
    falls = column.order[1:] < column.order[:-1]
    return not (falls if by is None or not by.in_runs else falls[~by.borders]).any()
