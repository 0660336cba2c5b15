"""Rows whose cells are numbers already, without a table, which costs a row that comes alone many times as much."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnfast.data.columns.schema import Schema

NUMBERS = {int, float}  # bool is neither
INTEGERS = range(-(2**63), 2**63)


def plain_cells(rows: Sequence[Any], names: Sequence[str]) -> NDArray[np.float64] | None:
    """Return (rows, names) cells, None where one is missing or no finite number: a table may see more in it."""
    cells = [row.get(name) for row in rows for name in names]
    if not NUMBERS.issuperset(map(type, cells)):
        return None
    try:
        values = np.array(cells, np.float64).reshape(len(rows), len(names))
    except OverflowError:
        return None
    return values if np.isfinite(values).all() else None


def plain_ids(rows: Sequence[Any], schema: Schema) -> list[str] | None:
    """Return the ids as texts; None where one is empty, has spaces around it, or is neither a text nor an integer."""
    assert schema.id is not None
    ids = [row.get(schema.id) for row in rows]
    kinds = set(map(type, ids))
    if kinds == {str}:
        return ids if all(text and text == text.strip() for text in ids) else None
    return list(map(str, ids)) if kinds == {int} and all(number in INTEGERS for number in ids) else None


def plain_times(rows: Sequence[Any], schema: Schema) -> NDArray[Any] | None:
    """Return the times as numbers of one kind, None where some are not."""
    assert schema.time is not None
    times = [row.get(schema.time) for row in rows]
    kinds = set(map(type, times))
    if kinds == {int} and all(number in INTEGERS for number in times):
        return np.array(times, np.int64)
    return np.array(times) if kinds == {float} and all(map(math.isfinite, times)) else None


def is_plain(rows: Sequence[Any], schema: Schema) -> bool:
    """Whether rows may be read so: objects, for a model that makes its inputs of numbers alone."""
    return not (schema.categorical or schema.lag_target) and all(isinstance(row, Mapping) for row in rows)
