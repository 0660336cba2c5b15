"""What is remembered of each id between two of its rows: arrays with a row for each slot."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

LEAST = 64  # slots


class Memory:
    """Columns of numbers, a row of each for every slot; they grow with the slots in use.

    columns: by name, (capacity, ...). Those that every stream has: steps, rows of an id since its state began, 0 for
    none; arrived, when its last row came, in seconds since 1970; key, the time of that row.
    """

    def __init__(self, most: int) -> None:
        self.most, self.capacity = most, min(LEAST, most)
        self.columns: dict[str, NDArray[Any]] = {}
        self.add("steps", (), np.int64)
        self.add("arrived", (), np.float64)
        self.add("key", (), np.float64)

    def add(self, name: str, shape: tuple[int, ...], dtype: Any) -> None:
        """Remember something more."""
        self.columns[name] = np.zeros((self.capacity, *shape), dtype)

    def __getitem__(self, name: str) -> NDArray[Any]:
        """Return a column."""
        return self.columns[name]

    def reserve(self, slots: int) -> bool:
        """Make room for so many slots; returns whether the columns are other arrays now."""
        if slots <= self.capacity:
            return False
        self.capacity = min(self.most, max(slots, 2 * self.capacity))
        for name, column in self.columns.items():
            wider = np.zeros((self.capacity, *column.shape[1:]), column.dtype)
            wider[: len(column)] = column
            self.columns[name] = wider
        return True

    def records(self, slots: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Return what is remembered of some slots as (slots, bytes)."""
        pieces = [np.ascontiguousarray(column[slots]).view(np.uint8) for column in self.columns.values()]
        sizes = [_row_bytes(column) for column in self.columns.values()]
        return np.hstack([piece.reshape(len(slots), size) for piece, size in zip(pieces, sizes, strict=True)])

    def restore(self, slots: NDArray[np.int64], records: NDArray[np.uint8]) -> None:
        """Undo `records`. Writes: the columns."""
        first = 0
        for column in self.columns.values():
            size = _row_bytes(column)
            piece = np.ascontiguousarray(records[:, first : first + size]).view(column.dtype)
            column[slots] = piece.reshape(len(slots), *column.shape[1:])
            first += size


def _row_bytes(column: NDArray[Any]) -> int:
    """Return the bytes of a row of a column."""
    return int(np.prod(column.shape[1:], dtype=np.int64)) * column.itemsize
