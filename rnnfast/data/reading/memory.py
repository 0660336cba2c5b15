"""From sources to sequences in memory: one batch of rows, ordered and cut at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rnnfast.data.columns.horizon import check_horizon, check_reach
from rnnfast.data.columns.parts import check_one_part_each, runs
from rnnfast.data.columns.schema import Schema
from rnnfast.data.reading.checks import check_duplicates, check_labelled, empty_id
from rnnfast.data.reading.plan import Plan
from rnnfast.data.reading.request import Request
from rnnfast.data.reading.rows import Rows, ids, times
from rnnfast.data.sequences.data import SequenceData
from rnnfast.data.sequences.index import index_of
from rnnfast.data.sequences.order import group
from rnnfast.data.sequences.series import Series, cut_out
from rnnfast.data.sources.source import Source
from rnnfast.data.sources.table import Table, load


def read_whole(sources: Sequence[Source], request: Request) -> SequenceData:
    """Read all rows. Raises DataError for tables that cannot be used, UsageError for wrong options."""
    plan = Plan.of(sources, request)
    table = load(sources, plan.text, plan.used, plan.roles.left_out)
    plan.choose(table)
    reader = Rows(plan, several=False)
    columns = reader.add(table)
    meaning, schema = reader.finish()
    series, names = _ordered(table, columns, schema)
    if request.require_target:
        check_horizon(schema)
        check_reach(schema, series.offsets, [source.name for source in sources])
    stretches = series.offsets
    if "part" in columns and schema.id is None:
        stretches = runs(series.rows("part"))
    elif "part" in columns and schema.id is not None and request.part is not None:
        check_one_part_each(table.origin, request.part, schema.id, series.rows("part"), series.row, series.offsets)
    index = index_of(schema, series.offsets, stretches)
    data = SequenceData(
        **{"time": None, **cut_out(series, index.start, index.length, schema)},
        ids=names[index.owner],
        schema=schema,
        source=tuple(source.name for source in sources),
        digest=table.digest,
        start=index.start,
        categories=reader.features.categories,
        auto_predict=reader.auto_predict(schema),
        origin=table.origin,
    )
    data.notes = reader.notes(schema, meaning, data.rows, data.sequences)
    if request.schema is not None and request.require_target:
        check_labelled(data)
    return data


def _ordered(table: Table, columns: dict[str, np.ndarray], schema: Schema) -> tuple[Series, np.ndarray]:
    """Order the rows by id and time. Returns: them, and the ids as text. Raises DataError for bad ids and times."""
    of_rows = None if schema.id is None else ids(table, schema.id)
    order, offsets, names = group(of_rows, columns.get("key"), table.rows)
    if schema.id is not None and of_rows is not None and (names == "").any():
        raise empty_id(table.origin, schema.id, of_rows)
    if schema.id is not None and schema.time is not None:
        check_duplicates(table.origin, schema.id, schema.time, order, offsets, columns["key"])
    if schema.time is not None:
        columns["time"] = times(table, schema.time)
    in_place = len(order) < 2 or bool((np.diff(order) == 1).all())
    return Series(columns, order, offsets, None if in_place else order), names
