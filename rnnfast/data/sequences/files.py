"""Files of rows: columns of a directory that are appended to, and read by stretches; directories complete or absent.

Files are read into memory explicitly: pages of a mapped file would count as memory of the process.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from rnnfast.caching import make_directory
from rnnfast.errors import RnnfastError

TEMPORARY = ".tmp"  # ends the name of a directory that is being made
DESCRIPTION = "store.json"  # written last
STRETCH = 1 << 19  # rows of a few bytes that are read at once


class NotStored(RnnfastError):
    """A directory of rows could not be written."""


class Appender:
    """Appends arrays to the files of a directory, named by column; a context that closes them."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._files: dict[str, IO[bytes]] = {}

    def __enter__(self) -> Appender:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for file in self._files.values():
            file.close()

    def append(self, column: str, values: NDArray[Any] | bytes) -> None:
        """Write an array, or bytes, at the end of a column."""
        if column not in self._files:
            self._files[column] = (self.directory / column).open("ab")
        self._files[column].write(values if isinstance(values, bytes) else np.ascontiguousarray(values).data)


def read_rows(path: Path, dtype: Any, width: int, first: int, stop: int) -> NDArray[Any]:
    """Read the rows first .. stop - 1 of a file of rows of `width` numbers; (rows, width), or (rows,) with width 0."""
    values = np.empty((stop - first, width) if width else stop - first, dtype)
    if not values.size:
        return values
    view, position = values.data.cast("B"), 0
    with path.open("rb", buffering=0) as file:
        file.seek(first * max(width, 1) * values.itemsize)
        while position < len(view):  # a single read is limited to 2 GB
            count = file.readinto(view[position:])
            if not count:
                raise RnnfastError(f"{path}: ends too early; remove its directory, it is made anew")
            position += count
    return values


@contextmanager
def building(directory: Path) -> Iterator[Path]:
    """Give a temporary directory that takes the name of `directory` when all went well, and is removed otherwise."""
    temporary: Path | None = None
    try:
        make_directory(directory.parent)
        temporary = Path(tempfile.mkdtemp(prefix=f"{directory.name}.", suffix=TEMPORARY, dir=directory.parent))
        yield temporary
        try:
            temporary.rename(directory)
        except OSError:
            if not (directory / DESCRIPTION).is_file():  # else another process was faster: its store is as good
                raise
    except OSError as error:
        raise NotStored(
            f"{directory.parent}: the table cannot be kept there in blocks: {error.strerror or error}; "
            "RNNFAST_CACHE_DIR and, with --no-cache, TMPDIR name another place"
        ) from None
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)


def states(directory: Path) -> dict[str, list[int]]:
    """Return size and time of each file of a directory but its description: who changes one of them changes these."""
    files = ((file.name, file.stat()) for file in directory.iterdir() if file.name != DESCRIPTION)
    return {name: [status.st_size, status.st_mtime_ns] for name, status in files}


def stretches(rows: int) -> Iterator[tuple[int, int]]:
    """Cut rows into stretches that are read at once."""
    for first in range(0, rows, STRETCH):
        yield first, min(first + STRETCH, rows)
