"""From files and options to `SequenceData`: the one entry point for tables."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rnnfast.config.forms import part_column
from rnnfast.config.resolve import READING, Config
from rnnfast.config.sections import DataConfig
from rnnfast.data import columns
from rnnfast.data.checks import check_duplicates, empty_id
from rnnfast.data.encoding.rules import missing_rules
from rnnfast.data.horizon import (
    ahead,
    check_ahead,
    check_horizon,
    check_lag_columns,
    check_reach,
    moved,
)
from rnnfast.data.notes import role_notes, value_notes
from rnnfast.data.schema import DEFAULT_WINDOW, Schema, roles
from rnnfast.data.sequences import SequenceData, ends, group, predict_rule, spans, windows
from rnnfast.data.sources import dialect
from rnnfast.data.sources.opening import open_sources
from rnnfast.data.sources.source import Source, listing, require
from rnnfast.data.sources.table import Table, beside, load
from rnnfast.data.sources.texts import Texts, cells_of, is_compact
from rnnfast.data.sources.watch import watching
from rnnfast.data.split import part_column as marks
from rnnfast.data.store.cache import Entry
from rnnfast.data.targets import known_targets, targets
from rnnfast.data.weights import weights
from rnnfast.errors import DataError, UsageError, did_you_mean
from rnnfast.reporter import Reporter

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Grouping = tuple[Integers, Integers, NDArray[Any], NDArray[Any] | None]  # as of `group`, and the keys


def read_table(
    paths: str | Path | pd.DataFrame | list[Any] | tuple[Any, ...],
    *,
    schema: Schema | None = None,
    require_target: bool = True,
    reporter: Reporter | None = None,
    **options: Any,
) -> SequenceData:
    """Read tables with one row per step into sequences.

    paths: file of text (comma, semicolon, tab or bar between cells; plain, .gz, .zst or .zip), Parquet or Feather, a
    pattern such as "part-*.csv", "-" for standard input, a DataFrame, or a list of them, read as one table.
    schema: of a training table; columns are then found by name, further ones and `options` but split_by and cache are
    ignored.
    require_target: False accepts a table without target (y is then (rows, 0)) and reads no weights.
    reporter: is told how far the reading is, where it takes more than a second.
    options: those of READING in config.py, and cache, as in DataConfig; of split_by the column, if any, is read.
    Raises DataError, naming file, line, column and value, for tables that cannot be used; UsageError for wrong options.
    """
    config = _config(options)
    sources = open_sources(paths)
    part = part_column(config.split_by)
    settings = schema.to_json() | {"part": part} if schema else {name: getattr(config, name) for name in READING}
    entry = Entry(sources, {"settings": settings, "require_target": require_target})
    kept = config.cache and entry.worthwhile
    if kept and (found := entry.find()) is not None:
        if reporter is not None:
            reporter.cached()
        return found
    with watching(sources, reporter):
        if schema is None:
            data = _new(sources, config, require_target)
        else:
            data = _after_schema(sources, schema, require_target, part)
    if kept:
        entry.keep(data)
    return data


def _config(options: dict[str, Any]) -> DataConfig:
    known = (*READING, "cache")
    for name in options:
        if name not in known:
            raise UsageError(f"read_table: unknown option {name!r}{did_you_mean(name, known, most=3)}")
    return Config().with_values(options, "read_table").data


def _new(sources: list[Source], config: DataConfig, require_target: bool) -> SequenceData:
    """Read a table whose meaning is still to be recognised."""
    found = roles(sources[0], config, require_target)
    table = load(sources, found.text, unused=found.left_out, keys=_keys(found.id, found.time))
    grouping = beside(_grouped, table, found.id, found.time)
    names = found.features
    notes: list[str] = []
    if names is None:
        taken = {*found.text, *found.targets, *found.left_out, found.weight or ""}
        names, notes = columns.default_features(table, taken)
        chosen = {*names, *found.categorical}
        names = tuple(name for name in sources[0].columns if name in chosen)
        if not names and not (config.lag_target and found.targets):  # a series may be told from its own past alone
            raise DataError(
                f"{sources[0].header_line()}: no numeric column is left as a feature; the columns are "
                f"{listing(sources[0].columns)}. --lag-target makes the last known target an input"
            )
    y, task, classes = np.empty((table.rows, 0)), "", tuple[Any, ...]()
    if found.targets:
        y, task, classes, more = targets(table, found.targets, config.task)
        notes += more
    window = config.window or (DEFAULT_WINDOW if found.id is None else None)
    schema = Schema(
        id=found.id,
        time=found.time,
        features=names,
        targets=found.targets,
        task=task,
        classes=classes,
        predict=config.predict,
        window=window,
        stride=(config.stride or window) if window else None,
        layout=found.layout,
        categorical=tuple(filter(set(found.categorical).__contains__, names)),
        horizon=config.horizon,
        lag_target=config.lag_target,
        season=config.season,
        weight=found.weight,
    )
    check_ahead(schema)
    rules = missing_rules(schema, config)
    read = columns.features(table, names, schema.categorical, rules)
    weight = None if found.weight is None else weights(table, found.weight)
    data = _sequences(table, grouping, read.x, y, schema, weight, found.part, require_target)
    data.categories, data.origin = read.categories, table.origin
    notes = [*dialect.notes(sources), *role_notes(found, schema), *notes, *columns.gap_notes(read.gaps, rules)]
    data.notes = (*notes, *value_notes(data, config))
    return data


def _after_schema(
    sources: list[Source], schema: Schema, require_target: bool, part_name: str | None = None
) -> SequenceData:
    """Read a table whose columns mean what a schema says."""
    named = tuple(name for name in (schema.id, schema.time, part_name) if name is not None)
    text = (*named, *schema.categorical)
    needed = (*named, *schema.features)
    notes: list[str] = []
    with_targets = all(set(schema.targets) <= set(source.columns) for source in sources)
    labels = require_target
    weight_name = schema.weight if labels else None
    if weight_name is not None:
        if all(weight_name in source.columns for source in sources):
            needed = (*needed, weight_name)
        else:
            notes.append(f"there is no column {weight_name!r}, so all rows weigh the same in the loss")
            weight_name = None
    require_target = require_target or schema.lag_target  # which makes the target an input
    if require_target and not with_targets:
        if not labels:
            check_lag_columns(schema, sources)
        for source in sources:
            require(source, (*needed, *schema.targets))
    # Classes of text stay text even where a file happens to hold only those that look like numbers.
    as_text = (*text, *schema.targets) if schema.classes and isinstance(schema.classes[0], str) else text
    used = (*needed, *schema.targets) if with_targets else needed
    table = load(sources, as_text, used, keys=_keys(schema.id, schema.time))
    grouping = beside(_grouped, table, schema.id, schema.time)
    read = columns.features(table, schema.features, schema.categorical)
    y = np.empty((table.rows, 0))
    if with_targets and schema.targets:
        try:
            y = known_targets(table, schema.targets, schema.task, schema.classes)
        except DataError as error:
            if require_target:
                raise
            notes.append(f"the target is not used: {error}")
    weight = None if weight_name is None else weights(table, weight_name)
    data = _sequences(table, grouping, read.x, y, schema, weight, part_name, labels)
    data.categories, data.origin = read.categories, table.origin
    data.notes = (*columns.gap_notes(read.gaps), *notes)
    if labels and not data.labelled.any():
        where = "no last step of a sequence" if schema.predict == "last" else "no step"
        raise table.column_error(", ".join(schema.targets), f"{where} has a target value; fill in what is known")
    return data


def _sequences(
    table: Table,
    grouping: Future[Grouping],
    x: Floats,
    y: Floats,
    schema: Schema,
    weight: Floats | None = None,
    part_name: str | None = None,
    labels: bool = True,
) -> SequenceData:
    """Order, group and cut the rows, and find the targets ahead; resolves `predict` "auto".

    grouping: order of the rows, being computed; x, y, weight: in the order of the input.
    labels: whether a table without any label is an error.
    """
    order, offsets, names, keys = grouping.result()
    x, y, keys = _in_order(order, x, y, keys)
    if schema.id is not None and schema.time is not None and keys is not None:
        check_duplicates(table, schema.id, schema.time, order, offsets, keys)
    if schema.predict == "auto":
        several = y.shape[1] and schema.id is not None and not schema.horizon
        schema = replace(schema, predict=predict_rule(y, offsets) if several else "every")
    if labels:
        check_horizon(schema)
        check_reach(schema, offsets, [source.name for source in table.sources])
    found = None
    if schema.horizon and y.shape[1]:
        found = ahead(y, order, offsets, schema.horizon, schema.season)
    part = None if part_name is None else marks.parts(table, part_name)
    if part is not None and part_name is not None:
        if schema.id is not None:
            marks.check_one_part_each(table, part_name, schema.id, part, order, offsets)
        else:  # windows hold rows of one part, and labels come from it
            if found is not None:
                foreign = (found.label_row >= 0) & (part[found.label_row] != part[order])
                found.y[foreign], found.label_row[foreign] = np.nan, -1
            offsets = marks.runs(part[order])
            names = np.repeat(names, len(offsets) - 1)
    kept: Integers | slice = slice(None)  # of the ordered rows
    if schema.window is not None and schema.stride is not None:
        sequence, starts, lengths = windows(offsets, schema.window, schema.stride)
        names, offsets = names[sequence], ends(lengths)
        if schema.stride != schema.window:
            kept = spans(starts, lengths)
            order, x, y = order[kept], x.take(kept, axis=0), y.take(kept, axis=0)
            keys = None if keys is None else keys.take(kept)
    if schema.lag_target and y.shape[1]:
        x = np.column_stack((x, y if schema.horizon else moved(y, offsets, -1)[0]))
    return SequenceData(
        x=x,
        y=y if found is None else found.y[kept],
        offsets=offsets,
        ids=names,
        row=order,
        time=None if schema.time is None else _times(table, schema.time, order),
        schema=schema,
        source=tuple(source.name for source in table.sources),
        digest=table.digest,
        key=keys,
        weight=None if weight is None else weight[order],
        label_row=None if found is None else found.label_row[kept],
        naive=None if found is None else found.naive[kept],
        part=None if part is None else part[order],
    )


def _grouped(table: Table, id_column: str | None, time_column: str | None) -> Grouping:
    """Order the rows by id and time; raises DataError for an empty id, and for times that cannot be compared."""
    ids = None if id_column is None else _ids(table, id_column)
    keys = None if time_column is None else columns.time_keys(table, time_column)
    order, offsets, names = group(ids, keys, table.rows)
    if id_column is not None and (names == "").any():
        raise empty_id(table, id_column, ids)
    return order, offsets, names, keys


def _in_order(order: Integers, *arrays: Any) -> list[Any]:
    """Return the rows of each array in this order; None stays None. Several cores take one array each."""
    if (order[1:] > order[:-1]).all():  # they are in place
        return list(arrays)
    with ThreadPoolExecutor(len(arrays)) as pool:  # take is several times quicker than array[order]
        return list(pool.map(lambda array: None if array is None else array.take(order, axis=0), arrays))


def _keys(*names: str | None) -> tuple[str, ...]:
    """Return the columns whose text is needed for few rows only: id and time, where they are."""
    return tuple(name for name in names if name is not None)


def _ids(table: Table, name: str) -> Any:
    """Return the id column as (rows,) texts, Arrow's or objects, "" where it is empty."""
    series = table.frame[name]
    if any(source.typed for source in table.sources):
        series = series.astype(object).where(series.notna(), "").astype(str)
    return cells_of(series)  # of files it was read as text


def _times(table: Table, name: str, order: Integers) -> NDArray[Any] | Texts:
    """Return the time column in this order, as in the file."""
    cells = cells_of(table.frame[name])
    return Texts(cells, order) if is_compact(table.frame[name]) else cells.take(order)
