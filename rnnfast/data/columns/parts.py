"""The column that says which part a row belongs to, train, valid or test; or in a cross-validation which group."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rnnfast.data.columns.numbers import more_cells
from rnnfast.data.sources.origin import Origin
from rnnfast.data.sources.table import Table

Integers = NDArray[np.int64]

PART_NAMES = ("train", "valid", "test")
WORDS = {"train": 0, "valid": 1, "validation": 1, "val": 1, "test": 2}  # of a cell, in any case


def parts(table: Table, name: str) -> NDArray[np.int8]:
    """Return the part of each row, (rows,): 0 train, 1 valid, 2 test.

    Raises DataError for a cell that says something else.
    """
    codes, cells = pd.factorize(table.frame[name], use_na_sentinel=True)
    meanings = [WORDS.get(str(cell).strip().lower(), -1) for cell in cells]
    part = np.array([*meanings, -1], dtype=np.int8)[codes]  # the code of an empty cell is -1
    if (part < 0).any():
        row, count = int((part < 0).argmax()), int((part < 0).sum())
        more = more_cells(table, count)
        raise table.error(
            row, name, f"{table.cell(row, name)!r} is no part{more}; write train, valid or test in each cell"
        )
    return part


def groups(table: Table, name: str) -> Integers:
    """Return the group of each row, (rows,): a hash of the text of its cell, the same in each batch of a table.

    Raises DataError for an empty cell.
    """
    codes, cells = pd.factorize(table.frame[name], use_na_sentinel=True)
    texts = np.array([*(str(cell).strip() for cell in cells), ""], dtype=object)  # the code of an empty cell is -1
    empty = (texts == "")[codes]
    if empty.any():
        row = int(empty.argmax())
        more = more_cells(table, int(empty.sum()))
        raise table.error(row, name, f"{table.cell(row, name)!r} names no group{more}; write one in each cell")
    return np.asarray(pd.util.hash_array(texts, categorize=False).view(np.int64)[codes])


def check_one_part_each(
    origin: Origin, part_column: str, id_column: str, grouped: NDArray[Any], order: Integers, offsets: Integers
) -> None:
    """Raise DataError for the first id whose rows are in two parts, or groups.

    grouped: (rows,) the part of each, ordered by id; order: (rows,) input row of each; offsets: (ids + 1,).
    """
    same = grouped == np.repeat(grouped[offsets[:-1]], np.diff(offsets))
    if same.all():
        return
    position = int((~same).argmax())
    first, second = int(order[offsets[np.searchsorted(offsets, position, side="right") - 1]]), int(order[position])
    first, second = min(first, second), max(first, second)
    raise origin.error(
        second,
        part_column,
        f"{origin.cell(second, part_column)!r} for id {origin.cell(second, id_column)!r}, which is "
        f"{origin.cell(first, part_column)!r} in {origin.where(first)}; "
        f"all rows of an id need the same {part_column!r}",
    )


def runs(part: NDArray[Any]) -> Integers:
    """Return (runs + 1,) offsets of the stretches of rows of one part; part: (rows,) in the order of the series."""
    changes = np.flatnonzero(part[1:] != part[:-1]) + 1
    return np.concatenate(([0], changes, [len(part)])).astype(np.int64)
