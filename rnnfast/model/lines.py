"""Lines of text in the order of the input rows, whatever the order in which they are made, in bounded memory."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from rnnfast.data.sequences.files import Appender, read_rows
from rnnfast.model.csvlines import Lines

LINE_BYTES = 500  # in memory, of a line that is put in order: its text, twice, and what Python adds


class OrderedLines:
    """Collects lines in files of so many input rows each, and writes them at the end; a context that removes the files.

    size: bytes of memory for the lines of one file.
    """

    def __init__(self, stream: Lines, size: int) -> None:
        self.stream, self.rows = stream, max(size // LINE_BYTES, 1)
        self._directory = tempfile.TemporaryDirectory(prefix="rnnfast-")
        self._buckets: set[int] = set()

    def __enter__(self) -> OrderedLines:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._directory.cleanup()

    def add(self, rows: NDArray[np.int64], lines: Sequence[str]) -> None:
        """Keep lines; rows: (lines,) input rows, ascending."""
        bucket = rows // self.rows
        borders = np.flatnonzero(np.diff(bucket, prepend=-1, append=-1)).tolist()
        for first, stop in pairwise(borders):
            place = self._place(int(bucket[first]))
            if int(bucket[first]) not in self._buckets:
                self._buckets.add(int(bucket[first]))
                place.mkdir()
            texts = [line.encode() for line in lines[first:stop]]
            with Appender(place) as out:
                out.append("row", rows[first:stop])
                out.append("size", np.fromiter(map(len, texts), np.int64, len(texts)))
                out.append("text", b"".join(texts))

    def write(self) -> None:
        """Write all lines in order."""
        for bucket in sorted(self._buckets):
            place = self._place(bucket)
            count = (place / "row").stat().st_size // 8
            row, size = (read_rows(place / name, np.int64, 0, 0, count) for name in ("row", "size"))
            text, stop = (place / "text").read_bytes(), np.cumsum(size)
            order = np.argsort(row, kind="stable")
            pieces = zip((stop - size)[order].tolist(), stop[order].tolist(), strict=True)
            self.stream.write("".join(text[first:last].decode() for first, last in pieces))

    def _place(self, bucket: int) -> Path:
        return Path(self._directory.name) / f"lines-{bucket}"
