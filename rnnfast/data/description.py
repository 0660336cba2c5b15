"""What a table holds, as records: its size, the balance of its classes, its columns with their roles and ranges."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from rnnfast.catalogue import TASKS
from rnnfast.config.sections import DataConfig
from rnnfast.data.columns.missing import missing_rules
from rnnfast.data.encoding.scaling import feature_kinds
from rnnfast.data.sequences.base import Sequences
from rnnfast.data.sequences.data import SequenceData
from rnnfast.data.splitting.parts import Parts
from rnnfast.records import UNSET, Record, UnsetType


class Lengths(Record, frozen=True):
    """The shortest, median and longest sequence, in steps."""

    min: int
    median: float
    max: int


class PartSize(Record, frozen=True):
    """How much of a table one of its parts has; classes: labelled steps of each class, of a task with classes."""

    sequences: int
    rows: int
    labelled_steps: int
    classes: dict[str, int] | UnsetType = UNSET


class ColumnDescription(Record, frozen=True):
    """One column.

    role: id, time, feature, category, weight or target. min, mean, max: None where no cell has a value; missing: empty
    cells. categories: those of the table. scale, fill: of inputs, the scaling and the rule for empty cells.
    """

    name: str
    role: str
    min: float | UnsetType | None = UNSET
    mean: float | UnsetType | None = UNSET
    max: float | UnsetType | None = UNSET
    missing: int | UnsetType = UNSET
    categories: tuple[str, ...] | UnsetType = UNSET
    scale: str | UnsetType | None = UNSET
    fill: str | UnsetType = UNSET


class TableDescription(Record, frozen=True, kw_only=True):
    """What `inspect` shows of a table."""

    kind: str = "table"
    source: tuple[str, ...]
    rows: int
    sequences: int
    length: Lengths
    layout: str
    task: str
    classes: tuple[Any, ...]
    predict: str
    window: int | None
    stride: int | None
    horizon: int
    horizons: tuple[int, ...]
    season: int
    labelled_steps: int
    class_balance: dict[str, int] | None
    columns: tuple[ColumnDescription, ...]
    notes: tuple[str, ...]


def describe_table(data: SequenceData, config: DataConfig | None = None) -> TableDescription:
    """Describe a table that was read.

    config: the options that it was read with; with them, each input has its scaling and its rule for empty cells.
    """
    schema = data.schema
    return TableDescription(
        source=tuple(data.source),
        rows=int(data.rows),
        sequences=int(data.sequences),
        length=lengths(data),
        layout=schema.layout,
        task=schema.task,
        classes=schema.classes,
        predict=schema.predict,
        window=schema.window,
        stride=schema.stride,
        horizon=schema.horizon,
        horizons=schema.horizons,
        season=schema.season,
        labelled_steps=data.labelled_steps,
        class_balance=class_balance(data),
        columns=tuple(_columns(data, config)),
        notes=tuple(data.notes),
    )


def _columns(data: SequenceData, config: DataConfig | None) -> Iterator[ColumnDescription]:
    schema = data.schema
    for name, role in ((schema.id, "id"), (schema.time, "time")):
        if name:
            yield ColumnDescription(name, role)
    kinds = {} if config is None else feature_kinds(schema, config)
    rules = {} if config is None else missing_rules(schema, config)
    for j, name in enumerate(schema.columns):
        of_category = name in schema.categorical
        low, mean, high, missing = _range(data.x[:, j])
        yield ColumnDescription(
            name=name,
            role="category" if of_category else "feature",
            min=None if of_category else low,
            mean=None if of_category else mean,
            max=None if of_category else high,
            missing=missing,
            categories=tuple(data.categories[name]) if of_category else UNSET,
            scale=UNSET if config is None else kinds.get(name),
            fill=rules.get(name, UNSET),
        )
    if data.weight is not None and schema.weight is not None:
        yield ColumnDescription(schema.weight, "weight", *_range(data.weight))
    for j, name in enumerate(schema.targets if data.y.shape[1] else ()):
        low, mean, high, missing = _range(data.y[:, j])
        if TASKS[schema.task].output_per_class:  # whose numbers are indices
            yield ColumnDescription(name, "target", missing=missing)
        else:
            yield ColumnDescription(name, "target", low, mean, high, missing)


def _range(column: npt.NDArray[np.float64]) -> tuple[float | None, float | None, float | None, int]:
    """Return minimum, mean, maximum and the count of missing values of a column (rows,)."""
    missing = int(np.count_nonzero(np.isnan(column)))
    present = column if missing == 0 else column[~np.isnan(column)]
    if not len(present):
        return None, None, None, missing
    return float(present.min()), float(present.mean()), float(present.max()), missing


def lengths(data: Sequences) -> Lengths:
    """Return the shortest, median and longest sequence."""
    return Lengths(int(data.lengths.min()), float(np.median(data.lengths)), int(data.lengths.max()))


def part_sizes(parts: Parts) -> dict[str, PartSize]:
    """Return the size and, with classes, the balance of each part."""
    return {name: _size(part) for name, part in parts.named().items()}


def _size(part: Sequences) -> PartSize:
    balance = class_balance(part)
    return PartSize(
        int(part.sequences), int(part.rows), int(part.labelled_steps), UNSET if balance is None else balance
    )


def class_balance(data: Sequences) -> dict[str, int] | None:
    """Return the labelled steps of each class, in the order of the classes; None for a regression."""
    classes = data.schema.classes
    if not classes:
        return None
    return {str(name): int(n) for name, n in zip(classes, data.counts, strict=True)}
