"""Files whose cells have types of their own: what all of them offer, and those that are read row by row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, Protocol

import pandas as pd

from rnnfast.data.sources.bounds import check_bytes
from rnnfast.errors import DataError
from rnnfast.memory import available_memory

ROWS = 1 << 13  # taken from a file at a time, where all of them will be in memory
LARGEST = 2**63 - 1  # of whole numbers


class TypedFile(Protocol):
    """A table with types."""

    @property
    def kind(self) -> str:
        """What messages call it, such as "Parquet"."""

    def columns(self) -> list[str]:
        """Return the names of the columns; raises DataError for a damaged file."""

    def rows(self) -> int | None:
        """Return the number of rows, None where only reading them tells."""

    def single_precision(self, columns: Sequence[str]) -> bool:
        """Whether float32 holds every value of these columns by their types."""

    def frame(self, columns: Sequence[str]) -> pd.DataFrame:
        """Read columns of all rows; raises DataError where memory cannot hold them."""

    def frames(self, columns: Sequence[str], rows: int) -> Iterator[pd.DataFrame]:
        """Read columns as DataFrames of at most so many rows, in bounded memory."""

    def place(self, row: int) -> str:
        """Name the place of a row (0-based), such as "line 7"."""

    def cell(self, row: int, column: str) -> Any:
        """Read one cell; for messages."""


class RowFile:
    """A file that is read row by row. A subclass says what its rows are; types are those of the values.

    unit: what a row is called in messages, "line" or "row".
    """

    name: str
    kind: str
    unit = "row"

    def columns(self) -> list[str]:
        """Return the names of the columns."""
        raise NotImplementedError

    def records(self, columns: Sequence[str], whole: bool) -> Iterator[tuple[int, tuple[Any, ...]]]:
        """Yield (number as an editor or a spreadsheet counts it, cells of these columns) of each row.

        whole: whether all rows will be in memory together.
        """
        raise NotImplementedError

    def rows(self) -> int | None:
        """Return None: only reading all rows tells how many there are."""
        return None

    def single_precision(self, columns: Sequence[str]) -> bool:
        """Return False: later rows may hold anything."""
        return False

    def frame(self, columns: Sequence[str]) -> pd.DataFrame:
        """Read columns of all rows; raises DataError where memory cannot hold them."""
        frames, size, limit = [], 0, available_memory()
        for frame in self._frames(columns, ROWS, whole=True):
            size += int(frame.memory_usage(deep=True).sum())
            check_bytes(self.name, self.kind, size, limit)
            frames.append(frame)
        return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=list(columns))

    def frames(self, columns: Sequence[str], rows: int) -> Iterator[pd.DataFrame]:
        """Read columns as DataFrames of at most so many rows, in bounded memory."""
        return self._frames(columns, rows, whole=False)

    def _frames(self, columns: Sequence[str], rows: int, whole: bool) -> Iterator[pd.DataFrame]:
        records = self.records(columns, whole)
        while batch := [cells for _, cells in islice(records, rows)]:
            yield frame_of_rows(batch, columns)

    def place(self, row: int) -> str:
        """Name the place of a row (0-based)."""
        return f"{self.unit} {self._record(row, ())[0]}"

    def cell(self, row: int, column: str) -> Any:
        """Read one cell; for messages. An empty one is shown as such."""
        value = self._record(row, (column,))[1][0]
        return "" if value is None else value

    def _record(self, row: int, columns: Sequence[str]) -> tuple[int, tuple[Any, ...]]:
        return next(islice(self.records(columns, False), row, None))

    def error(self, number: int, message: str) -> DataError:
        """Build the error about one row; number: as of `records`."""
        return DataError(f"{self.name}, {self.unit} {number}: {message}")


def frame_of_rows(rows: Sequence[tuple[Any, ...]], names: Sequence[str]) -> pd.DataFrame:
    """Return rows of Python values, at least one, as a DataFrame; whole numbers stay such beside empty cells."""
    columns = {place: _column(list(cells)) for place, cells in enumerate(zip(*rows, strict=True))}
    return pd.DataFrame(columns, index=range(len(rows))).set_axis(list(names), axis="columns")


def _column(cells: list[Any]) -> Any:
    """Return the cells of a column; pandas would make floats of whole numbers beside None, and lose their digits."""
    whole = set(map(type, cells)) == {int, type(None)} and all(
        cell is None or -LARGEST <= cell <= LARGEST for cell in cells
    )
    return pd.array(cells, dtype="Int64") if whole else cells
