"""Turn the columns of a table into numbers: features, targets and sort keys of the time column.

A whole column is converted at once; the row of a bad cell is looked for after a conversion failed.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rnnfast.data.source import listing
from rnnfast.data.table import EMPTY, Table
from rnnfast.errors import DataError

Floats = NDArray[np.float64]

MOSTLY = 0.5  # share of cells that are numbers, from which a column with text counts as a damaged numeric one
ROW_BLOCK = 4096  # rows written at a time into the feature matrix, so that they stay in the cache
FEW = (3, 20)  # distinct whole numbers of a target that look like classes


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
        elif pd.api.types.is_numeric_dtype(series.dtype) or _parsed(series).notna().sum() >= MOSTLY * filled:
            names.append(name)
        else:
            text.append(name)
    notes = []
    if text:
        notes.append(f"left out, as text is no feature: {listing(text)}")
    if blank:
        notes.append(f"left out, as every cell is empty: {listing(blank)}")
    return tuple(names), notes


def features(table: Table, names: tuple[str, ...]) -> Floats:
    """Return the feature columns as an owned, writable (rows, F) C-contiguous array.

    Raises DataError for text, empty and infinite cells.
    """
    columns = [numbers(table, name, "leave the column out with --ignore") for name in names]
    x = np.empty((table.rows, len(names)))
    for start in range(0, table.rows, ROW_BLOCK):
        rows = slice(start, start + ROW_BLOCK)
        for j, column in enumerate(columns):
            x[rows, j] = column[rows]
    with np.errstate(over="ignore", invalid="ignore"):
        total = x.sum()
    if not np.isfinite(total):  # a sum of large finite values may overflow as well, so look closer
        bad = ~np.isfinite(x)
        if bad.any():
            row = int(bad.any(axis=1).argmax())
            raise _not_finite(table, row, names[int(bad[row].argmax())], int(bad.sum()))
    return x


def _not_finite(table: Table, row: int, name: str, count: int) -> DataError:
    cell = table.cell(row, name)
    more = f" (and {count - 1:,} more such cells)" if count > 1 else ""
    if np.isnan(float(table.frame[name].iloc[row])):
        fix = f"fill it, remove the row, or leave the column out with --ignore {name}"
        return table.error(row, name, f"the cell is empty ({cell!r}){more}; {fix}")
    fix = f"correct it, remove the row, or leave the column out with --ignore {name}"
    return table.error(row, name, f"{cell!r} is infinite as a float64{more}; {fix}")


def numbers(table: Table, name: str, otherwise: str = "") -> Floats:
    """Return a column as (rows,) float64, NaN where a cell is empty; text raises DataError."""
    series = table.frame[name]
    if pd.api.types.is_numeric_dtype(series.dtype) and not pd.api.types.is_complex_dtype(series.dtype):
        return series.to_numpy(dtype=np.float64, na_value=np.nan)
    values = _parsed(series)
    bad = (values.isna() & series.notna()).to_numpy()
    if bad.any():
        row, count = int(bad.argmax()), int(bad.sum())
        cell = table.cell(row, name)
        more = f" (and {count - 1:,} more such cells)" if count > 1 else ""
        comma = "; write decimals with a point and no separators of thousands" if _with_comma(cell) else ""
        fix = "correct it or empty the cell" if not otherwise else f"correct it, or {otherwise} {name}"
        raise table.error(row, name, f"{cell!r} is not a number{more}{comma}; {fix}")
    return values.to_numpy(dtype=np.float64, na_value=np.nan)


def _parsed(series: pd.Series[Any]) -> pd.Series[Any]:
    """Return the cells as numbers, NaN where they are none."""
    if series.dtype.kind in "mM":  # dates of a DataFrame
        return pd.Series(np.full(len(series), np.nan))
    return pd.to_numeric(series.astype(object), errors="coerce")


def _with_comma(cell: str) -> bool:
    return "," in cell and cell.replace(",", "").replace(".", "").strip("+- ").isdigit()


def targets(table: Table, names: tuple[str, ...], task: str) -> tuple[Floats, str, tuple[Any, ...], list[str]]:
    """Read the target columns of a training table and recognise the task.

    task: "auto", "binary" or "regression".
    Returns: y (rows, O), NaN where unlabelled, 0.0 or 1.0 for a binary task; the task; its classes; notes.
    Raises DataError for text with other than two values, one class, infinite values and no label at all.
    """
    if len(names) > 1 and task == "binary":
        raise table.column_error(names[1], f"a binary task has one target, not {len(names)}; name one with --target")
    if len(names) == 1 and task != "regression":
        name = names[0]
        values = _labels(table, name)
        distinct = _distinct(table, name, values)
        text = distinct.dtype == object
        whole = text or bool((distinct == np.floor(distinct)).all())
        if len(distinct) == 1:
            need = "of both classes" if whole else "with other values"
            value = _classes(table, name, distinct)[0]
            raise table.column_error(
                name, f"every labelled step is {value!r}, so there is nothing to learn; add rows {need}"
            )
        if len(distinct) > 2 and (task == "binary" or text):
            raise _third_value(table, name, values, len(distinct))
        if len(distinct) == 2 and (whole or task == "binary"):
            y = np.where(values.isna(), np.nan, (values == distinct[1]).astype(float)).reshape(-1, 1)
            return y, "binary", _classes(table, name, distinct), []
    y = np.column_stack([_regression(table, name) for name in names])
    return y, "regression", (), _regression_notes(names, y)


def known_targets(table: Table, names: tuple[str, ...], task: str, classes: tuple[Any, ...]) -> Floats:
    """Read the target columns of a table after a schema; y as in `targets`.

    Raises DataError for a class that the schema does not know, for text in a regression and for infinite values.
    """
    if task != "binary":
        return np.column_stack([_regression(table, name) for name in names])
    name = names[0]
    if isinstance(classes[0], str):
        values = _stripped(table.frame[name])
    else:
        values = pd.Series(numbers(table, name))
    positive = (values == classes[1]).to_numpy(dtype=bool)
    unseen = ~positive & values.notna().to_numpy() & (values != classes[0]).to_numpy(dtype=bool)
    if unseen.any():
        row = int(unseen.argmax())
        known = " and ".join(repr(value) for value in classes)
        raise table.error(
            row, name, f"{table.cell(row, name)!r} is not one of the classes {known}; correct it or empty the cell"
        )
    return np.where(values.isna(), np.nan, positive.astype(float)).reshape(-1, 1)


def _labels(table: Table, name: str) -> pd.Series[Any]:
    """Return the cells of a target: numbers, or text where they are not all numbers; NaN is unlabelled."""
    series = table.frame[name]
    if pd.api.types.is_numeric_dtype(series.dtype):
        return pd.Series(series.to_numpy(dtype=np.float64, na_value=np.nan))
    if _boolean(series):
        return _parsed(series)
    text = _stripped(series)
    values = _parsed(text)
    return text if (values.isna() & text.notna()).any() else values


def _boolean(series: pd.Series[Any]) -> bool:
    """Tell whether all cells are true, false or empty."""
    if series.dtype == object:
        return all(isinstance(cell, bool) for cell in series.dropna())
    return pd.api.types.is_bool_dtype(series.dtype)


def _stripped(series: pd.Series[Any]) -> pd.Series[Any]:
    """Return text without surrounding spaces, NaN where the cell counts as empty."""
    text = series.astype(str).str.strip().astype(object)
    return text.where(series.notna() & ~text.isin(EMPTY), np.nan)


def _distinct(table: Table, name: str, values: pd.Series[Any]) -> NDArray[Any]:
    """Return the distinct labels, sorted: float64, or object where they are text."""
    labelled = values[values.notna()]
    if not len(labelled):
        raise table.column_error(name, "every cell is empty; training needs labelled steps")
    if labelled.dtype == object:
        return np.array(sorted(labelled.unique()), dtype=object)
    return np.unique(labelled.to_numpy())


def _classes(table: Table, name: str, distinct: NDArray[Any]) -> tuple[Any, ...]:
    """Return labels as Python values as in the file: bool, int, float or text."""
    if distinct.dtype == object:
        return tuple(distinct)
    if _boolean(table.frame[name]):
        return tuple(bool(value) for value in distinct)
    return tuple(int(value) if value == np.floor(value) else float(value) for value in distinct)


def _third_value(table: Table, name: str, values: pd.Series[Any], count: int) -> DataError:
    seen = [int(row) for row in values.dropna().drop_duplicates().index[:3]]
    cells = [repr(table.cell(row, name)) for row in seen]
    kind = "a target of text" if values.dtype == object else "a binary target"
    return table.error(
        seen[2],
        name,
        f"{cells[2]} is a third value after {cells[0]} and {cells[1]} ({count:,} in all), but {kind} has two; "
        "make a column of one value against the rest, or name another --target",
    )


def _regression(table: Table, name: str) -> Floats:
    values = numbers(table, name)
    if np.isinf(values).any():
        row = int(np.isinf(values).argmax())
        raise table.error(row, name, f"{table.cell(row, name)!r} is infinite; correct it or empty the cell")
    return values


def _regression_notes(names: tuple[str, ...], y: Floats) -> list[str]:
    notes = []
    for j, name in enumerate(names):
        values = np.unique(y[~np.isnan(y[:, j]), j])
        if FEW[0] <= len(values) <= FEW[1] and (values == np.floor(values)).all():
            notes.append(
                f"target {name!r} has {len(values)} different whole numbers ({values[0]:g} to {values[-1]:g}) and is "
                "read as a quantity; if they are classes, make a column of one of them against the rest"
            )
    partly = np.isnan(y).any(axis=1) & ~np.isnan(y).all(axis=1)
    if partly.any():
        notes.append(f"{int(partly.sum()):,} rows lack some of the targets and count as unlabelled")
    return notes


def time_keys(table: Table, name: str) -> NDArray[Any]:
    """Return (rows,) numbers that sort like the time column: its numbers, or nanoseconds of its dates.

    Raises DataError for an empty cell and for text that is neither a number nor an ISO date.
    """
    series = table.frame[name]
    if series.dtype.kind == "M":
        dates, bad = series, series.isna().to_numpy()
    else:
        values = pd.to_numeric(series, errors="coerce")
        no_number = ~np.isfinite(values.to_numpy(dtype=np.float64, na_value=np.nan))
        if not no_number.any():
            return values.to_numpy()
        dates = pd.to_datetime(series, errors="coerce", utc=True, format="ISO8601")
        empty = (series.isna() | (series == "")).to_numpy(dtype=bool)
        bad = no_number if no_number.mean() < MOSTLY else dates.isna().to_numpy()
        bad = empty if empty.any() else bad
    if bad.any():
        row = int(bad.argmax())
        cell = table.cell(row, name)
        found = repr(cell) if cell.strip() else "the cell is empty, which"
        raise table.error(
            row, name, f"{found} is neither a number nor a date such as 2024-01-31 or 2024-01-31 12:00:00; correct it"
        )
    return dates.to_numpy(dtype="datetime64[ns]").view(np.int64)
