"""How large a table and its parts are, and the balance of their classes, as records."""

from __future__ import annotations

import numpy as np

from rnnfast.data.sequences.base import Sequences
from rnnfast.data.splitting.parts import Parts
from rnnfast.records import UNSET, Count, Record, UnsetType


class Lengths(Record, frozen=True):
    """The shortest, median and longest sequence, in steps."""

    min: int
    median: float
    max: int


class PartSize(Record, frozen=True):
    """How much of a table one of its parts has; classes: labelled steps of each class, of a task with classes."""

    sequences: Count
    rows: Count
    labelled_steps: Count
    classes: dict[str, Count] | UnsetType = UNSET


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
