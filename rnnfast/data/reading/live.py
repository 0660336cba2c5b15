"""Rows that come one after the other, or some at a time: read as the schema of a model says, in the order they come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rnnfast.data.columns.features import Features
from rnnfast.data.columns.labels import KnownLabels
from rnnfast.data.columns.schema import Schema
from rnnfast.data.columns.times import time_keys
from rnnfast.data.reading.checks import empty_id
from rnnfast.data.reading.memory import id_texts
from rnnfast.data.reading.plain import is_plain, plain_cells, plain_ids, plain_times
from rnnfast.data.sources.opening import open_sources
from rnnfast.data.sources.origin import Origin
from rnnfast.data.sources.source import Source, require
from rnnfast.data.sources.table import load_rows
from rnnfast.data.sources.texts import as_objects, cells_of

ONLY_ID = ""  # of rows without an id column, which are one sequence


class LiveRows(NamedTuple):
    """Rows in the order they came.

    ids: (n,) texts; x: (n, features) float64 as of SequenceData; categories: texts of its indices; y: (n, targets), or
    (n, 0) where no input is made of the targets; key: (n,) numbers that sort like the times, nanoseconds where `dates`,
    None where there are none; time: (n,) the times as they came, or None; origin: finds a row, for messages.
    """

    ids: Sequence[str]
    x: NDArray[np.float64]
    categories: Mapping[str, tuple[str, ...]]
    y: NDArray[Any]
    key: NDArray[Any] | None = None
    dates: bool = False
    time: Any = None
    origin: Origin | None = None


def wanted(schema: Schema) -> tuple[str, ...]:
    """Return the columns that a row must have."""
    keys = (name for name in (schema.id, schema.time) if name is not None)
    return tuple(dict.fromkeys((*keys, *schema.features, *(schema.targets if schema.lag_target else ()))))


def read_live(source: Source, schema: Schema) -> LiveRows:
    """Read rows. Raises DataError as `read_table`, for missing columns and for cells that cannot be used."""
    columns = wanted(schema)
    require(source, columns)
    keys = tuple(name for name in (schema.id, schema.time) if name is not None)
    text = (*keys, *schema.categorical)
    table = load_rows(source, text, columns, keys)
    features = Features(schema.features, schema.categorical)
    x = features.add(table)
    y: NDArray[Any] = np.empty((table.rows, 0))
    if schema.lag_target:
        y = KnownLabels(schema.targets, schema.task, schema.classes, strict=True).add(table)
    ids: Sequence[str] = [ONLY_ID] * table.rows
    if schema.id is not None:
        cells = id_texts(table, schema.id)
        ids = pd.Series(cells).to_numpy(object).tolist()
        if "" in ids:
            raise empty_id(table.origin, schema.id, cells)
    key, dates, time = None, False, None
    if schema.time is not None:
        key, _, dates = time_keys(table, schema.time, schema.dayfirst)
        time = as_objects(cells_of(table.frame[schema.time]))
    return LiveRows(ids, x, features.categories, y, key, dates, time, table.origin)


def plain_rows(rows: Sequence[Any], schema: Schema, ids: Sequence[str] | None = None) -> LiveRows | None:
    """Read objects whose cells are numbers; None where others are among them, which a table has to look at.

    ids: of the rows; None: they name them.
    """
    if not is_plain(rows, schema):
        return None
    x = plain_cells(rows, schema.features)
    times = None if schema.time is None else plain_times(rows, schema)
    if schema.id is None:
        ids = [ONLY_ID] * len(rows)
    elif ids is None:
        ids = plain_ids(rows, schema)
    if x is None or ids is None or (schema.time is not None and times is None):
        return None
    return LiveRows(ids, x, {}, np.empty((len(x), 0)), times, False, times)


def rows_of_mappings(rows: Sequence[Mapping[str, Any]], ids: Sequence[Any], schema: Schema) -> LiveRows:
    """Read rows that name their cells; a feature that one lacks is an empty cell. ids: of the rows."""
    plain = plain_rows(rows, schema, list(map(str, ids)))
    if plain is not None:
        return plain
    frame = pd.DataFrame({name: [row.get(name) for row in rows] for name in wanted(schema)})
    if schema.id is not None:
        frame[schema.id] = list(map(str, ids))
    return read_live(open_sources([frame])[0], schema)
