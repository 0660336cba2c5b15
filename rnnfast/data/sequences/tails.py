"""The last rows of each id, and the rows at its end that ask for a forecast.

A request is a row at the end of an id without any target; of a model with a horizon that does not look at the target's
past, a row without any feature either: one with features is a row to answer from.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from rnnfast.data.columns.schema import Schema
from rnnfast.data.columns.steps import SHOWN, Common, continued, numbers_of_times
from rnnfast.data.sequences.base import Sequences
from rnnfast.data.sequences.data import SequenceData
from rnnfast.data.sequences.derived import elapsed
from rnnfast.data.sequences.spans import ends, spans

Integers = NDArray[np.int64]


def of_whole_ids(schema: Schema) -> Schema:
    """Return how a table is read whose ends are to be continued: whole ids, each row with its own target."""
    return replace(schema, window=None, stride=None, horizon=0, horizons=(), predict="every")


def tails(whole: Sequences, schema: Schema) -> Sequences:
    """Cut the last rows of each id: those that answers and the step of the time need; all of them without windows.

    whole: read by `of_whole_ids(schema)`. Whole windows are cut off, so that cells of a window (context.py) begin where
    they begin in the table.
    """
    window = schema.window
    if window is None:
        return whole
    least = 2 * window + schema.horizon
    rows = least + SHOWN
    while True:
        length = np.minimum(whole.lengths, rows + (whole.lengths - rows) % window)
        tail = whole.cut(np.arange(whole.sequences), whole.offsets[1:] - length, length)
        before = np.concatenate([block.lengths - requests(block, schema) for block in tail.blocks(("x", "y"))])
        if ((before >= least) | (length == whole.lengths)).all():
            return tail
        rows *= 2


def requests(block: SequenceData, schema: Schema) -> Integers:
    """Return (ids,) how many rows at the end of each id are requests; block: of `tails`."""
    is_empty = np.isnan(block.y).all(axis=1)
    if schema.horizon and not schema.lag_target:
        is_empty &= np.isnan(block.x[:, : len(schema.features)]).all(axis=1)
    place = np.where(is_empty, 0, np.arange(1, block.rows + 1))
    last = np.maximum(np.maximum.reduceat(place, block.offsets[:-1]), block.offsets[:-1])
    return block.offsets[1:] - last


def times_after(block: SequenceData, first: Integers, steps: int, shared: Common | None) -> NDArray[np.object_] | None:
    """Return (ids, steps) times from a row of each id on, continued past its end: None where that has no step.

    first: (ids,) row within the id, at most the one after its last; shared: of `common_times`. Without time
    column the result is None.
    """
    if block.time is None:
        return None
    times, left = np.asarray(block.time), block.lengths - first
    shown = np.minimum(block.lengths, SHOWN)
    rows = spans(block.offsets[1:] - shown, shown)
    new = continued(times[rows], ends(shown), max(steps - int(left.min()), 0), block.schema.dayfirst, shared)
    ahead = np.full((block.sequences, steps), None, dtype=object)
    for k in range(steps):
        inside = k < left
        ahead[inside, k] = times[(block.offsets[:-1] + first + k)[inside]]
        outside = np.flatnonzero(~inside)
        ahead[outside, k] = new[outside, k - left[outside]]
    return ahead


def clock_ahead(block: SequenceData, more: Integers, shared: Common | None) -> NDArray[np.float64]:
    """Return the columns of x that are made of the time for rows behind the last one of each id, as times go on.

    more: (ids,) how many rows of each, some above 0; shared: as in `times_after`. Returns: (rows, columns) end to end,
    NaN where times cannot be continued.
    """
    schema, last = block.schema, block.offsets[1:] - 1
    cells = times_after(block, block.lengths - 1, int(more.max()) + 1, shared)
    assert cells is not None  # without times there are no such columns
    clock = numbers_of_times(cells, schema.dates, schema.dayfirst)
    mask, columns = np.arange(clock.shape[1] - 1) < more[:, None], []
    if schema.time_delta != "off":
        columns.append(elapsed(np.diff(clock, axis=1), schema)[mask])
    if schema.calendar:
        now = block.x[last, schema.first_lag - 1].astype(np.float64)
        columns.append((now[:, None] + clock[:, 1:] - clock[:, :1])[mask])
    return np.column_stack(columns)
