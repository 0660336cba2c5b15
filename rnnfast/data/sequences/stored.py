"""Sequences on disk, read by blocks of consecutive ones."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnfast.data.columns.schema import Schema
from rnnfast.data.sequences.base import SCORED, Runs, Sequences
from rnnfast.data.sequences.budget import Budget
from rnnfast.data.sequences.context import Context, Surroundings, answers_of
from rnnfast.data.sequences.data import SequenceData
from rnnfast.data.sequences.index import Index, Limit, index_of
from rnnfast.data.sequences.series import Series, cut_out, margins
from rnnfast.data.sequences.spans import ends
from rnnfast.data.sequences.store import Store
from rnnfast.data.sources.origin import Origin
from rnnfast.data.sources.source import Source
from rnnfast.errors import RnnfastError

Integers = NDArray[np.int64]

INDEX_BYTES = (
    100  # per sequence, held in memory: its id, place and length, in the table and in its part; a draw of parts
)
LABEL_BYTES = 1 << 22  # of labels or times that are read at once
RUN_BYTES = 1 << 20  # of x that are read at once: enough for a disk to be quick, little enough to stay in a cache
FEW = 1 << 16  # sequences that tell how many rows lie around each
SAMPLE_STREAM = 6  # of the random numbers
ROW_BYTES = 100  # of a scored row beside its features: labels, outputs, answers and what metrics sort


@dataclass(frozen=True, repr=False, eq=False)
class StoredSequences(Sequences):
    """Sequences of a store. lies: where; marks: (sequences,) part or group of each as a column says, or None; limit: of
    labels. context: what answers need of the rows around; None where nothing is answered.

    Others as of Sequences.
    """

    store: Store
    schema: Schema
    source: tuple[str, ...]
    digest: str
    notes: tuple[str, ...]
    proposals: tuple[str, ...]
    categories: Mapping[str, tuple[str, ...]]
    auto_predict: bool
    budget: Budget
    lies: Index
    marks: NDArray[Any] | None = None
    limit: Limit | None = None
    origin: Origin | None = None
    context: Context | None = None

    @classmethod
    def open(cls, directory: Path, budget: Budget, sources: Sequence[Source] = ()) -> StoredSequences:
        """Open all sequences of a store; sources: its files, for messages. Raises RnnfastError for a damaged one."""
        store = Store.open(directory)
        description, index = store.description, store.index
        marks = None
        if "part" in store.columns:
            marks = store.values("part", index.start)
        return cls(
            store,
            description.schema,
            description.source,
            description.digest,
            description.notes,
            description.proposals,
            description.categories,
            description.auto_predict,
            replace(budget, index=INDEX_BYTES * len(index.start)),
            index,
            marks,
            None,
            Origin(list(sources), list(description.starts)) if sources else None,
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
    def id_bounds(self) -> tuple[Integers, Integers]:
        """(ids,) place in the table where each id begins, and (ids,) that after its last row, ascending."""
        return self.store.ids[:-1], self.store.ids[1:]

    def times(self, first: int, stop: int) -> NDArray[Any]:
        """Read the times at some places."""
        return _as_objects(self.store.column("time", first, stop))

    @property
    def parts(self) -> NDArray[Any] | None:
        """(sequences,) part of each, as a column of the table says."""
        return self.marks

    @property
    def counts(self) -> Integers:
        """(classes,) labelled steps of each class, or (1,) of a quantity."""
        return self._labels[0]

    @property
    def range(self) -> tuple[float, float, float] | None:
        """Lowest, highest and mean label of a single quantity; None for classes, several targets and without labels."""
        return self._labels[1]

    @cached_property
    def _labels(self) -> tuple[Integers, tuple[float, float, float] | None]:
        """Counts and range, which one pass over the labels tells."""
        blocks = [(block.counts, block.range) for block in self.blocks(("y",))]
        counts = np.asarray(np.sum([steps for steps, _ in blocks], axis=0))
        ranges = [(*limits, int(steps[0])) for steps, limits in blocks if limits is not None]
        if not ranges:
            return counts, None
        low, high, mean, steps = np.array(ranges).T
        return counts, (float(low.min()), float(high.max()), float(np.average(mean, weights=steps)))

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
        kind, width = self.store.columns.get("x", (np.float32, 0))
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

    def blocks(self, only: Collection[str] | None = None) -> Iterator[SequenceData]:
        """Yield all sequences in order; only: as in `read`. Without features more of them are read at once."""
        features = only is None or "x" in only
        yield from self.blocks_of(
            self.runs(None if features else min(LABEL_BYTES, self.budget.of_phase.block) // 8), only
        )

    def read(self, first: int, stop: int, only: Collection[str] | None = None) -> SequenceData:
        """Read consecutive sequences into new arrays. x and y have the precision that they are stored in."""
        index = Index(*(array[first:stop] for array in self.lies))
        before, after = margins(self.schema)
        low, high = int(index.start[0]) - before, int((index.start + index.length).max()) + after
        support = self._support(index) if only is None or "x" in only else None
        if support is not None:
            low = min(low, int(support.start.min()) - 1)  # with the row before, whose target is a lag
            high = max(high, int((support.start + support.length).max()))
        low, high = max(low, 0), min(high, self.store.rows)
        names = set(self.store.columns if only is None else only)
        if self.schema.lag_target and "x" in names:
            names.add("y")
        if self.schema.clock and "x" in names:
            names.add("key")
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
            proposals=self.proposals,
            start=index.start,
            around=None if support is None else self._around(series, low).only(support),
            categories=self.categories,
            origin=self.origin,
        )
        if self.limit is not None and data.label_row is not None:
            return data.limited(self.limit.cut(np.arange(first, stop)))[0]
        return data

    def _support(self, index: Index) -> Index | None:
        """Where the rows lie that answers for some sequences need; None where these sequences are enough."""
        if self.context is None:
            return None
        answers = answers_of(index, self.store.ids, self.schema, self.context)
        return answers.lies if answers.adds_to(index, self.schema) else None

    def _around(self, series: Series, low: int) -> Surroundings:
        """Return the features of a stretch of rows that begins at a place."""
        x = cut_out(series, series.offsets[:-1], np.diff(series.offsets), self.schema, ("x",))["x"]
        return Surroundings.of(x, series.row, self.store.ids, low)

    def in_context(self, context: Context) -> StoredSequences:
        """Read the rows around with each block of features."""
        return replace(self, context=context)

    def cut(self, numbers: Integers, starts: Integers, lengths: Integers) -> StoredSequences:
        """Take sequences made of rows of the sequences with these numbers."""
        lies = self.lies.cut(numbers, starts - self.offsets[numbers], lengths)
        marks = None if self.marks is None else self.marks[numbers]
        return replace(self, lies=lies, marks=marks, limit=None if self.limit is None else self.limit.cut(numbers))

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

    def windowed(self, window: int, reason: str) -> StoredSequences:
        """Cut into windows of another length."""
        schema = replace(self.schema, window=window, stride=window)
        lies = index_of(schema, self.store.ids, self.store.runs)
        return replace(
            self,
            schema=schema,
            notes=self._notes_windowed(window, reason),
            lies=lies,
            marks=None if self.marks is None else self.store.values("part", lies.start),
            budget=replace(self.budget, index=INDEX_BYTES * len(lies.start)),
        )

    def sample(self, seed: int) -> SequenceData:
        """Read as many sequences as the budget lets score: all, or runs of them that are drawn at random."""
        columns, stored = len(self.schema.columns), self.row_bytes
        few = Index(*(array[:FEW] for array in self.lies))
        support = self._support(few)
        around = 0 if support is None else math.ceil(support.length.sum() / few.length.sum())  # rows read beside each
        rows = self.budget.of_phase.sample // (2 * (1 + around) * stored + 16 * columns + ROW_BYTES)
        runs = self.runs(min(RUN_BYTES // stored, max(rows // 16, 1)))
        numbers = np.arange(len(runs.first))
        if not len(numbers):
            raise RnnfastError(f"{self.store.directory}: is a damaged store (it has no sequence); remove it")
        if self.rows > rows:
            mine = self.offsets[runs.stop] - self.offsets[runs.first]
            order = np.random.default_rng([seed, SAMPLE_STREAM]).permutation(len(numbers))
            count = int(np.searchsorted(np.cumsum(mine[order]), rows, side="right"))
            numbers = np.sort(order[: max(count, 1)])
        return joined([self.read(int(runs.first[run]), int(runs.stop[run]), SCORED) for run in numbers])

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
    around = [piece.around for piece in pieces if piece.around is not None]
    values["around"] = Surroundings.joined(around) if around else None
    return replace(pieces[0], offsets=ends(np.concatenate([piece.lengths for piece in pieces])), **values)


def _as_objects(cells: NDArray[Any]) -> NDArray[Any]:
    """Return a column of times as in the table: texts, or numbers."""
    return np.char.decode(cells, "utf-8").astype(object) if cells.dtype.kind == "S" else cells.astype(object)
