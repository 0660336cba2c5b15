"""Attributions as lines of a table: one for each step and feature of each answer that is explained."""

from __future__ import annotations

from typing import Any

import numpy as np

from rnnfast.data import Schema, SequenceData
from rnnfast.model.explain.attribution import Explainer, Explanation

# Beside the id and the time of a step; "explained" is the input row of the answer, "at" the step counted from it.
COLUMNS = ("row", "explained", "at", "feature", "value", "attribution")
KINDS = dict(zip(COLUMNS, ("integer", "integer", "integer", "text", "text", "float64"), strict=True))


def key_names(schema: Schema) -> dict[str, str]:
    """Return the names under which id and time stand: their own, but for those of the columns beside them."""
    names = (name for name in (schema.id, schema.time) if name is not None)
    return {name: f"{name} (table)" if name in COLUMNS else name for name in names}


def kinds_of(schema: Schema) -> dict[str, str]:
    """Return the kind of each column of a file, as of `output.opened`."""
    return dict.fromkeys(key_names(schema).values(), "text") | KINDS


def columns_of(explainer: Explainer, data: SequenceData, rows: Any, one: Explanation) -> dict[str, list[Any]]:
    """Return the columns of one explanation; rows: of data that are explained."""
    schema, steps, features = data.schema, len(one.rows), explainer.features
    count, own = len(features), int(rows[one.place])
    columns: dict[str, list[Any]] = {}
    names = key_names(schema)
    if schema.id is not None:
        sequence = int(np.searchsorted(data.offsets, own, side="right")) - 1
        columns[names[schema.id]] = [str(data.ids[sequence])] * (steps * count)
    if schema.time is not None:
        columns[names[schema.time]] = [time for time in _times(data, one) for _ in range(count)]
    at = np.arange(steps) - one.own
    cells = explainer.cells(one.x, data.categories)
    return columns | {
        "row": np.repeat(one.rows, count).tolist(),
        "explained": [int(data.row[own])] * (steps * count),
        "at": np.repeat(at, count).tolist(),
        "feature": [feature.name for feature in features] * steps,
        "value": [cells[j][step] for step in range(steps) for j in range(count)],
        "attribution": one.attribution.reshape(-1).tolist(),
    }


def _times(data: SequenceData, one: Explanation) -> list[str]:
    """Return the times of the steps as texts; "" of rows around that the block does not hold."""
    if data.time is None:
        return [""] * len(one.rows)
    order = np.argsort(data.row, kind="stable")
    place = np.searchsorted(data.row, one.rows, sorter=order)
    rows = order[np.minimum(place, len(order) - 1)]
    times = np.asarray(data.time, dtype=object)[rows]
    return [str(time) if here else "" for time, here in zip(times, data.row[rows] == one.rows, strict=True)]


def text_of(value: Any) -> str:
    """Return a cell as text: of a number as few digits as tell it."""
    return value if isinstance(value, str) else f"{value:.9g}"
