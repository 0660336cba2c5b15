"""Rows that Python hands to a stream: numbers, mappings from column to cell, or a DataFrame."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from rnnfast.data import Schema
from rnnfast.data.frames import is_frame
from rnnfast.data.reading.live import ONLY_ID, LiveRows, read_live, rows_of_mappings
from rnnfast.data.sources.opening import open_sources
from rnnfast.errors import DataError


def read_rows(ids: Any, rows: Any, schema: Schema) -> LiveRows:
    """Read rows of any kind; arguments and errors as of `Stream.step_many`."""
    names = [str(name) for name in ids]
    if is_frame(rows):
        columns = {} if schema.id is None else {schema.id: names}
        return read_live(open_sources([rows.assign(**columns)])[0], schema)
    if schema.id is None:
        names = [ONLY_ID] * len(names)
    if not len(rows) or isinstance(rows[0], Mapping):
        return rows_of_mappings(rows, names, schema)
    if schema.categorical or schema.lag_target or schema.clock:
        raise DataError(
            "a row of numbers does not say all that this model wants; give a mapping from column to cell: "
            f"{', '.join(_named(schema))}"
        )
    try:
        x = np.array(rows, np.float64).reshape(len(names), len(schema.features))
    except (TypeError, ValueError):
        raise DataError(f"rows have {len(schema.features)} numbers each: {', '.join(schema.features)}") from None
    if np.isinf(x).any():
        raise DataError("a number of the rows is infinite; give finite numbers")
    return LiveRows(names, x, {}, np.empty((len(x), 0)))


def _named(schema: Schema) -> list[str]:
    """Return the columns that a row as a mapping needs, but the id."""
    more = [schema.time] if schema.time is not None else []
    return [*schema.features, *more, *(schema.targets if schema.lag_target else ())]
