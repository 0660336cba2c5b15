"""Windows of another length from the rows of a table that was cut into windows side by side."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnfast.data.columns.parts import runs
from rnnfast.data.columns.schema import Schema
from rnnfast.data.sequences.index import index_of


def recut(schema: Schema, x: NDArray[Any], y: NDArray[Any], part: NDArray[np.int8] | None) -> dict[str, Any]:
    """Return the fields of SequenceData that follow from the windows of a schema without id.

    x, y: all rows of the table in their order; part: (rows,) as of SequenceData. Without a horizon the lag is that of
    the row before, unknown at the first row of a window.
    """
    whole = np.array([0, len(x)])
    index = index_of(schema, whole, whole if part is None else runs(part))
    if schema.lag_target and not schema.horizon:
        lag = schema.first_lag
        x = x.copy()
        x[1:, lag:] = y[:-1]
        x[index.start, lag:] = np.nan
    ids = np.full(len(index.start), "", object)
    return {"schema": schema, "x": x, "offsets": index.offsets, "ids": ids, "start": index.start}
