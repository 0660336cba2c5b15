"""Turn the columns of a table into numbers: features, and sort keys of the time column.

A whole column is converted at once; the row of a bad cell is looked for after a conversion failed.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rnnfast.catalogue import FILLS
from rnnfast.data.encoding.categories import categories
from rnnfast.data.sources.dialect import foreign_marks, hint, with_points
from rnnfast.data.sources.source import listing, plain
from rnnfast.data.sources.table import Table
from rnnfast.data.sources.texts import is_compact, numbers_of
from rnnfast.errors import DataError

Floats = NDArray[np.float64]

LEAVE_OUT = "leave the column out with --ignore"  # a fix for features
MOST_SPELLINGS = 100  # of true and false in a column, with all their cases and spaces
MOSTLY = 0.5  # share of cells that are numbers, from which a column with text counts as a damaged numeric one
SAMPLE = 1000  # cells that tell whether a column repeats its texts
ROW_BLOCK = 4096  # rows written at a time into the feature matrix, so that they stay in the cache


class Features(NamedTuple):
    """The feature columns of a table.

    x: (rows, F) float64, owned and C-contiguous, in original units, NaN where a cell is empty, indices of categories.
    categories: texts of each categorical column. gaps: number of empty cells of the columns that have some.
    """

    x: Floats
    categories: dict[str, tuple[str, ...]]
    gaps: dict[str, int]


def default_features(table: Table, taken: set[str]) -> tuple[tuple[str, ...], list[str]]:
    """Choose all numeric columns that are not taken.

    Returns: names in the order of the table, and notes about columns left out (text, or without any value).
    """
    names, text, blank = [], [], []
    for name in table.frame.columns:
        if name in taken:
            continue
        series = table.frame[name]
        filled = series.notna().sum()
        if not filled:
            blank.append(name)
        elif pd.api.types.is_numeric_dtype(series.dtype) or _mostly_numbers(table, series, int(filled)):
            names.append(name)
        else:
            text.append(name)
    notes = []
    if text:
        notes.append(f"left out, as text is no feature (--categorical makes it one): {listing(text)}")
    if blank:
        notes.append(f"left out, as every cell is empty: {listing(blank)}")
    return tuple(names), notes


def _mostly_numbers(table: Table, series: pd.Series[Any], filled: int) -> bool:
    return _truths(series) is not None or _count(table, series) >= MOSTLY * filled


def _count(table: Table, series: pd.Series[Any]) -> int:
    """Count the cells that are numbers, or would be with another decimal mark where the table's is not sure."""
    count = int(parsed(series).notna().sum())
    sure = all(source.typed or source.delimiter == "," for source in table.sources)
    return count if sure or count >= MOSTLY * len(series) else count + foreign_marks(series)


def features(
    table: Table, names: tuple[str, ...], categorical: Collection[str] = (), rules: Mapping[str, str] | None = None
) -> Features:
    """Read the feature columns.

    categorical: those of the names that hold categories; rules: what to do with the empty cells of each column, or None
    where the encoder of a model decides.
    Raises DataError for text among numbers, infinite values, and empty cells where the rule is "error"; with rules, for
    too many categories too.
    """
    known: dict[str, tuple[str, ...]] = {}
    columns, categorical = [], set(categorical)
    for name in names:
        if name in categorical:
            column, known[name] = categories(table, name, bounded=rules is not None)
        else:
            column = numbers(table, name, "" if rules is None else LEAVE_OUT)
        columns.append(column)
    x = np.empty((table.rows, len(names)))
    for start in range(0, table.rows, ROW_BLOCK):
        rows = slice(start, start + ROW_BLOCK)
        for j, column in enumerate(columns):
            x[rows, j] = column[rows]
    with np.errstate(over="ignore", invalid="ignore"):
        total = x.sum()
    if np.isfinite(total):
        return Features(x, known, {})
    # A sum of large finite values may overflow as well, so look closer.
    empty, infinite = np.isnan(x), np.isinf(x)
    refused = np.array([rules is not None and rules[name] == "error" for name in names])
    bad = infinite | (empty & refused)
    if bad.any():
        row = int(bad.any(axis=1).argmax())
        j = int(bad[row].argmax())
        raise _not_finite(table, row, names[j], bool(empty[row, j]), int(bad.sum()))
    counts = zip(names, empty.sum(axis=0).tolist(), strict=True)
    return Features(x, known, {name: count for name, count in counts if count})


def _not_finite(table: Table, row: int, name: str, empty: bool, count: int) -> DataError:
    cell, shown = table.cell(row, name), plain(name)
    more = f" (and {count - 1:,} more such cells)" if count > 1 else ""
    if empty:
        fix = f"fill it, say how with --missing {shown}=mean (zero, ffill), or {LEAVE_OUT} {shown}"
        return table.error(row, name, f"the cell is empty ({cell!r}){more}; {fix}")
    fix = f"correct it, remove the row, or {LEAVE_OUT} {shown}"
    return table.error(row, name, f"{cell!r} is infinite as a float64{more}; {fix}")


