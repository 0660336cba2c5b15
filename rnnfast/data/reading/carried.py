"""Columns of a table that go beside predictions as they are: their texts, found by input row, in bounded memory.

They are parsed by themselves, so that neither what a model reads nor the cache of it depends on them.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rnnfast.data.sequences.files import Appender, read_rows
from rnnfast.data.sequences.spans import ends
from rnnfast.data.sources.batches import batches
from rnnfast.data.sources.source import Source

Integers = NDArray[np.int64]

BATCH_BYTES = 1 << 25  # of rows that are parsed at a time
NEAR = 1 << 10  # rows; what lies no further apart is read at once
# What each kind of column holds, the narrower kinds first. No digit of a whole number is lost, and "007" is a text.
KINDS = {
    "boolean": re.compile(r"[Tt]rue|TRUE|[Ff]alse|FALSE"),
    "integer": re.compile(r"-?(0|[1-9]\d{0,17})"),
    "float64": re.compile(r"-?(0|[1-9]\d{0,14})(\.\d*)?([eE][+-]?\d+)?|-?\.\d+([eE][+-]?\d+)?"),
}


class Carried:
    """Texts of columns, kept in temporary files; a context that removes them.

    names: of the columns. kinds: of each, text, integer, float64 or boolean: what all its cells are that have a value.
    Raises DataError where a source lacks a column, and as reading does.
    """

    def __init__(self, sources: Sequence[Source], names: tuple[str, ...]) -> None:
        self.names = names
        self._directory = tempfile.TemporaryDirectory(prefix="rnnfast-")
        try:
            self._write(sources)
        except BaseException:
            self._directory.cleanup()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._directory.cleanup()

    def texts(self, rows: Integers) -> dict[str, list[str]]:
        """Return the cells of each column at these input rows, counted from 0 over all files, in their order."""
        order = np.argsort(rows, kind="stable")
        borders = np.flatnonzero(np.diff(rows[order]) > NEAR) + 1
        columns: dict[str, list[str]] = {}
        for j, name in enumerate(self.names):
            cells = np.empty(len(rows), object)
            for places in np.split(order, borders) if len(order) else ():
                cells[places] = self._read(j, rows[places])
            columns[name] = cells.tolist()
        return columns

    def _write(self, sources: Sequence[Source]) -> None:
        sizes = [0] * len(self.names)
        possible = {name: list(KINDS) for name in self.names}
        with Appender(Path(self._directory.name)) as out:
            for j in range(len(self.names)):
                out.append(f"ends-{j}", np.zeros(1, np.int64))
            for batch in batches(sources, self.names, self.names, BATCH_BYTES):
                for j, name in enumerate(self.names):
                    cells = _as_texts(batch.frame[name])
                    possible[name] = _fitting(possible[name], cells)
                    texts = [cell.encode() for cell in cells]
                    stops = sizes[j] + ends(np.fromiter(map(len, texts), np.int64, len(texts)))[1:]
                    out.append(f"text-{j}", b"".join(texts))
                    out.append(f"ends-{j}", stops)
                    sizes[j] = int(stops[-1])
        self.kinds = {name: _narrowest(possible[name]) for name in self.names}

    def _read(self, column: int, rows: Integers) -> NDArray[Any]:
        """Read the cells of a stretch of rows, ascending; (rows,) object."""
        directory, first, stop = Path(self._directory.name), int(rows[0]), int(rows[-1]) + 1
        borders = read_rows(directory / f"ends-{column}", np.int64, 0, first, stop + 1)
        content = read_rows(directory / f"text-{column}", np.uint8, 0, int(borders[0]), int(borders[-1])).tobytes()
        begin, end = borders[rows - first] - borders[0], borders[rows - first + 1] - borders[0]
        texts = [content[a:b].decode() for a, b in zip(begin.tolist(), end.tolist(), strict=True)]
        return np.array(texts, object)


def narrowest_kind(pieces: Iterable[Sequence[str]]) -> str:
    """Return the kind of a column whose cells come in pieces."""
    possible = list(KINDS)
    for cells in pieces:
        possible = _fitting(possible, cells)
    return _narrowest(possible)


def _fitting(kinds: list[str], cells: Sequence[str]) -> list[str]:
    """Return the kinds that all cells with a value have."""
    filled = [cell for cell in cells if cell]
    return [kind for kind in kinds if all(map(KINDS[kind].fullmatch, filled))]


def _narrowest(kinds: list[str]) -> str:
    """Return the first of the kinds that a column may have; one without any value, which has all, is text."""
    return kinds[0] if 0 < len(kinds) < len(KINDS) else "text"


def _as_texts(series: pd.Series[Any]) -> list[str]:
    """Return cells as texts; of typed cells those that are missing are empty."""
    if series.dtype == object and all(type(cell) is str for cell in series):
        return series.tolist()
    return series.astype(object).map(str).where(series.notna(), "").tolist()
