"""Sort keys of a time column: its numbers, or nanoseconds of its dates."""

from __future__ import annotations

import csv
import io
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rnnfast.data.columns.numbers import MOSTLY, to_numbers
from rnnfast.data.sources.dialect import with_points
from rnnfast.data.sources.table import Table
from rnnfast.data.sources.texts import is_compact, numbers_of

SAMPLE = 1000  # cells that tell whether a column repeats its texts


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
        values = to_numbers(series)
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
        subject = repr(cell) if cell.strip() else "the cell is empty, which"
        raise table.error(
            row,
            name,
            f"{subject} is neither a number nor a date such as 2024-01-31 or 2024-01-31 12:00:00; write it so",
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
