"""Where the rows of a table come from: file, line and text of a cell, for messages."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rnnfast.data.sources.source import Source, short
from rnnfast.data.sources.totals_row import totals_word
from rnnfast.errors import DataError


@dataclass(frozen=True)
class Origin:
    """The sources of a table, in order.

    starts: first row of each source, then the number of rows. Files are read again to find a line: only for messages.
    """

    sources: list[Source]
    starts: list[int]

    def where(self, row: int) -> str:
        """Name file and line of a row (0-based over all files)."""
        source, local = self.locate(row)
        return source.where(local)

    def cell(self, row: int, column: str) -> str:
        """Text of a cell as in its file, shortened for messages."""
        source, local = self.locate(row)
        return source.cell(local, column)

    def error(self, row: int, column: str, message: str) -> DataError:
        """Build the error about one cell: file, line, column, then the message."""
        source, local = self.locate(row)
        word = totals_word(source.cells(local))
        total = f"; where {word!r} says that this row is a total, remove it" if word else ""
        return DataError(f"{source.where(local)}, column {short(column)!r}: {message}{total}")

    def source(self, row: int) -> Source:
        """Return the source that a row is from."""
        return self.locate(row)[0]

    def locate(self, row: int) -> tuple[Source, int]:
        """Return the source of a row, and its row there."""
        position = int(np.searchsorted(self.starts, row, side="right")) - 1
        return self.sources[position], int(row) - self.starts[position]
