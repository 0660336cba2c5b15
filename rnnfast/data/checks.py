"""What ids and times must be: there, and once each."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnfast.data.sources.table import Table
from rnnfast.errors import DataError


def empty_id(table: Table, name: str, ids: Any) -> DataError:
    """Build the error about the first row without id; ids: (rows,) text."""
    row = int((np.asarray(ids, dtype=object) == "").argmax())
    return table.error(row, name, f"the id is empty ({table.cell(row, name)!r}); name the sequence of this row")


def check_duplicates(
    table: Table,
    id_column: str,
    time_column: str,
    order: NDArray[np.int64],
    offsets: NDArray[np.int64],
    keys: NDArray[Any],
) -> None:
    """Raise DataError for the first row whose id and time were there before.

    order, offsets: as of `group`; keys: (rows,) numbers that sort like the time, in this order.
    """
    same = keys[1:] == keys[:-1]
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
