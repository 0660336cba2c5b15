"""The column with the weight of each row in the loss."""

from __future__ import annotations

import numpy as np

from rnnfast.data.columns.numbers import Floats, more_cells, numbers
from rnnfast.data.sources.table import Table


def weights(table: Table, name: str) -> Floats:
    """Return the weight of each row, (rows,) float64.

    Raises DataError for a cell that is empty, no number, below 0 or infinite.
    """
    values = numbers(table, name, "train without --weight")
    bad = ~(values >= 0) | np.isinf(values)
    if bad.any():
        row, count = int(bad.argmax()), int(bad.sum())
        more = more_cells(table, count)
        cell = table.cell(row, name)
        wrong = "is below 0" if values[row] < 0 else "is infinite" if values[row] > 0 else "is empty"
        raise table.error(
            row, name, f"{cell!r} {wrong}{more}; give a number from 0 up (0: the row has no say in the loss)"
        )
    return values
