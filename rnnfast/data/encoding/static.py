"""Columns that are constant in an id: which they are, and that they are."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

import numpy as np

from rnnfast.config.sections import ModelConfig
from rnnfast.data.columns.schema import Schema
from rnnfast.data.encoding.cells import cell_error
from rnnfast.data.sequences.data import SequenceData
from rnnfast.data.sources.source import listing, short, typed
from rnnfast.errors import UsageError, did_you_mean

FIELDS = ("ids", "row")  # of blocks of sequences that the check asks for


def static_columns(model: ModelConfig, schema: Schema) -> tuple[str, ...]:
    """Return the features that --static names, in the order of the table.

    Raises UsageError for a name that is none, without ids, for a column that is embedded, and where no feature is left
    for the steps.
    """
    if not model.static:
        return ()
    shown = ",".join(model.static)
    if schema.id is None:
        raise UsageError(f"--static {shown}: a constant column belongs to an id; name the column of ids with --id")
    features, names, embedded = set(schema.features), set(model.static), set(model.embedded)
    for name in model.static:
        if name not in features and not any(fnmatchcase(column, name) for column in schema.features):
            raise UsageError(
                f"--static: there is no feature {name!r}{did_you_mean(name, schema.features, most=3)}; they are "
                f"{listing(schema.features)}; {typed('--categorical', name)} makes a feature of a text"
            )
    static = tuple(
        column for column in schema.features
        if column in names or any(fnmatchcase(column, name) for name in model.static)
    )  # fmt: skip
    for name in static:
        if name in embedded or any(fnmatchcase(name, pattern) for pattern in model.embedded):
            raise UsageError(
                f"--static {shown}, --embed: {name!r} is in both; each category of a constant column has learned "
                "numbers of its own already, which begin the states; leave it out of one"
            )
    if set(static) == set(schema.columns):
        raise UsageError(f"--static {shown}: no feature is left that changes from step to step; leave some out")
    return static


def check_static(data: SequenceData, names: Sequence[str]) -> None:
    """Raise DataError for a constant column that has two values in a sequence, or in two windows of an id.

    Windows are compared where the ids of the sequences were read: FIELDS.
    """
    first = data.offsets[:-1]
    for name in names:
        column = data.x[:, data.schema.place_of[name]]
        empty = np.isnan(column)
        differs = np.zeros(len(column), bool)
        differs[1:] = (column[1:] != column[:-1]) & ~(empty[1:] & empty[:-1])
        differs[first] = False
        # Windows of one id follow each other; an id that was not read is "".
        later = np.flatnonzero((data.ids[1:] == data.ids[:-1]) & (data.ids[1:] != "")) + 1
        here, before = first[later], first[later - 1]
        differs[here] = (column[here] != column[before]) & ~(empty[here] & empty[before])
        if differs.any():
            row = int(differs.argmax())
            sequence = int(np.searchsorted(data.offsets, row, side="right")) - 1
            other = row - 1 if row > data.offsets[sequence] else int(data.offsets[sequence - 1])
            which = f"id {short(data.ids[sequence])!r}" if data.ids[sequence] else "its id"
            raise cell_error(
                data,
                int(data.row[row]),
                name,
                f"{which} has {_shown(data, name, other)} and {_shown(data, name, row)}, and "
                "--static says that it is constant in an id; correct it, or leave the column out of --static",
            )


def _shown(data: SequenceData, name: str, row: int) -> str:
    """Return a cell of x as text."""
    value = float(data.x[row, data.schema.place_of[name]])
    if np.isnan(value):
        return "an empty cell"
    return repr(short(data.categories[name][int(value)])) if name in data.categories else f"{value:g}"
