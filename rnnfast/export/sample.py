"""Rows like those of training, with the answers of the model's own predictor: what an export is compared by."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnfast.data import SequenceData
from rnnfast.data.sequences.derived import derived
from rnnfast.export.inputs import Input, inputs_of, span_of
from rnnfast.model.linear_part import Beside
from rnnfast.model.model import Model
from rnnfast.records import UNSET, replace

Floats = NDArray[np.float64]

BEYOND = 0.1  # of the range of a column, that values lie outside of it on each side
GAPS = 0.15  # share of the cells that are empty, where they may be
FIRST_TIME = 1_700_000_000  # seconds since 1970
UNSEEN = "\x00unseen"  # no category of a table


class Sample(NamedTuple):
    """Sequences end to end.

    rows: (n, inputs) as of `inputs_of`; offsets: (sequences + 1,); columns: (n, C) as of SequenceData.x; encoded: (n,
    F) inputs of the network; answers: (n, O).
    """

    rows: Floats
    offsets: NDArray[np.int64]
    columns: Floats
    encoded: NDArray[Any]
    answers: NDArray[Any]


def draw(model: Model, lengths: tuple[int, ...], seed: int = 0) -> Sample:
    """Draw sequences of so many rows, and answer them; each begins without any row before it."""
    rng, inputs = np.random.default_rng([seed, 31]), inputs_of(model)
    offsets = np.cumsum([0, *lengths])
    n = int(offsets[-1])
    columns = [_column(rng, one, n) for one in inputs]
    if model.schema.clock:
        columns[len(model.schema.features)] = _times(rng, model, n)
    rows = np.column_stack(columns) if columns else np.empty((n, 0))
    first = np.repeat(offsets[:-1], np.diff(offsets))
    for j, one in enumerate(inputs):
        if one.name in model.encoder.static:
            rows[:, j] = rows[first, j]
    data = _sequences(model, rows, offsets)
    encoded = model.encoder.transform(data, model.config.train.dtype)
    beside = Beside.of(model)
    outputs = beside.added(model.committee().outputs_of(encoded.ravel(), offsets), _base(beside, data, encoded))
    return Sample(rows, offsets, data.x, encoded, model.task.answers(model.task.average(outputs)))


def _base(beside: Beside, data: SequenceData, encoded: NDArray[Any]) -> NDArray[Any] | None:
    """Return what outputs are added to, as `Beside.base`; convolutions answer each row as if it were the last one."""
    part = beside.linear_part
    if part is None or not part.convolutions:
        return beside.base(data, encoded)
    base = beside._replace(linear_part=replace(part, convolutions=UNSET)).base(data, encoded)
    begun = [np.arange(first, row + 1) for first, stop in pairwise(data.offsets) for row in range(first, stop)]
    offsets, inputs = np.cumsum([0, *map(len, begun)]), encoded.reshape(data.rows, -1)
    return np.asarray(base + part.convolutions.outputs(inputs[np.concatenate(begun)], offsets)[offsets[1:] - 1])


def _column(rng: np.random.Generator, one: Input, n: int) -> Floats:
    """Draw the values of an input, with few digits, so that they read well in a source."""
    if one.categories is not None:
        values = rng.integers(0, int(one.high) + 1, n).astype(np.float64)
    else:
        margin = BEYOND * (one.high - one.low)
        values = rng.uniform(one.low - margin, one.high + margin, n)
        values = np.array([float(f"{value:.5g}") for value in values])
    if not one.needed:
        values[rng.random(n) < GAPS] = np.nan
    return values


def _times(rng: np.random.Generator, model: Model, n: int) -> Floats:
    """Draw ascending times, with steps as in training where the model knows them."""
    schema, scaler = model.schema, model.encoder.scaler
    low, high = 3600.0, 86_400.0
    if schema.time_delta != "off":
        low, high = span_of(scaler, f"{schema.time} (delta)")
        low, high = (np.expm1(low), np.expm1(high)) if schema.time_delta == "log" else (low, high)
    steps = np.ceil(rng.uniform(max(low, 1.0), max(high, 2.0), n))
    return FIRST_TIME + np.cumsum(steps) if schema.dates else np.cumsum(steps)


def _sequences(model: Model, rows: Floats, offsets: NDArray[np.int64]) -> SequenceData:
    """Return rows as sequences that were read from a table, with what is derived of them."""
    schema, encoder = model.schema, model.encoder
    features = rows[:, : len(schema.features)]
    x, key = features, None
    if schema.clock:
        times = rows[:, len(schema.features)]
        key = times.astype(np.int64) * 10**9 if schema.dates else times
    if schema.derived:
        x = np.column_stack([x, derived(features, key, offsets, schema)])
    if schema.lag_target:
        x = np.column_stack([x, rows[:, rows.shape[1] - len(schema.targets) :]])
    return SequenceData(
        x=np.ascontiguousarray(x),
        y=np.empty((len(rows), 0)),
        offsets=offsets,
        ids=np.array([str(k) for k in range(len(offsets) - 1)], dtype=object),
        row=np.arange(len(rows)),
        time=None,
        schema=schema,
        source=("a sample",),
        digest="",
        categories={name: (*texts, UNSEEN) for name, texts in encoder.categories.items()},
    )
