"""Turn the cells of a column into numbers.

A whole column is converted at once; the row of a bad cell is looked for after a conversion failed.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rnnfast.data.columns.novalue import no_values
from rnnfast.data.sources.batches import Batch
from rnnfast.data.sources.dialect import foreign_marks, hint
from rnnfast.data.sources.rewriting import without_thousands
from rnnfast.data.sources.source import plain, typed
from rnnfast.data.sources.table import Table

Floats = NDArray[np.float64]

LEAVE_OUT = "leave out"  # what else can be done with a feature
MOST_SPELLINGS = 100  # of true and false in a column, with all their cases and spaces
MOSTLY = 0.5  # share of cells that are numbers, from which a column with text counts as a damaged numeric one


def numbers(table: Table, name: str, otherwise: str = "", words: Collection[str] = ()) -> Floats:
    """Return a column as (rows,) float64, NaN where a cell is empty; text raises DataError.

    otherwise: a fix beside correcting the cell, before the name of the column, or LEAVE_OUT. words: of `novalue`, that
    count as empty.
    """
    series = table.frame[name]
    if is_quantity(series.dtype):
        return series.to_numpy(dtype=np.float64, na_value=np.nan)
    if (truths := _truths(series)) is not None:
        return truths
    values = parsed(series)
    bad = (values.isna() & series.notna()).to_numpy()
    if words and bad.any() and (blank := no_values(series, words)).any():
        if (truths := _truths(series.mask(blank))) is not None:
            return truths
        bad = bad & ~blank
    if bad.any():
        row, count = int(bad.argmax()), int(bad.sum())
        cell = table.cell(row, name)
        more = more_cells(table, count)
        source = table.source(row)
        if command := without_thousands(source, cell):
            fix = f"; write numbers without separators of thousands: {command}"
        else:
            comma = hint(cell, source.delimiter, source.decimal)
            fix = f"{comma}; {_fix(name, otherwise, count >= MOSTLY * series.notna().sum())}"
        raise table.error(row, name, f"{cell!r} is not a number{more}{fix}")
    return values.to_numpy(dtype=np.float64, na_value=np.nan)


def _fix(name: str, otherwise: str, mostly_text: bool) -> str:
    """Say what to do about a column with cells that are no numbers; otherwise: as of `numbers`."""
    if otherwise != LEAVE_OUT:
        return f"correct it, or {otherwise} {plain(name)}" if otherwise else "correct it or empty the cell"
    first = f"make its texts categories with {typed('--categorical', name)}" if mostly_text else "correct it"
    return f"{first}, or {leave_out(name)}"


def leave_out(name: str) -> str:
    """Say how a feature is left out."""
    return f"leave the column out with {typed('--ignore', name)}"


def is_quantity(kind: Any) -> bool:
    """Whether a column of this type holds numbers, or truths, that are taken as they are."""
    return pd.api.types.is_numeric_dtype(kind) and not pd.api.types.is_complex_dtype(kind)


def more_cells(table: Table, count: int) -> str:
    """Say that `count` cells are like the one that a message shows; of a batch, later ones are not counted."""
    if count < 2:
        return ""
    return " (and more such cells)" if isinstance(table, Batch) else f" (and {count - 1:,} more such cells)"


def parsed(series: pd.Series[Any]) -> pd.Series[Any]:
    """Return the cells as numbers, NaN where they are none."""
    if series.dtype.kind in "mM":  # dates of a DataFrame
        return pd.Series(np.full(len(series), np.nan))
    return to_numbers(series.astype(object))


def to_numbers(series: pd.Series[Any]) -> pd.Series[Any]:
    """Return objects as numbers, NaN where they are none; those beyond float64 are infinite."""
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


def mostly_numbers(table: Table, series: pd.Series[Any], filled: int) -> bool:
    """Tell whether a column of text is one of numbers, some of them damaged; filled: cells that are not empty."""
    if _truths(series) is not None:
        return True
    count, blank = _count(table, series), no_values(series)
    filled -= int(blank.sum())
    return filled > 0 and (count >= MOSTLY * filled or _truths(series.mask(blank)) is not None)


def _count(table: Table, series: pd.Series[Any]) -> int:
    """Count the cells that are numbers, or would be with another decimal mark where the table's is not sure."""
    count = int(parsed(series).notna().sum())
    sure = all(source.typed or source.delimiter == "," for source in table.sources)
    return count if sure or count >= MOSTLY * len(series) else count + foreign_marks(series)
