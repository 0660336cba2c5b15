"""Ordered rows of a table in files.

A store is a directory of raw arrays with one entry per row, ordered by id and time, in the byte order of the machine:
`x` (rows, F) and `y` (rows, targets), float32 where nothing is lost by it, else float64; `row` int64, the input rows,
where they were sorted; and of `time`, `key`, `weight`, `part` those that there are and that are needed. `offsets` (ids
+ 1,) int64 says where each id begins, `stretches` what windows are cut from where that is another thing; the texts of
the ids lie end to end in `ids`, with `id_ends`. `store.json` describes it.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from rnnfast.data.columns.schema import Schema
from rnnfast.data.sequences.files import DESCRIPTION, read_rows, states, stretches
from rnnfast.data.sequences.index import Index, index_of
from rnnfast.data.sequences.series import Series
from rnnfast.data.sources.source import short
from rnnfast.errors import RnnfastError
from rnnfast.records import Count, Meta, Record, Seed, decode, parsed, plain
from rnnfast.writing import write_whole

Integers = NDArray[np.int64]

MESSAGE_SHOWN = 300  # characters of what is wrong
FORMAT = 5  # another number is another store
Kind = Annotated[str, Meta(pattern=r"^[<>|=][fiubSUM]\d{1,9}(\[\w+\])?$")]  # of NumPy: numbers, truths, texts and dates


class Description(Record, frozen=True, kw_only=True):
    """What describes a store.

    source, paths: names of the files, and where they lie. settled: whether times tell every later change of these.
    ids: number of ids; stretches: of what windows are cut from, 0 where these are the ids. columns: as of Store.
    starts: first row of each file, then the number of rows. files: as of `states`. Others as of SequenceData.
    """

    schema: Schema
    source: tuple[str, ...]
    paths: tuple[str, ...] = ()
    digest: str
    settled: bool = True
    proposals: tuple[str, ...]
    notes: tuple[str, ...]
    categories: dict[str, tuple[str, ...]]
    auto_predict: bool
    ids: Count
    stretches: Count
    columns: dict[str, tuple[Kind, Count]]
    starts: tuple[Count, ...]
    files: dict[str, list[Seed]]

    def write(self, directory: Path) -> None:
        """Write the description, which makes the store in a directory complete."""
        write_whole(directory / DESCRIPTION, json.dumps(plain(self)).encode())


@dataclass(frozen=True)
class Store:
    """A complete store, opened.

    columns: type and numbers in a row (0: it is one-dimensional) of each column; ids: (ids + 1,) places where each id
    begins; runs: (runs + 1,) those of what windows are cut from; index: all sequences of the table.
    """

    directory: Path
    description: Description
    columns: Mapping[str, tuple[str, int]]
    ids: Integers
    runs: Integers
    index: Index

    @classmethod
    def open(cls, directory: Path) -> Store:
        """Open the store in a directory. Raises RnnfastError for a damaged one."""
        try:
            description = decode(parsed((directory / DESCRIPTION).read_bytes()), Description)
            description.schema.check()
            width, features = description.columns.get("x", ("", 0))[1], len(description.schema.features)
            if not description.schema.columns or width != features:
                raise ValueError(f"x has {width} columns: expected {features}")
            if description.schema.clock and "key" not in description.columns:
                raise ValueError("no column holds the times that inputs are made of")
            ids = stretches = _places(directory / "offsets", description.ids)
            if description.stretches:
                stretches = _places(directory / "stretches", description.stretches)
            if stretches[-1] != ids[-1]:
                raise ValueError(f"stretches end at {stretches[-1]}: expected {ids[-1]}")
            for name, (kind, width) in description.columns.items():
                _check_size(directory / name, int(ids[-1]) * max(width, 1) * np.dtype(kind).itemsize)
            if plain(description.files) != states(directory):
                raise ValueError("its files have changed")
        except Exception as error:  # what is damaged raises anything
            raise _damaged(directory, error) from None
        return cls(
            directory, description, description.columns, ids, stretches, index_of(description.schema, ids, stretches)
        )

    @property
    def rows(self) -> int:
        """Number of rows."""
        return int(self.ids[-1])

    @cached_property
    def offsets(self) -> Integers:
        """(sequences + 1,) first row of each sequence where they lie end to end."""
        return self.index.offsets

    def column(self, name: str, first: int, stop: int) -> NDArray[Any]:
        """Read rows of a column."""
        if name == "row" and name not in self.columns:  # the rows are in the order of the input
            return np.arange(first, stop, dtype=np.int64)
        return read_rows(self.directory / name, *self.columns[name], first, stop)

    def series(self, first: int, stop: int, names: Collection[str]) -> Series:
        """Read a stretch of places; names: of the columns, those that there are not are left away."""
        columns = (name for name in self.columns if name != "row" and name in names)
        begin = int(np.searchsorted(self.ids, first, side="right")) - 1
        end = int(np.searchsorted(self.ids, stop, side="left"))
        bounds = np.clip(self.ids[begin : end + 1], first, stop) - first
        return Series(
            {name: self.column(name, first, stop) for name in columns}, self.column("row", first, stop), bounds
        )

    def values(self, name: str, places: Integers) -> NDArray[Any]:
        """Read a column at ascending places, by stretches."""
        pieces = [np.empty(0, self.columns[name][0])]
        for first, stop in stretches(self.rows):
            begin, end = np.searchsorted(places, (first, stop)).tolist()
            if end > begin:
                pieces.append(self.column(name, first, stop)[places[begin:end] - first])
        return np.concatenate(pieces)

    def texts(self, owner: Integers) -> NDArray[Any]:
        """Read the ids with these numbers, ascending, (ids,) object. Raises RnnfastError where they are damaged."""
        if self.description.schema.id is None:
            return np.full(len(owner), "", object)
        begin, end = int(owner[0]), int(owner[-1]) + 1
        places = read_rows(self.directory / "id_ends", np.int64, 0, begin, end + 1)
        try:
            if places[0] < 0 or not (places[1:] >= places[:-1]).all():
                raise ValueError("id_ends: its places do not ascend")
            if places[-1] > (self.directory / "ids").stat().st_size:
                raise ValueError("ids ends too early")
            text = read_rows(self.directory / "ids", np.uint8, 0, int(places[0]), int(places[-1])).tobytes()
            places -= places[0]
            names = [text[a:b].decode() for a, b in zip(places[:-1].tolist(), places[1:].tolist(), strict=True)]
        except (OSError, ValueError) as error:
            raise _damaged(self.directory, error) from None
        return np.array(names, object)[owner - begin]


def _damaged(directory: Path, error: Exception) -> RnnfastError:
    return RnnfastError(
        f"{directory}: is a damaged store ({short(str(error), MESSAGE_SHOWN)}); remove it, it is made anew"
    )


def _places(path: Path, count: int) -> Integers:
    """Read (count + 1,) places, each after the one before. Raises ValueError for others, OSError as reading does."""
    _check_size(path, 8 * (count + 1))
    places = read_rows(path, np.int64, 0, 0, count + 1)
    if places[0] != 0 or not (places[1:] > places[:-1]).all():
        raise ValueError(f"{path.name}: its places do not ascend")
    return places


def _check_size(path: Path, size: int) -> None:
    """Raise ValueError for a file of another size, in bytes; OSError where there is none."""
    if path.stat().st_size != size:
        raise ValueError(f"{path.name} has {path.stat().st_size:,} bytes: expected {size:,}")
