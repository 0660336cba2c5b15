"""Cut sequences out of the ordered rows of a table: windows, targets ahead, lagged targets.

Labels ahead and, with a horizon, lagged targets are found before windows are cut, so that the last step of a window has
its target too; without a horizon the lag stays inside its window, whose state is
fresh (what answers see of the rows before it, context.py says).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnfast.data.columns.horizon import ahead, back, forbidden, moved
from rnnfast.data.columns.schema import Schema
from rnnfast.data.sequences.derived import derived
from rnnfast.data.sequences.spans import ends, spans

Integers = NDArray[np.int64]

EVERY = slice(None)  # row


@dataclass(frozen=True)
class Series:
    """Rows of a table, or of a stretch of it, ordered by id and time.

    columns: (rows, ..) each: x, y and, where there are some, time, key, weight, part. row: (rows,) input rows.
    offsets: (ids + 1,) first row of each id that is in the stretch, then the number of rows.
    """

    columns: Mapping[str, Any]
    row: Integers
    offsets: Integers

    def rows(self, name: str, places: Integers | slice = EVERY) -> Any:
        """Return a column, or some rows of it."""
        column = self.columns[name]
        if isinstance(places, slice):
            return column if places is EVERY else column[places]
        return column.take(places, axis=0)  # several times quicker than column[places]


def margins(schema: Schema) -> tuple[int, int]:
    """Rows before and after a sequence that its labels, lags, changes and naive forecasts come from."""
    before = int(bool(schema.derived))
    if not schema.horizon:
        return before, 0
    return max(before, *(back(horizon, schema.season) for horizon in schema.ahead)), schema.horizon


def cut_out(
    series: Series, start: Integers, length: Integers, schema: Schema, only: Collection[str] | None = None
) -> dict[str, Any]:
    """Return the fields of SequenceData with a value per row, and its offsets.

    start: (sequences,) first row of each in the series; length: (sequences,); only: the fields that are needed.
    """
    offsets = ends(length)
    rows, whole = int(offsets[-1]), len(series.row)
    places: Integers | slice = EVERY
    if rows != whole or (start != offsets[:-1]).any():
        side_by_side = bool((start[1:] == start[:-1] + length[:-1]).all())
        places = slice(int(start[0]), int(start[0]) + rows) if side_by_side else spans(start, length)
    names = {name for name in {"x", *series.columns} if only is None or name in only}
    fields = {name: series.rows(name, places) for name in names & series.columns.keys()}
    fields |= {"offsets": offsets, "row": series.row[places]}
    fields.setdefault("x", np.empty((rows, 0)))
    has_targets = "y" in series.columns and series.columns["y"].shape[1] > 0
    wants_x = only is None or "x" in only  # of which a store without features has no column
    if schema.derived and wants_x:
        x = series.columns.get("x", np.empty((whole, 0)))
        more = derived(x, series.columns.get("key"), series.offsets, schema)
        fields["x"] = np.column_stack((fields["x"], more[places]))
    if not has_targets or not (wants_x or "y" in names):
        return {"y": np.empty((rows, 0)), **fields}
    now = fields["y"] if "y" in fields else series.rows("y", places)
    if schema.lag_target and wants_x:
        lag = now if schema.horizon else moved(now, offsets, -1)[0]
        fields["x"] = np.column_stack((fields["x"], lag))
    if schema.horizon:
        labels = ahead(series.rows("y"), series.row, series.offsets, schema.ahead, schema.season)
        if schema.id is None and "part" in series.columns:  # labels come from rows of the same part
            part = series.rows("part")
            later = (np.minimum(np.arange(whole) + horizon, whole - 1) for horizon in schema.ahead)
            forbidden(labels.y, labels.label_row, [part[row] != part for row in later])
        fields |= {"y": labels.y[places], "label_row": labels.label_row[places], "naive": labels.naive[places]}
    return {"y": np.empty((rows, 0)), **fields}
