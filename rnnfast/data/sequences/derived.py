"""Columns of x that follow from the rows of an id: changes of features, the time since the row before, the time itself.

    x (delta)_t = x_t - x_{t-1}     t (delta)_t = t_t - t_{t-1}, or log(1 + that)     t (calendar)_t = t_t

Both changes are 0 at the first row of an id; that of a feature is 0 too where a cell is empty. They are found before
windows are cut: the first row of a window knows the one before it. Times are seconds since 1970 where they are dates,
else the numbers of their column.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnfast.data.columns.schema import Schema

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]

SECOND = 1e9  # nanoseconds


def derived(x: NDArray[Any], key: NDArray[Any] | None, offsets: Integers, schema: Schema) -> Floats:
    """Return the derived columns, (rows, len(schema.derived)).

    x: (rows, F) features in the order of ids and times; key: (rows,) as of SequenceData, None where no input is made of
    the time; offsets: (ids + 1,) first row of each id, then the number of rows.
    """
    columns = []
    if schema.delta:
        categorical = set(schema.categorical)
        numbers = [j for j, name in enumerate(schema.features) if name not in categorical]
        columns.append(np.nan_to_num(_changes(x[:, numbers].astype(np.float64), offsets), nan=0.0))
    if key is not None and schema.time_delta != "off":
        columns.append(elapsed(_changes(key, offsets) / (SECOND if schema.dates else 1), schema)[:, None])
    if key is not None and schema.calendar:
        columns.append((key / SECOND)[:, None])
    return np.column_stack(columns)


def elapsed(since: Floats, schema: Schema) -> Floats:
    """Return times since the row before as the schema says."""
    return np.log1p(since) if schema.time_delta == "log" else since


def _changes(values: NDArray[Any], offsets: Integers) -> NDArray[Any]:
    """Return what values (rows, ..) changed by since the row before, 0 at the first row of each id."""
    with np.errstate(over="ignore", invalid="ignore"):
        result = np.diff(values, axis=0, prepend=values[:1])
    result[offsets[:-1]] = 0
    return result
