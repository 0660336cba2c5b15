"""Cells that need attention: errors that name them, values carried forward; and the memory of the inputs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnfast.data.sequences.data import SequenceData
from rnnfast.errors import DataError

Floats = NDArray[np.floating[Any]]

CACHE_LINE = 64  # bytes; kernels take inputs that start on one as they are


def carried(column: Floats, offsets: NDArray[np.int64], first: float) -> Floats:
    """Fill NaN by the last value before it in the same sequence, and by `first` where there is none."""
    rows = np.arange(len(column))
    last = np.maximum.accumulate(np.where(np.isnan(column), -1, rows))
    return np.where(last >= np.repeat(offsets[:-1], np.diff(offsets)), column[last], first)


def cell_error(data: SequenceData, row: int, name: str, message: str) -> DataError:
    """Build the error about a cell of an input row."""
    if data.origin is not None:
        return data.origin.error(row, name, message)
    return DataError(f"{', '.join(data.source)}, row {row}, column {name!r}: {message}")


def aligned(shape: tuple[int, int], dtype: np.dtype[Any]) -> Floats:
    """Return an uninitialised array that starts on a cache line."""
    size = shape[0] * shape[1] * dtype.itemsize
    raw = np.empty(size + CACHE_LINE, np.uint8)
    start = -raw.ctypes.data % CACHE_LINE
    return raw[start : start + size].view(dtype).reshape(shape)


def refused_gap(data: SequenceData, name: str, gaps: NDArray[np.bool_], reason: str, fix: str) -> DataError:
    """Build the error about the first of the empty cells of a column of x, gaps (rows,), for which there is no rule.

    A lagged target is named by the cell of the table that it comes from.
    """
    place, schema, reason = int(gaps.argmax()), data.schema, f", and {reason}"
    row = int(data.row[place])
    more = f" (and {gaps.sum() - 1:,} more such cells)" if gaps.sum() > 1 else ""
    lag = schema.place_of[name] - schema.first_lag
    if lag >= 0:
        name, row = schema.targets[lag], row if schema.horizon else _row_before(data, place)
        option, role = "difference" if schema.difference else "lag-target", "this" if schema.horizon else "the next"
        reason = f"; --{option} makes it an input of {role} row{reason}"
    word = "" if data.origin is None else data.origin.cell(row, name).strip()
    empty = f"empty ({word!r})" if word else "empty"
    return cell_error(data, row, name, f"the cell is {empty}{more}{reason}; fill it, or {fix}")


def _row_before(data: SequenceData, row: int) -> int:
    """Return the input row of the row before a row of data.x, which of the first one of a sequence lies around it."""
    sequence = int(np.searchsorted(data.offsets, row))
    if data.offsets[sequence] != row or data.surroundings is None:
        return int(data.row[row - 1])
    around = data.surroundings
    before = np.flatnonzero(around.places == data.index.start[sequence] - 1)
    return int(around.row[before[0]]) if len(before) else int(data.row[row])  # a window of one row in blocks
