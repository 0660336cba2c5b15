"""From sources to sequences in memory: one batch of rows, ordered and cut at once."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnfast.data.columns.horizon import check_horizon, check_reach
from rnnfast.data.columns.parts import check_one_part_each, runs
from rnnfast.data.columns.schema import Schema
from rnnfast.data.columns.times import time_keys
from rnnfast.data.reading.checks import check_labelled, empty_id, repeated, same_times, with_clock
from rnnfast.data.reading.plan import Plan
from rnnfast.data.reading.request import Request
from rnnfast.data.reading.rows import Rows
from rnnfast.data.sequences.context import Surroundings
from rnnfast.data.sequences.data import SequenceData
from rnnfast.data.sequences.index import index_of
from rnnfast.data.sequences.order import group
from rnnfast.data.sequences.relabel import class_labels
from rnnfast.data.sequences.series import Series, cut_out
from rnnfast.data.sources.source import Source
from rnnfast.data.sources.table import Table, beside, load
from rnnfast.data.sources.texts import Texts, cells_of, is_compact

Integers = NDArray[np.int64]


class Grouping(NamedTuple):
    """Order of the rows, as of `group`, and (rows,) numbers that sort like their times, None without a time.

    dayfirst: as of Schema; dates: whether these are of dates.
    """

    order: Integers
    offsets: Integers
    names: NDArray[Any]
    keys: NDArray[Any] | None
    dayfirst: bool | None
    dates: bool


def read_whole(sources: Sequence[Source], request: Request) -> SequenceData:
    """Read all rows. Raises DataError for tables that cannot be used, UsageError for wrong options."""
    plan = Plan.of(sources, request)
    roles = plan.roles
    keys = tuple(name for name in (roles.id, roles.time) if name is not None)
    table = load(sources, plan.text, plan.columns, roles.left_out, keys)
    grouped = beside(_grouped, table, roles.id, roles.time, request.dayfirst)
    plan.look(table)
    reader = Rows(plan, several=False)
    columns = reader.add(table)
    grouping = grouped.result()
    meaning, schema = reader.finish(lambda: [_ordered_target(columns["y"], grouping)])
    if meaning.class_of is not None:
        columns["y"] = class_labels(columns["y"], reader.labels.values, meaning.class_of)
    schema = with_clock(replace(schema, dayfirst=grouping.dayfirst), grouping.dates, request, sources)
    series, names, ties = _ordered(table, columns, grouping, schema, request.config.ties)
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
        around=_around(series, schema),
        table_ids=series.offsets,
        table_times=series.columns.get("time") if schema.horizon and request.keeps_time else None,
        categories=reader.features.categories,
        auto_predict=reader.auto_predict(schema),
        origin=table.origin,
    )
    data.proposals = reader.proposals(schema)
    data.notes = reader.notes(schema, meaning, data.rows, data.sequences, ties)
    if request.schema is not None and request.require_target:
        check_labelled(data)
    return data


def _around(series: Series, schema: Schema) -> Surroundings | None:
    """Return all rows of a table; None where its windows hold them as they are.

    They do not where windows overlap or leave rows out, and where their first rows lack a lag that the table knows.
    """
    lag = schema.lag_target and not schema.horizon
    if schema.window is None or (schema.stride == schema.window and not lag):
        return None
    x = cut_out(series, series.offsets[:-1], np.diff(series.offsets), schema, ("x",))["x"]
    return Surroundings.of(x, series.row, series.offsets)


def _grouped(table: Table, id_column: str | None, time_column: str | None, dayfirst: bool | None) -> Grouping:
    """Order the rows by id and time; dayfirst: as of `time_keys`.

    Raises DataError for an empty id, and for times that cannot be compared.
    """
    of_rows = None if id_column is None else id_texts(table, id_column)
    keys, dayfirst, dates = (None, None, False) if time_column is None else time_keys(table, time_column, dayfirst)
    order, offsets, names = group(of_rows, keys, table.rows)
    if id_column is not None and (names == "").any():
        raise empty_id(table.origin, id_column, of_rows)
    return Grouping(order, offsets, names, keys, dayfirst, dates)


def _ordered_target(y: NDArray[Any], grouping: Grouping) -> tuple[NDArray[Any], Integers]:
    """Return the first target in the order of the ids and times, and the number of the id of each row."""
    lengths = np.diff(grouping.offsets)
    return y[:, 0].take(grouping.order), np.repeat(np.arange(len(lengths)), lengths)


def _ordered(
    table: Table, columns: dict[str, Any], grouping: Grouping, schema: Schema, rule: str
) -> tuple[Series, NDArray[Any], int]:
    """Put the rows in order.

    rule: "keep" or "error", for rows of one time in one id. Returns: rows in order, the ids as text, and how many rows
    have the time of the one before them. Raises DataError for the first such row where it is an error.
    """
    order, offsets, names, keys, *_ = grouping
    ties = 0
    if keys is not None:
        columns["key"] = keys
    columns = _in_order(order, columns)
    if schema.time is not None:
        same = same_times(columns["key"], offsets)
        ties = int(same.sum())
        if ties and rule == "error":
            first = int(same.argmax())
            raise repeated(table.origin, schema.id, schema.time, int(order[first]), int(order[first + 1]))
    if schema.time is not None:
        columns["time"] = _times(table, schema.time, order)
    return Series(columns, order, offsets), names, ties


def _in_order(order: Integers, columns: dict[str, Any]) -> dict[str, Any]:
    """Return the rows of each column in this order. Several cores take one column each."""
    if (order[1:] > order[:-1]).all():  # they are in place
        return columns
    with ThreadPoolExecutor(len(columns)) as pool:  # take is several times quicker than array[order]
        arrays = pool.map(lambda column: column.take(order, axis=0), columns.values())
        return dict(zip(columns, arrays, strict=True))


def id_texts(table: Table, name: str) -> Any:
    """Return the id column as (rows,) texts, Arrow's or objects, "" where it is empty."""
    series = table.frame[name]
    if any(source.typed for source in table.sources):
        series = series.astype(object).where(series.notna(), "").astype(str)
    return cells_of(series)  # of files it was read as text


def _times(table: Table, name: str, order: Integers) -> NDArray[Any] | Texts:
    """Return the time column in this order, as in the file."""
    cells = cells_of(table.frame[name])
    return Texts(cells, order) if is_compact(table.frame[name]) else cells.take(order)
