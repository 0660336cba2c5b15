"""Sequences on disk: written in bounded memory, read by blocks of consecutive sequences.

A store is a directory of raw arrays, row after row, in the byte order of the machine: `x` (rows, F) and `y` (rows,
targets), both float32 where nothing is lost by it, else float64; `row` (rows,) int64, the input rows, where they were
sorted; `offsets` (ids + 1,) int64; the texts of the ids, end to end, with `id_ends` (ids + 1,) int64; and `store.json`.
Files are read into memory explicitly: pages of a mapped file would count as memory of the process.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from rnnfast.data.schema import Schema
from rnnfast.data.sequences import Integers, SequenceData, ends, windows
from rnnfast.errors import RnnfastError

FORMAT = 1  # another number is another store
TEMPORARY = ".tmp"  # ends the name of a store that is being made
DESCRIPTION = "store.json"
INDEX_BYTES = 64  # per sequence, held in memory: offsets, part, stratum, and an order of them


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
    view, done = values.data.cast("B"), 0
    with path.open("rb", buffering=0) as file:
        file.seek(first * max(width, 1) * values.itemsize)
        while done < len(view):  # a single read is limited to 2 GB
            count = file.readinto(view[done:])
            if not count:
                raise RnnfastError(f"{path}: ends too early; remove its directory, it is made anew")
            done += count
    return values


@contextmanager
def building(directory: Path) -> Iterator[Path]:
    """Give a temporary directory that takes the name of `directory` when all went well, and is removed otherwise."""
    temporary: Path | None = None
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f"{directory.name}.", suffix=TEMPORARY, dir=directory.parent))
        yield temporary
        try:
            temporary.rename(directory)
        except OSError:
            if not (directory / DESCRIPTION).is_file():  # else another process was faster: its store is as good
                raise
    except OSError as error:
        raise RnnfastError(
            f"{directory.parent}: the table cannot be kept there in blocks: {error.strerror or error}; "
            "RNNFAST_CACHE_DIR and, with --no-cache, TMPDIR name another place"
        ) from None
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)


@dataclass
class Store:
    """A complete store, opened. What is as long as the table stays on disk, what is as long as its sequences does not.

    offsets: (sequences + 1,) int64, first row of each sequence, windows counted as sequences; owner: (sequences,)
    int64, the id of each window, or None where a sequence is all of an id.
    schema, source, digest, notes: as of SequenceData.
    """

    directory: Path
    schema: Schema
    source: tuple[str, ...]
    digest: str
    notes: tuple[str, ...]
    offsets: Integers
    owner: Integers | None
    description: Mapping[str, Any]

    @classmethod
    def open(cls, directory: Path) -> Store:
        """Open the store in a directory. Raises RnnfastError for a damaged one."""
        try:
            told = json.loads((directory / DESCRIPTION).read_text(encoding="utf-8"))
            schema = Schema.from_json(told["schema"])
            offsets = read_rows(directory / "offsets", np.int64, 0, 0, told["ids"] + 1)
        except (OSError, ValueError, KeyError) as error:
            raise RnnfastError(f"{directory}: is a damaged store ({error}); remove it, it is made anew") from None
        owner = None
        if schema.window is not None:
            owner, _, lengths = windows(offsets, schema.window, schema.window)
            offsets = ends(lengths)
        return cls(directory, schema, tuple(told["source"]), told["digest"], tuple(told["notes"]), offsets, owner, told)

    @property
    def rows(self) -> int:
        """Number of rows."""
        return int(self.offsets[-1])

    @property
    def sequences(self) -> int:
        """Number of sequences."""
        return len(self.offsets) - 1

    @property
    def lengths(self) -> Integers:
        """(sequences,) int64, steps of each sequence."""
        return np.diff(self.offsets)

    @cached_property
    def counts(self) -> Integers:
        """(classes,) labelled steps of each class, or (1,) of a quantity."""
        from rnnfast.data.disk.relabel import class_counts

        counts: Integers = class_counts(self)[0]
        return counts

    @property
    def row_bytes(self) -> int:
        """Bytes of a row of x on disk."""
        return len(self.schema.features) * int(np.dtype(self.description["x"]).itemsize)

    def read(self, first: int, stop: int, features: bool = True, ids: bool = False) -> SequenceData:
        """Read the sequences first .. stop - 1 into new arrays.

        x and y have the precision that they are stored in. features: False leaves x away, (rows, 0); ids: False leaves
        the ids away, as "".
        """
        begin, end = int(self.offsets[first]), int(self.offsets[stop])
        told, schema = self.description, self.schema
        x, width = np.empty((end - begin, 0)), len(schema.features)
        if features:
            x = read_rows(self.directory / "x", told["x"], width, begin, end)
        row = np.arange(begin, end, dtype=np.int64)
        if told["sorted"]:
            row = read_rows(self.directory / "row", np.int64, 0, begin, end)
        return SequenceData(
            x=x,
            y=read_rows(self.directory / "y", told["y"], len(schema.targets), begin, end),
            offsets=self.offsets[first : stop + 1] - begin,
            ids=self.ids(first, stop) if ids else np.full(stop - first, "", object),
            row=row,
            time=None,
            schema=schema,
            source=self.source,
            digest=self.digest,
        )

    def ids(self, first: int, stop: int) -> NDArray[Any]:
        """Read the ids of the sequences first .. stop - 1, (sequences,) object."""
        owner = np.arange(first, stop) if self.owner is None else self.owner[first:stop]
        if self.schema.id is None:
            return np.full(stop - first, "", object)
        begin, end = int(owner[0]), int(owner[-1]) + 1
        places = read_rows(self.directory / "id_ends", np.int64, 0, begin, end + 1)
        text = read_rows(self.directory / "ids", np.uint8, 0, int(places[0]), int(places[-1])).tobytes()
        places -= places[0]
        names = [text[a:b].decode() for a, b in zip(places[:-1].tolist(), places[1:].tolist(), strict=True)]
        return np.array(names, object)[owner - begin]

    def runs(self, size: int) -> Integers:
        """Cut the sequences into runs of about `size` bytes of x; (runs + 1,) first sequences, then their number."""
        rows = max(size // max(self.row_bytes, 1), 1)
        marks = np.arange(0, self.rows, rows)
        return np.unique(np.append(np.searchsorted(self.offsets, marks), self.sequences))
