"""Sequences on disk, read by blocks of consecutive ones.

A store is a directory of raw arrays with one entry per row, ordered by id and time, in the byte order of the machine:
`x` (rows, F) and `y` (rows, targets), float32 where nothing is lost by it, else float64; `row` int64, the input rows,
where they were sorted; and of `time`, `key`, `weight`, `part` those that there are and that are needed. `offsets` (ids
+ 1,) int64 says where each id begins, `stretches` what windows are cut from where that is another thing; the texts of
the ids lie end to end in `ids`, with `id_ends`. `store.json` describes it.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnfast.data.columns.schema import Schema
from rnnfast.data.sequences.base import TRAINED, Runs, Sequences
from rnnfast.data.sequences.budget import Budget
from rnnfast.data.sequences.data import SequenceData
from rnnfast.data.sequences.files import DESCRIPTION, read_rows, stretches
from rnnfast.data.sequences.index import Index, Limit, index_of
from rnnfast.data.sequences.series import Series, cut_out, margins
from rnnfast.data.sequences.spans import ends
from rnnfast.data.sources.origin import Origin
from rnnfast.data.sources.source import Source
from rnnfast.errors import RnnfastError

Integers = NDArray[np.int64]

FORMAT = 2  # another number is another store
INDEX_BYTES = (
    100  # per sequence, held in memory: its id, place and length, in the table and in its part; a draw of parts
)
RUN_BYTES = 1 << 20  # of x that are read at once: enough for a disk to be quick, little enough to stay in a cache
SAMPLE_STREAM = 6  # of the random numbers
ROW_BYTES = 100  # of a scored row beside its features: labels, outputs, answers and what metrics sort


@dataclass(frozen=True)
class Store:
    """A complete store, opened.

    columns: type and numbers in a row (0: it is one-dimensional) of each column; ids: (ids + 1,) places where each id
    begins; index: all sequences of the table.
    """

    directory: Path
    description: Mapping[str, Any]
    columns: Mapping[str, tuple[str, int]]
    ids: Integers
    index: Index

    @classmethod
    def open(cls, directory: Path) -> Store:
        """Open the store in a directory. Raises RnnfastError for a damaged one."""
        try:
            description = json.loads((directory / DESCRIPTION).read_text(encoding="utf-8"))
            schema = Schema.from_json(description["schema"])
            columns = {name: (kind, width) for name, (kind, width) in description["columns"].items()}
            ids = read_rows(directory / "offsets", np.int64, 0, 0, description["ids"] + 1)
            stretches = ids
            if description["stretches"]:
                stretches = read_rows(directory / "stretches", np.int64, 0, 0, description["stretches"] + 1)
        except (OSError, ValueError, KeyError) as error:
            raise RnnfastError(f"{directory}: is a damaged store ({error}); remove it, it is made anew") from None
        return cls(directory, description, columns, ids, index_of(schema, ids, stretches))

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
        known = (name for name in self.columns if name != "row" and name in names)
        begin = int(np.searchsorted(self.ids, first, side="right")) - 1
        end = int(np.searchsorted(self.ids, stop, side="left"))
        bounds = np.clip(self.ids[begin : end + 1], first, stop) - first
        return Series({name: self.column(name, first, stop) for name in known}, self.column("row", first, stop), bounds)

    def texts(self, owner: Integers) -> NDArray[Any]:
        """Read the ids with these numbers, ascending, (ids,) object."""
        if self.description["schema"]["id"] is None:
            return np.full(len(owner), "", object)
        begin, end = int(owner[0]), int(owner[-1]) + 1
        places = read_rows(self.directory / "id_ends", np.int64, 0, begin, end + 1)
        text = read_rows(self.directory / "ids", np.uint8, 0, int(places[0]), int(places[-1])).tobytes()
        places -= places[0]
        names = [text[a:b].decode() for a, b in zip(places[:-1].tolist(), places[1:].tolist(), strict=True)]
        return np.array(names, object)[owner - begin]


@dataclass(frozen=True)
class StoredSequences(Sequences):
    """Sequences of a store. lies: where; marks: (sequences,) part of each as a column says, or None; limit: of labels.

    Others as of Sequences.
    """

    store: Store
    schema: Schema
    source: tuple[str, ...]
    digest: str
    notes: tuple[str, ...]
    categories: Mapping[str, tuple[str, ...]]
    auto_predict: bool
    budget: Budget
    lies: Index
    marks: NDArray[np.int8] | None = None
    limit: Limit | None = None
    origin: Origin | None = None

    @classmethod
    def open(cls, directory: Path, budget: Budget, sources: Sequence[Source] = ()) -> StoredSequences:
        """Open all sequences of a store; sources: its files, for messages. Raises RnnfastError for a damaged one."""
        store = Store.open(directory)
        description, index = store.description, store.index
        marks = None
        if "part" in store.columns:
            marks = _first_rows(store, "part", index.start)
        return cls(
            store,
            Schema.from_json(description["schema"]),
            tuple(description["source"]),
            description["digest"],
            tuple(description["notes"]),
            {name: tuple(texts) for name, texts in description["categories"].items()},
            description["auto_predict"],
            replace(budget, index=INDEX_BYTES * len(index.start)),
            index,
            marks,
            None,
            Origin(list(sources), description["starts"]) if sources else None,
        )

    @cached_property
    def offsets(self) -> Integers:  # type: ignore[override]
        """(sequences + 1,) first row of each sequence where they lie end to end."""
        return self.lies.offsets

    @property
    def room(self) -> Budget:
        """Memory for blocks."""
        return self.budget

    @property
    def index(self) -> Index:
        """Where the sequences lie in the table."""
        return self.lies

    @property
    def parts(self) -> NDArray[np.int8] | None:
        """(sequences,) part of each, as a column of the table says."""
        return self.marks

    @cached_property
    def counts(self) -> Integers:
        """(classes,) labelled steps of each class, or (1,) of a quantity."""
        return np.asarray(np.sum([block.counts for block in self.blocks(("y",))], axis=0))

    @property
    def weighted(self) -> bool:
        """Whether rows have weights in the loss."""
        return "weight" in self.store.columns

    @property
    def in_input_order(self) -> bool:
        """Whether blocks hold the rows in the order of the input: a table that needed no sorting does."""
        return "row" not in self.store.columns

    @property
    def row_bytes(self) -> int:
        """Bytes of a row of x on disk."""
        kind, width = self.store.columns["x"]
        return max(np.dtype(kind).itemsize * width, 1)

    def runs(self, rows: int | None = None) -> Runs:
        """Cut into runs of about so many rows of the table, those of other parts with them."""
        step = max(min(RUN_BYTES, self.budget.of_phase.block) // self.row_bytes if rows is None else rows, 1)
        table = self.store.index
        marks = np.arange(0, self.store.offsets[-1], step)
        borders = np.unique(np.append(np.searchsorted(self.store.offsets, marks), len(table.start)))
        places = np.append(table.start, self.store.rows)[borders]
        places[0], places[-1] = 0, self.store.rows
        members = np.searchsorted(self.lies.start, places)
        occupied = np.flatnonzero(np.diff(members))
        size = np.diff(self.store.offsets[borders])
        return Runs(members[occupied], members[occupied + 1], size[occupied])

    def read(self, first: int, stop: int, only: Collection[str] | None = None) -> SequenceData:
        """Read consecutive sequences into new arrays. x and y have the precision that they are stored in."""
        index = Index(*(array[first:stop] for array in self.lies))
        before, after = margins(self.schema)
        low = max(int(index.start[0]) - before, 0)
        high = min(int((index.start + index.length).max()) + after, self.store.rows)
        names = set(self.store.columns if only is None else only)
        if self.schema.lag_target and "x" in names:
            names.add("y")
        if self.schema.horizon and self.schema.id is None:
            names.add("part")
        series = self.store.series(low, high, names)
        fields = cut_out(series, index.start - low, index.length, self.schema, only)
        if "time" in fields:
            fields["time"] = _as_objects(fields["time"])
        data = SequenceData(
            **{"time": None, **fields},
            ids=self._ids(index.owner, only),
            schema=self.schema,
            source=self.source,
            digest=self.digest,
            notes=self.notes,
            start=index.start,
            categories=self.categories,
            origin=self.origin,
        )
        if self.limit is not None and data.label_row is not None:
            return data.limited(self.limit.cut(np.arange(first, stop)))[0]
        return data

    def cut(self, chosen: Integers, starts: Integers, lengths: Integers) -> StoredSequences:
        """Take sequences made of rows of the sequences `chosen`."""
        lies = self.lies.cut(chosen, starts - self.offsets[chosen], lengths)
        marks = None if self.marks is None else self.marks[chosen]
        return replace(self, lies=lies, marks=marks, limit=None if self.limit is None else self.limit.cut(chosen))

    def limited(self, limit: Limit) -> tuple[StoredSequences, int]:
        """Leave out labels whenever they are read."""
        count, first = 0, 0
        for block in self.blocks(("y",)):
            stop = first + block.sequences
            count += block.limited(limit.cut(np.arange(first, stop)))[1]
            first = stop
        return (replace(self, limit=limit) if count or limit.reach is not None else self), count

    def predicting(self, rule: str) -> StoredSequences:
        """Predict "every" or the "last" step of each sequence."""
        schema = replace(self.schema, predict=rule)
        return replace(self, schema=schema, notes=self._notes_for(schema))

    def sample(self, seed: int) -> SequenceData:
        """Read as many sequences as the budget lets score: all, or runs of them that are drawn at random."""
        columns, stored = len(self.schema.columns), self.row_bytes
        rows = self.budget.of_phase.sample // (2 * stored + 16 * columns + ROW_BYTES)
        runs = self.runs(min(RUN_BYTES // stored, max(rows // 16, 1)))
        chosen = np.arange(len(runs.first))
        if self.rows > rows:
            mine = self.offsets[runs.stop] - self.offsets[runs.first]
            order = np.random.default_rng([seed, SAMPLE_STREAM]).permutation(len(chosen))
            count = int(np.searchsorted(np.cumsum(mine[order]), rows, side="right"))
            chosen = np.sort(order[: max(count, 1)])
        return joined([self.read(int(runs.first[run]), int(runs.stop[run]), TRAINED) for run in chosen])

    def _ids(self, owner: Integers, only: Collection[str] | None) -> NDArray[Any]:
        return self.store.texts(owner) if only is None or "ids" in only else np.full(len(owner), "", object)


def joined(pieces: Sequence[SequenceData]) -> SequenceData:
    """Put the sequences of several pieces of one table end to end."""
    names = ("x", "y", "row", "ids", "weight", "label_row", "naive", "start")
    values: dict[str, Any] = {
        name: np.concatenate([getattr(piece, name) for piece in pieces])
        for name in names
        if getattr(pieces[0], name) is not None
    }
    return replace(pieces[0], offsets=ends(np.concatenate([piece.lengths for piece in pieces])), **values)


def _first_rows(store: Store, name: str, places: Integers) -> NDArray[Any]:
    """Read the values of a column at ascending places, by stretches."""
    found = [np.empty(0, store.columns[name][0])]
    for first, stop in stretches(store.rows):
        begin, end = np.searchsorted(places, (first, stop)).tolist()
        if end > begin:
            found.append(store.column(name, first, stop)[places[begin:end] - first])
    return np.concatenate(found)


def _as_objects(cells: NDArray[Any]) -> NDArray[Any]:
    """Return a column of times as in the table: texts, or numbers."""
    return np.char.decode(cells, "utf-8").astype(object) if cells.dtype.kind == "S" else cells.astype(object)
