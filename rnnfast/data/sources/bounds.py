"""What a packed file may take of memory: what its sizes say is not trusted, what comes out of it is counted.

A few kilobytes can unpack to terabytes. Rows are counted while they are read, and reading ends where their cells alone
would fill the memory that there is.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import IO, Any

from rnnfast.errors import DataError
from rnnfast.memory import available_memory, shown

CHUNK = 1 << 18  # bytes handed on at a time
CELL, ROW = 24, 100  # bytes in memory of a cell while a table is read, and of what belongs to a row as a whole
COLUMN = 15_000  # bytes of a column beside its cells: pandas keeps its name, its type and what counts as empty
CHARACTER = 16  # bytes of a byte of a line, which is taken apart at once: a cell may be a comma
PORTION = 6  # share of the memory that text of a batch of rows may take, which the parser holds several times
UNPACKED, PIECE = 3, 2  # bytes of one that a file of columns unpacks to: of a whole file, and of a piece of it
UNKNOWN = 1 << 36  # bytes taken for the memory of a system that does not say how much there is


class Bounds:
    """Counts lines and the bytes of the longest one, and refuses what memory cannot hold.

    name: of the file; packed: its bytes as stored; columns: of the table, 0 where they are not known yet.
    rows: whether all rows will be in memory together; limit: bytes of memory, by default what is available.
    """

    def __init__(self, name: str, packed: int, columns: int = 0, rows: bool = False, limit: int | None = None) -> None:
        self.name, self.packed, self.columns, self.rows = name, packed, columns, rows
        self.limit = (available_memory() or UNKNOWN) if limit is None else limit
        self.bytes = self.lines = self.line = 0

    @property
    def needed(self) -> int:
        """Bytes of memory that what is counted so far takes."""
        rows = self.lines * (CELL * self.columns + ROW) if self.rows else 0
        return rows + CHARACTER * self.line

    def add(self, content: bytes) -> None:
        """Count unpacked text; raises DataError where it takes more than the limit."""
        self.bytes += len(content)
        self.lines += content.count(b"\n")
        end = content.rfind(b"\n")
        self.line = self.line + len(content) if end < 0 else len(content) - 1 - end
        if self.needed > self.limit:
            raise self._error()

    def _error(self) -> DataError:
        packed = f"{self.name}: {shown(self.packed)} that unpack to {shown(self.bytes)} or more"
        if CHARACTER * self.line > self.limit:
            return DataError(
                f"{packed}, line {self.lines + 1}: is longer than {shown(self.line)}, too long for the memory that is "
                f"available ({shown(self.limit)}); is it a table with a row on each line? Unpack it and look"
            )
        return DataError(
            f"{packed}: {self.lines:,} rows of {self.columns:,} columns so far take {shown(self.needed)} of memory, "
            f"and {shown(self.limit)} are available; give --memory SIZE to train from disk in blocks, or fewer rows"
        )


class Portions:
    """Counts what is read between two batches of rows, and refuses what memory cannot hold.

    A quote that is never closed makes one cell of all that follows it. name: of the file.
    """

    def __init__(self, name: str) -> None:
        self.name, self.limit = name, (available_memory() or UNKNOWN) // PORTION
        self.rows = self.bytes = 0

    def add(self, content: bytes) -> None:
        """Count text; raises DataError where it takes more than the limit."""
        self.bytes += len(content)
        if self.bytes > self.limit:
            raise DataError(
                f"{self.name}: the rows after row {self.rows:,} are too long for the memory that is available "
                f'({shown(self.bytes)} of them were read); close the quote (") that a cell begins with, shorten cells, '
                "or remove empty lines"
            )

    def taken(self, rows: int) -> None:
        """Begin another portion, after so many more rows."""
        self.rows, self.bytes = self.rows + rows, 0


class _Bounded(io.RawIOBase):
    """An unpacked stream whose bytes are counted as they are read."""

    def __init__(self, unpacked: Any, bounds: Bounds | Portions) -> None:
        self.unpacked, self.bounds = unpacked, bounds

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        content = self.unpacked.read(min(len(buffer), CHUNK))
        self.bounds.add(content)
        buffer[: len(content)] = content
        return len(content)

    def close(self) -> None:
        self.unpacked.close()
        super().close()


def buffered(unpacked: Any, bounds: Bounds | Portions) -> IO[bytes]:
    """Return a stream that reads as `unpacked` does, within bounds."""
    return io.BufferedReader(_Bounded(unpacked, bounds), CHUNK)


def whole(stream: IO[bytes], name: str, limit: int | None = None) -> bytes:
    """Read a stream that can be read only once; raises DataError where it does not end before memory is half full."""
    most = ((available_memory() or UNKNOWN) if limit is None else limit) // 2
    parts: list[bytes] = []
    size = 0
    while content := stream.read(CHUNK):
        size += len(content)
        parts.append(content)
        if size > most:
            raise DataError(
                f"{name}: goes on after {shown(size)}, half of the memory that is available; what can be read only "
                "once is kept in memory, so save it as a file"
            )
    return b"".join(parts)


def check_rows(name: str, kind: str, rows: int, columns: int, limit: int | None = None) -> None:
    """Raise DataError where the rows of a file of columns take more than the memory that is available."""
    most, need = (available_memory() or UNKNOWN) if limit is None else limit, rows * (CELL * columns + ROW)
    if need > most:
        raise DataError(
            f"{name}: a {kind} file of {rows:,} rows, of which {columns:,} columns take {shown(need)} of memory, and "
            f"{shown(most)} are available; give --memory SIZE to train from disk in blocks, or fewer rows"
        )


def check_columns(name: str, columns: int) -> None:
    """Raise DataError where columns take more than the memory that is available, whatever is in them."""
    most, need = available_memory() or UNKNOWN, columns * COLUMN
    if need > most:
        raise DataError(
            f"{name}: has {columns:,} columns, which take {shown(need)} of memory, and {shown(most)} are available; "
            "put its values into rows, or leave columns out of the file"
        )


def check_bytes(name: str, kind: str, size: int, limit: int | None = None) -> None:
    """Raise DataError where the texts of a file of columns, which are held twice, take more than is available."""
    most = (available_memory() or UNKNOWN) if limit is None else limit
    if 2 * size > most:
        raise DataError(
            f"{name}: a {kind} file whose columns take {shown(2 * size)} or more of memory, and {shown(most)} are "
            "available; give --memory SIZE to train from disk in blocks, or fewer rows"
        )


def check_unpacked(name: str, kind: str, size: int, piece: bool = False) -> None:
    """Raise DataError where what a file of columns unpacks to takes more than the memory that is available.

    size: in bytes. piece: it is what is unpacked at once, of a file that is read in blocks.
    """
    most, need = available_memory() or UNKNOWN, (PIECE if piece else UNPACKED) * size
    if need <= most:
        return
    if piece:
        what, fix = "of which a single piece takes", "write it in pieces of fewer rows (row_group_size, chunksize)"
    else:
        what, fix = "whose columns take", "give --memory SIZE to train from disk in blocks, or fewer rows"
    raise DataError(f"{name}: a {kind} file {what} {shown(need)} of memory, and {shown(most)} are available; {fix}")


def pieces(stream: IO[bytes]) -> Iterator[bytes]:
    """Yield the bytes of a stream, some at a time."""
    while content := stream.read(CHUNK):
        yield content
