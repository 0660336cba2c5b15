"""The feature columns of a table, as they come batch by batch: numbers, and indices of categories."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from itertools import groupby, islice

import numpy as np
import pandas as pd

from rnnfast.catalogue import FILLS
from rnnfast.data.columns.candidates import date_columns
from rnnfast.data.columns.categories import MOST_CATEGORIES, categories, too_many
from rnnfast.data.columns.fewvalues import categorical_option, few_valued
from rnnfast.data.columns.marked import marked_number
from rnnfast.data.columns.novalue import WORDS
from rnnfast.data.columns.numbers import LEAVE_OUT, Floats, is_quantity, leave_out, more_cells, mostly_numbers, numbers
from rnnfast.data.sources.rewriting import without_thousands
from rnnfast.data.sources.source import listing, plain, short, typed
from rnnfast.data.sources.table import Table
from rnnfast.errors import DataError

COLUMN_BLOCK = 256  # columns taken from a table at a time
ROW_BLOCK = 4096  # rows written at a time into the feature matrix, so that they stay in the cache


def default_features(
    table: Table, role_columns: set[str], rows: pd.DataFrame, ids: Collection[str]
) -> tuple[tuple[str, ...], list[str]]:
    """Choose all numeric columns that are not among `role_columns`.

    rows: the first ones of the table, which show dates; ids: columns that look like one.
    Returns: names in the order of the table, and notes about columns left out (text, or without any value).
    """
    names, text, blank = [], [], []
    begins_empty = table.frame.iloc[:1].isna().to_numpy()[0].tolist()
    for name, kind, maybe_blank in zip(table.frame.columns, table.frame.dtypes, begins_empty, strict=True):
        if name in role_columns:
            continue
        if (quantity := pd.api.types.is_numeric_dtype(kind)) and not maybe_blank:
            names.append(name)
            continue
        series = table.frame[name]
        filled = int(series.notna().sum())
        if not filled:
            blank.append(name)
        elif quantity or mostly_numbers(table, series, filled):
            names.append(name)
        else:
            text.append(name)
    notes, dates = list[str](), set(date_columns(rows, text))
    texts = [name for name in text if name not in dates.union(ids)]
    signs = {name: cell for name in texts if (cell := marked_number(rows[name]))}
    texts = [name for name in texts if name not in signs]
    few = few_valued(rows, texts)
    if signs:
        cells = listing([repr(short(cell)) for cell in dict.fromkeys(signs.values())])
        notes.append(
            f"left out, as numbers have a point at most, no unit and no other sign ({cells}): {listing(list(signs))}"
        )
        commands = [command for cell in signs.values() if (command := without_thousands(table.sources[0], cell))]
        notes += [f"numbers without separators of thousands: {command}" for command in commands[:1]]
    for reason, columns in (
        (f"text is no feature ({categorical_option(few)} makes categories of it)", few),
        ("text is no feature (--categorical makes it one)", [name for name in texts if name not in few]),
        ("dates are no features", [name for name in text if name in dates]),
        ("it looks like an id", [name for name in text if name in ids and name not in dates]),
    ):
        notes += [f"left out, as {reason}: {listing(columns)}"] if columns else []
    if blank:
        notes.append(f"left out, as every cell is empty: {listing(blank)}")
    return tuple(names), notes


class Features:
    """Reads the feature columns of a table, batch after batch.

    categorical: those of the names that hold categories; rules: what to do with the empty cells of each column, or None
    where the encoder of a model decides.
    """

    def __init__(
        self, names: tuple[str, ...], categorical: Collection[str] = (), rules: Mapping[str, str] | None = None
    ) -> None:
        self.names, self.categorical, self.rules = names, set(categorical), rules
        self._texts: dict[str, dict[str, int]] = {name: {} for name in categorical}  # with the index of each
        self._empty = np.zeros(len(names), np.int64)
        self._first: Floats | None = None  # row
        self._constant = np.ones(len(names), bool)

    def add(self, table: Table) -> Floats:
        """Return the features of a batch, (rows, F) float64, C-contiguous.

        In original units; NaN where a cell is empty; a categorical column holds indices of `categories`.
        Raises DataError for text among numbers, infinite values, and empty cells where the rule is "error"; with rules,
        for too many categories too.
        """
        columns = list(self._columns(table))
        x = np.empty((table.rows, len(self.names)))
        for start in range(0, table.rows, ROW_BLOCK):
            rows = slice(start, start + ROW_BLOCK)
            for j, column in enumerate(columns):
                x[rows, j] = column[rows]
        with np.errstate(over="ignore", invalid="ignore"):
            total = x.sum()
        if not np.isfinite(total):  # a sum of large finite values may overflow as well, so look closer
            self._look_closer(table, x)
        self._compare(x)
        return x

    @property
    def categories(self) -> dict[str, tuple[str, ...]]:
        """Texts of each categorical column, by index: those of one batch are sorted."""
        return {name: tuple(texts) for name, texts in self._texts.items()}

    @property
    def constant(self) -> list[str]:
        """Columns that hold the same value in every row."""
        return [name for name, same in zip(self.names, self._constant, strict=True) if same]

    def gap_notes(self) -> list[str]:
        """Say how many cells of which columns are empty and what becomes of them; a model says so of its own tables."""
        if self.rules is None:
            return []
        shown = [
            f"{plain(name)} {count:,} ({FILLS[self.rules[name]].phrase})"
            for name, count in zip(self.names, self._empty.tolist(), strict=True)
            if count
        ]
        return [f"empty cells: {listing(shown)}"] if shown else []

    def _columns(self, table: Table) -> Iterator[Floats]:
        """Yield each column, (rows,) float64; those of numbers are taken many at a time, for wide tables."""
        kinds = table.frame.dtypes.to_dict()
        for plain_numbers, group in groupby(
            self.names, lambda name: name not in self.categorical and is_quantity(kinds[name])
        ):
            while names := list(islice(group, COLUMN_BLOCK)):
                if plain_numbers:
                    yield from table.frame[names].to_numpy(dtype=np.float64, na_value=np.nan).T
                else:
                    yield from (self._column(table, name) for name in names)

    def _column(self, table: Table, name: str) -> Floats:
        """Return one column, (rows,) float64."""
        if name not in self.categorical:
            return numbers(table, name, "" if self.rules is None else LEAVE_OUT, words=WORDS)
        bounded, texts = self.rules is not None, self._texts[name]
        column, here = categories(table, name, bounded)
        earlier = len(texts)
        for text in here:
            texts.setdefault(text, len(texts))
        if not earlier:
            return column
        if bounded and len(texts) > MOST_CATEGORIES:
            raise too_many(", ".join(source.name for source in table.sources), name, len(texts))
        index = np.array([*(texts[text] for text in here), np.nan])  # of the whole table, empty cells at the end
        return np.asarray(index[np.where(np.isnan(column), -1, column).astype(np.int64)])

    def _look_closer(self, table: Table, x: Floats) -> None:
        """Count empty cells; raise DataError for the first one that must not be, or that is infinite."""
        empty, infinite = np.isnan(x), np.isinf(x)
        refused = np.array([self.rules is not None and self.rules[name] == "error" for name in self.names])
        bad = infinite | (empty & refused)
        if bad.any():
            row = int(bad.any(axis=1).argmax())
            j = int(bad[row].argmax())
            raise _not_finite(table, row, self.names[j], bool(empty[row, j]), int(bad.sum()))
        self._empty += empty.sum(axis=0)

    def _compare(self, x: Floats) -> None:
        """Find out which columns differ from the first row."""
        if self._first is None:
            self._first = x[0].copy()
        self._constant &= x[-1] == self._first  # spares a pass over nearly all columns
        for j in np.flatnonzero(self._constant):
            self._constant[j] = (x[:, j] == self._first[j]).all()


def _not_finite(table: Table, row: int, name: str, empty: bool, count: int) -> DataError:
    cell = table.cell(row, name)
    more = more_cells(table, count)
    if empty:
        fix = f"fill it, say how with {typed('--missing', name, word='=mean')} (zero, ffill), or {leave_out(name)}"
        return table.error(row, name, f"the cell is empty ({cell!r}){more}; {fix}")
    fix = f"correct it, remove the row, or {leave_out(name)}"
    return table.error(row, name, f"{cell!r} is infinite as a float64{more}; {fix}")
