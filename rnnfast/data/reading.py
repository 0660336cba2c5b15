"""From files and options to `SequenceData`: the one entry point for tables."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rnnfast.config import Config, DataConfig
from rnnfast.data import columns
from rnnfast.data.schema import DEFAULT_WINDOW, Roles, Schema, roles
from rnnfast.data.sequences import SequenceData, ends, group, predict_rule, spans, windows
from rnnfast.data.source import Source, listing, nearest, open_sources, require
from rnnfast.data.table import Table, load
from rnnfast.data.targets import known_targets, targets
from rnnfast.errors import DataError, UsageError

OPTIONS = ("id", "time", "target", "features", "ignore", "task", "predict", "window", "stride")


def read_table(
    paths: str | Path | pd.DataFrame | list[Any] | tuple[Any, ...],
    *,
    schema: Schema | None = None,
    require_target: bool = True,
    **options: Any,
) -> SequenceData:
    """Read tables with one row per step into sequences.

    paths: CSV or TSV file, plain or gzipped, "-" for standard input, a DataFrame, or a list of them, read as one table.
    schema: of a training table; columns are then found by name, further ones and `options` are ignored.
    require_target: False accepts a table without target (y is then (rows, 0)).
    options: id, time, target, features, ignore, task ("auto"), predict ("auto"), window and stride as in DataConfig.
    Raises DataError, naming file, line, column and value, for tables that cannot be used; UsageError for wrong options.
    """
    config = _config(options)
    sources = open_sources(paths)
    return _after_schema(sources, schema, require_target) if schema else _new(sources, config, require_target)


def _config(options: dict[str, Any]) -> DataConfig:
    for name in options:
        if name not in OPTIONS:
            raise UsageError(f"read_table: unknown option {name!r}{nearest(name, OPTIONS)}")
    return Config().with_values(options, "read_table").data


def _new(sources: list[Source], config: DataConfig, require_target: bool) -> SequenceData:
    """Read a table whose meaning is still to be recognised."""
    found = roles(sources[0], config, require_target)
    table = load(sources, found.text)
    names = found.features
    notes: list[str] = []
    if names is None:
        names, notes = columns.default_features(table, {*found.text, *found.targets, *found.left_out})
        if not names:
            raise DataError(
                f"{sources[0].header_line()}: no numeric column is left as a feature; the columns are "
                f"{listing(sources[0].columns)}"
            )
    x = columns.features(table, names)
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
    )
    data = _sequences(table, x, y, schema)
    data.notes = (*role_notes(found, schema), *notes, *_value_notes(data, config))
    return data


def _after_schema(sources: list[Source], schema: Schema, require_target: bool) -> SequenceData:
    """Read a table whose columns mean what a schema says."""
    text = tuple(name for name in (schema.id, schema.time) if name is not None)
    needed = (*text, *schema.features)
    notes: list[str] = []
    with_targets = all(set(schema.targets) <= set(source.columns) for source in sources)
    if require_target and not with_targets:
        for source in sources:
            require(source, (*needed, *schema.targets))
    # Classes of text stay text even where a file happens to hold only those that look like numbers.
    as_text = (*text, *schema.targets) if schema.classes and isinstance(schema.classes[0], str) else text
    table = load(sources, as_text, (*needed, *schema.targets) if with_targets else needed)
    x = columns.features(table, schema.features)
    y = np.empty((table.rows, 0))
    if with_targets and schema.targets:
        try:
            y = known_targets(table, schema.targets, schema.task, schema.classes)
        except DataError as error:
            if require_target:
                raise
            notes.append(f"the target is not used: {error}")
    data = _sequences(table, x, y, schema)
    data.notes = tuple(notes)
    if require_target and not data.labelled.any():
        where = "no last step of a sequence" if schema.predict == "last" else "no step"
        raise table.column_error(", ".join(schema.targets), f"{where} has a target value; fill in what is known")
    return data


def _sequences(table: Table, x: NDArray[np.float64], y: NDArray[np.float64], schema: Schema) -> SequenceData:
    """Order, group and cut the rows; resolves `predict` "auto"."""
    ids = None if schema.id is None else _ids(table, schema.id)
    keys = None if schema.time is None else columns.time_keys(table, schema.time)
    order, offsets, names = group(ids, keys, table.rows)
    if schema.id is not None and ids is not None and (names == "").any():
        raise _empty_id(table, schema.id, ids)
    if schema.id is not None and schema.time is not None and keys is not None:
        _check_duplicates(table, schema.id, schema.time, order, offsets, keys)
    if schema.predict == "auto":
        rule = predict_rule(y[order], offsets) if y.shape[1] and schema.id is not None else "every"
        schema = replace(schema, predict=rule)
    if schema.window is not None and schema.stride is not None:
        sequence, starts, lengths = windows(offsets, schema.window, schema.stride)
        names, offsets = names[sequence], ends(lengths)
        if schema.stride != schema.window:
            order = order[spans(starts, lengths)]
    if len(order) != table.rows or (np.diff(order) != 1).any():  # else the rows are in place
        x, y = x[order], y[order]
    return SequenceData(
        x=x,
        y=y,
        offsets=offsets,
        ids=names,
        row=order,
        time=None if schema.time is None else table.frame[schema.time].to_numpy(dtype=object)[order],
        schema=schema,
        source=tuple(source.name for source in table.sources),
        digest=table.digest,
    )


def _ids(table: Table, name: str) -> NDArray[Any]:
    """Return the id column as (rows,) object array of text, "" where it is empty."""
    series = table.frame[name]
    if any(source.frame is not None for source in table.sources):
        series = series.astype(object).where(series.notna(), "").astype(str)
    return series.to_numpy(dtype=object)  # of files it was read as text


def _empty_id(table: Table, name: str, ids: NDArray[Any]) -> DataError:
    """Build the error about the first row without id; ids as in `_ids`."""
    row = int((ids == "").argmax())
    return table.error(row, name, f"the id is empty ({table.cell(row, name)!r}); name the sequence of this row")


def _check_duplicates(
    table: Table,
    id_column: str,
    time_column: str,
    order: NDArray[np.int64],
    offsets: NDArray[np.int64],
    keys: NDArray[Any],
) -> None:
    """Raise DataError for the first row whose id and time were there before; order and keys as in `group`."""
    sorted_keys = keys[order]
    same = sorted_keys[1:] == sorted_keys[:-1]
    same[offsets[1:-1] - 1] = False  # the step from one sequence to the next
    if not same.any():
        return
    position = int(same.argmax())
    raise repeated(table, id_column, time_column, int(order[position]), int(order[position + 1]))


def repeated(table: Table, id_column: str, time_column: str, first: int, second: int) -> DataError:
    """Build the error about two input rows of the same id and time."""
    identity, time = table.cell(second, id_column), table.cell(second, time_column)
    return table.error(
        second,
        time_column,
        f"{time!r} of id {identity!r} is there already ({table.where(first)}); a sequence has one row per time: "
        f"remove one of them, or name another --time",
    )


def role_notes(found: Roles, schema: Schema) -> list[str]:
    """Say which column is what."""
    layouts = {
        "original": "layout name,t,x..,y..: ",
        "card": "layout of card payments (Time,V..,Amount,Class): ",
        "options": "",
    }
    parts = [
        f"id {schema.id!r}" if schema.id else "no id",
        f"ordered by {schema.time!r}" if schema.time else "in the order of the file",
        f"{len(schema.features)} {'feature' if len(schema.features) == 1 else 'features'} ({listing(schema.features)})",
    ]
    if schema.targets:
        shown = [repr(value) for value in schema.classes]
        classes = f" ({' or '.join(shown) if len(shown) == 2 else f'{len(shown)} classes: {listing(shown)}'})"
        parts.append(f"target {listing(schema.targets)}{classes if shown else ''}, {schema.task}")
    notes = [f"{layouts[schema.layout]}{'; '.join(parts)}"]
    if found.left_out:
        notes.append(f"left out: {listing(found.left_out)}")
    return notes


def _value_notes(data: SequenceData, config: DataConfig) -> list[str]:
    """Say what the values show and which defaults were chosen because of them."""
    notes, schema = [], data.schema
    likely = np.flatnonzero(data.x[0] == data.x[-1])  # spares a pass over all columns
    constant = [schema.features[j] for j in likely if (data.x[:, j] == data.x[0, j]).all()]
    if constant:
        notes.append(constant_note(constant))
    return notes + choice_notes(schema, data.rows, data.sequences, config)


def constant_note(names: list[str]) -> str:
    """Say which features never change."""
    return f"the same value in every row, so nothing can be learned from: {listing(names)}"


def choice_notes(schema: Schema, rows: int, sequences: int, config: DataConfig) -> list[str]:
    """Say which defaults were chosen, and what is odd about the choice."""
    notes = []
    if schema.window and config.window is None:
        notes.append(
            f"no id column: consecutive rows are cut into windows of {schema.window}, the default (set by --window)"
        )
    if schema.window and schema.stride and schema.stride > schema.window:
        notes.append(
            f"rows between windows are left out: the stride {schema.stride} is above the window {schema.window}"
        )
    if schema.id and rows > 1 and sequences == rows:
        notes.append(
            f"every row has its own {schema.id!r}, so sequences have one step; --ignore {schema.id} cuts windows"
        )
    if schema.id and schema.targets and config.predict == "auto" and sequences < rows:
        notes.append(
            "the target is constant within every sequence: only its last step is predicted (--predict every changes it)"
            if schema.predict == "last"
            else "the target is not one per sequence: every step is predicted (--predict last changes it)"
        )
    return notes
