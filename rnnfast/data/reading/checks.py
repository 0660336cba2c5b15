"""What ids, times and labels must be: ids and times there, and once each; some label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnfast.data.columns.schema import Schema
from rnnfast.data.reading.request import Request
from rnnfast.data.sequences.base import Sequences
from rnnfast.data.sequences.data import SequenceData
from rnnfast.data.sources.origin import Origin
from rnnfast.data.sources.source import Source, short
from rnnfast.errors import DataError, UsageError


def empty_id(origin: Origin, name: str, ids: Any) -> DataError:
    """Build the error about the first row without id; ids: (rows,) text."""
    row = int((np.asarray(ids, dtype=object) == "").argmax())
    return origin.error(row, name, f"the id is empty ({origin.cell(row, name)!r}); name the sequence of this row")


def same_times(keys: NDArray[Any], offsets: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return (rows - 1,) whether the row after each has the same id and time.

    keys: (rows,) numbers that sort like the time, in the order of the ids; offsets: (ids + 1,).
    """
    same: NDArray[np.bool_] = keys[1:] == keys[:-1]
    same[offsets[1:-1] - 1] = False  # the step from one sequence to the next
    return same


def repeated(origin: Origin, id_column: str | None, time_column: str, first: int, second: int) -> DataError:
    """Build the error about two input rows of the same id and time; id_column: None for a table without id."""
    time, of_id = origin.cell(second, time_column), ""
    if id_column is not None:
        of_id = f" of id {origin.cell(second, id_column)!r}"
    return origin.error(
        second,
        time_column,
        f"{time!r}{of_id} is there already ({origin.where(first)}); remove one of them, name another "
        "--time, or keep them in the order of the file with --ties keep",
    )


def check_labelled(data: Sequences) -> None:
    """Raise DataError for a table without any label."""
    if data.labelled_steps:
        return
    where = "no last step of a sequence" if data.schema.predict == "last" else "no step"
    raise DataError(
        f"{', '.join(data.source)}, column {short(', '.join(data.schema.targets))!r}: {where} has a target value; fill "
        "in what is known"
    )


def with_clock(schema: Schema, dates: bool, request: Request, sources: Sequence[Source]) -> Schema:
    """Return the schema with what its times are, dates or numbers, where inputs are made of them.

    Raises UsageError for the calendar of numbers, DataError for a table whose times are not what they were in training.
    """
    if not schema.clock:
        return schema
    if request.schema is not None and dates != schema.dates:
        now, before = ("dates", "numbers") if dates else ("numbers", "dates")
        raise DataError(
            f"{sources[0].name}, column {schema.time!r}: the times are {now}, those of the table that trained were "
            f"{before}; the model has inputs that are made of them: write them in the same way"
        )
    if schema.calendar and not dates and request.dated:
        schema = replace(schema, calendar=False)
    elif schema.calendar and not dates:
        raise UsageError(
            f"--calendar: the times of {schema.time!r} are numbers, which have no hour or month; write dates such as "
            "2024-01-31, or leave it out"
        )
    return replace(schema, dates=dates and schema.clock)


def check_sample(sample: SequenceData, whole: Sequences, where: str) -> None:
    """Raise DataError for sequences drawn of `whole` without any label that counts, though others have labels.

    where: what they are of, as the message says it.
    """
    counts = sample.labelled if sample.weight is None else sample.labelled & (sample.weight > 0)
    if counts.any() or sample.sequences == whole.sequences or not whole.labelled_steps:
        return
    weight = "" if sample.weight is None else " with a weight above 0"
    raise DataError(
        f"{', '.join(whole.source)}: none of the {sample.sequences:,} sequences of {where} that fit into --memory has "
        f"a label{weight}; give more memory"
    )
