"""Changes of the targets since their last known value, which a network may learn in place of the targets.

    d_t = y_t - l_t        l: the lagged target of the row, data/columns/horizon.py

Where the lag is an empty cell, the rule of its column decides: "ffill" carries the last known value on. What is unknown
even so trains nothing, and answers count from the fill of the column.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnfast.catalogue import FILLS
from rnnfast.data.columns.schema import Schema
from rnnfast.data.encoding.cells import carried
from rnnfast.data.sequences.data import SequenceData


def last_known(
    data: SequenceData, rules: Mapping[str, str], fills: Mapping[str, Any] | None = None
) -> NDArray[np.float64]:
    """Return what the targets of each step change from, (rows, targets) in original units.

    rules: of the columns of x; fills: of lagged targets, what stands for unknown ones, None for NaN.
    """
    names = data.schema.columns[data.schema.first_lag :]
    last = data.x[:, data.schema.first_lag :].astype(np.float64)
    for j, name in enumerate(names):
        unknown = np.nan if fills is None else float(fills[name])
        if FILLS[rules[name]].carried:
            last[:, j] = carried(last[:, j], data.offsets, unknown)
        else:
            last[np.isnan(last[:, j]), j] = unknown
    return last


def changes(data: SequenceData, schema: Schema, rules: Mapping[str, str]) -> SequenceData:
    """Return data with changes as labels, NaN where they are unknown; as they are where those are not learned.

    schema: of the model, which says what is learned; rules: of the columns of x.
    """
    if not schema.difference:
        return data
    return replace(data, y=data.y - np.tile(last_known(data, rules), len(data.schema.ahead)))