def gap_notes(gaps: Mapping[str, int], rules: Mapping[str, str] | None = None) -> list[str]:
    """Say how many cells of which columns are empty and, with rules, what becomes of them."""
    shown = [
        f"{plain(name)} {count:,}" + ("" if rules is None else f" ({FILLS[rules[name]].phrase})")
        for name, count in gaps.items()
    ]
    return [f"empty cells: {listing(shown)}"] if shown else []


def numbers(table: Table, name: str, otherwise: str = "") -> Floats:
    """Return a column as (rows,) float64, NaN where a cell is empty; text raises DataError."""
    series = table.frame[name]
    if pd.api.types.is_numeric_dtype(series.dtype) and not pd.api.types.is_complex_dtype(series.dtype):
        return series.to_numpy(dtype=np.float64, na_value=np.nan)
    if (truths := _truths(series)) is not None:
        return truths
    values = parsed(series)
    bad = (values.isna() & series.notna()).to_numpy()
    if bad.any():
        row, count = int(bad.argmax()), int(bad.sum())
        cell = table.cell(row, name)
        more = f" (and {count - 1:,} more such cells)" if count > 1 else ""
        source = table.source(row)
        comma = hint(cell, source.delimiter, source.decimal)
        fix = "correct it or empty the cell" if not otherwise else f"correct it, or {otherwise} {plain(name)}"
        if otherwise == LEAVE_OUT and count >= MOSTLY * series.notna().sum():
            fix = f"make its texts categories with --categorical {plain(name)}, or {otherwise} {plain(name)}"
        raise table.error(row, name, f"{cell!r} is not a number{more}{comma}; {fix}")
    return values.to_numpy(dtype=np.float64, na_value=np.nan)


def parsed(series: pd.Series[Any]) -> pd.Series[Any]:
    """Return the cells as numbers, NaN where they are none."""
    if series.dtype.kind in "mM":  # dates of a DataFrame
        return pd.Series(np.full(len(series), np.nan))
    return _to_numbers(series.astype(object))


def _to_numbers(series: pd.Series[Any]) -> pd.Series[Any]:
    try:
        return pd.to_numeric(series, errors="coerce")
    except OverflowError:  # Python's whole numbers beyond float64; as text they are infinite
        return pd.to_numeric(series.astype(str).where(series.notna()), errors="coerce")


def _truths(series: pd.Series[Any]) -> Floats | None:
    """Return (rows,) 1 for true, 0 for false in any case, NaN for empty; None where a cell is anything else."""
    if series.dtype.kind in "mMiufc" or isinstance(series.dtype, pd.CategoricalDtype):
        return None
    codes, distinct = pd.factorize(series)
    if len(distinct) > MOST_SPELLINGS:
        return None
    words = [str(value).strip().lower() for value in distinct]
    if not words or not set(words) <= {"true", "false"}:
        return None
    return np.array([float(word == "true") for word in words] + [np.nan])[codes]


def time_keys(table: Table, name: str) -> NDArray[Any]:
    """Return (rows,) numbers that sort like the time column: its numbers, or nanoseconds of its dates.

    Raises DataError for an empty cell and for text that is neither a number nor an ISO date.
    """
    series = table.frame[name]
    if (compact := numbers_of(series)) is not None:
        return compact
    series = series.astype(object) if is_compact(series) else series
    if series.dtype.kind == "M":
        dates, bad = series, series.isna().to_numpy()
    else:
        if any(source.decimal == "," for source in table.sources):
            series = with_points(series)
        quick = _from_text(series)
        if quick is not None:
            return quick
        values = _to_numbers(series)
        no_number = ~np.isfinite(values.to_numpy(dtype=np.float64, na_value=np.nan))
        if not no_number.any():
            return values.to_numpy()
        texts = series.astype(str).where(series.notna())  # numbers are no counts of nanoseconds
        dates = pd.to_datetime(texts, errors="coerce", utc=True, format="ISO8601")
        empty = (series.isna() | (series == "")).to_numpy(dtype=bool)
        bad = no_number if no_number.mean() < MOSTLY else dates.isna().to_numpy()
        bad = empty if empty.any() else bad
    if bad.any():
        row = int(bad.argmax())
        cell = table.cell(row, name)
        found = repr(cell) if cell.strip() else "the cell is empty, which"
        raise table.error(
            row, name, f"{found} is neither a number nor a date such as 2024-01-31 or 2024-01-31 12:00:00; write it so"
        )
    return dates.to_numpy(dtype="datetime64[ns]").view(np.int64)


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
