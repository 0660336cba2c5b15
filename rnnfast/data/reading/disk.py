"""From sources to a store, in bounded memory.

The table is read once, in batches. Features and targets are written as they come; ids become numbers in the order of
their first appearance. Where the rows are grouped by id and ordered in time the store is then complete, else they are
sorted on disk. What the target is turns out when all labels were seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnfast.data.columns.datecolumn import OtherDates
from rnnfast.data.columns.horizon import check_horizon, check_reach
from rnnfast.data.columns.labels import TextFound
from rnnfast.data.columns.parts import check_one_part_each, runs
from rnnfast.data.columns.schema import Schema
from rnnfast.data.columns.times import MixedTimes, TimeBatches
from rnnfast.data.reading.checks import repeated, with_clock
from rnnfast.data.reading.knowledge import Knowledge, Misread
from rnnfast.data.reading.numbering import Numbering
from rnnfast.data.reading.plan import Plan, with_text_targets
from rnnfast.data.reading.request import Request
from rnnfast.data.reading.rows import Rows
from rnnfast.data.sequences.bucketsort import CODE, KEY, ROW, Repeated, bucket_sort
from rnnfast.data.sequences.budget import Budget
from rnnfast.data.sequences.cache import settled
from rnnfast.data.sequences.cache import states as file_states
from rnnfast.data.sequences.files import Appender, building, read_rows, states, stretches
from rnnfast.data.sequences.index import index_of
from rnnfast.data.sequences.relabel import ordered_labels, rewrite_labels
from rnnfast.data.sequences.spans import ends
from rnnfast.data.sequences.store import Description
from rnnfast.data.sources.batches import PROBE_BYTES, Batch, batches, release, same_types, single_precision
from rnnfast.data.sources.origin import Origin
from rnnfast.data.sources.source import Source, common_columns
from rnnfast.data.sources.table import digest_of
from rnnfast.errors import DataError

Integers = NDArray[np.int64]


def make_store(sources: Sequence[Source], request: Request, budget: Budget, directory: Path) -> None:
    """Read tables into a new store in `directory`, which is complete or absent afterwards.

    Raises DataError as `read_table` does, UsageError where the ids alone need more memory than the budget.
    """
    pool = ThreadPoolExecutor(1)  # hashing takes less time than parsing, and nobody needs the result yet
    digest = pool.submit(digest_of, sources)
    pool.shutdown(wait=False)
    knowledge = Knowledge()
    while True:
        try:
            with building(directory) as place:
                Stream(sources, request, budget, place, knowledge).run(digest)
                release(sources)
            return
        except Misread as misread:
            knowledge = misread.knowledge


class Stream:
    """One pass over the sources into the files of a new store."""

    def __init__(
        self, sources: Sequence[Source], request: Request, budget: Budget, place: Path, knowledge: Knowledge
    ) -> None:
        self.sources, self.request, self.budget, self.place, self.knowledge = sources, request, budget, place, knowledge
        self.plan = Plan.of(sources, request)
        if self.plan.columns is None:
            common_columns(sources, None)  # as in memory, also where no column that differs is read
        if request.schema is None:
            self.plan.look(next(batches(sources, self.plan.text, None, PROBE_BYTES)))
        if knowledge.text:
            self.plan = with_text_targets(self.plan)
        self.reader = Rows(self.plan, several=True, as_text=knowledge.text)
        self.numbering = (
            None
            if self.plan.roles.id is None
            else Numbering(self.plan.roles.id, budget, same_types(sources), request.shard)
        )
        time = self.plan.roles.time
        dayfirst = request.dayfirst if knowledge.dayfirst is None else knowledge.dayfirst
        self.times = None if time is None else TimeBatches(time, knowledge.dates, dayfirst)
        names, targets = self.plan.names or (), self.plan.roles.targets
        self.kinds: dict[str, tuple[Any, int]] = {}  # of columns that hold something: a width of 0 is that of a vector
        if names:
            self.kinds["x"] = np.float32 if self._single(names) else np.float64, len(names)
        if targets:
            self.kinds["y"] = np.float32 if knowledge.text or self._single(targets) else np.float64, len(targets)
        self.settled = settled(file_states(sources) or [])
        self.rows, self.source_rows, self.starts = 0, 0, [0]  # rows of the store, and of the sources
        self.in_order, self.last_code = True, -1
        self.last_key: Any = None
        self.last_row = -1  # in the table, of a shard
        self.ties = 0  # rows with the time of the row before them in the same id

    def run(self, digest: Future[str]) -> None:
        """Read everything, sort where that is needed, and describe the store."""
        with Appender(self.place) as out:
            for batch in batches(self.sources, self.plan.text, self.plan.needed, self.budget.of_phase.batch):
                if batch.first == 0 and self.source_rows:
                    self.starts.append(self.source_rows)
                self._add(batch, out)
                self.source_rows += batch.rows
        self.starts.append(self.source_rows)
        dayfirst = None if self.times is None else self.times.finish()
        lengths = np.array([self.rows]) if self.numbering is None else self.numbering.lengths
        self._sort(lengths)
        ids = ends(lengths)
        ids.tofile(self.place / "offsets")
        meaning, schema = self.reader.finish(lambda: ordered_labels(self.place / "y", self.kinds["y"], ids))
        dates = self.times is not None and self.times.column.dates
        schema = with_clock(replace(schema, dayfirst=dayfirst), dates, self.request, self.sources)
        self._finish_labels(meaning.class_of)
        names = [source.name for source in self.sources]
        if self.request.require_target:
            check_horizon(schema)
            if self.request.shard is None:  # which may have short ids alone
                check_reach(schema, ids, names)
        borders = self._stretches(schema, ids)
        sequences = len(index_of(schema, ids, ids if borders is None else borders).start)
        Description(
            schema=schema,
            source=tuple(names),
            paths=tuple(source.path for source in self.sources),
            digest=digest.result(),
            settled=self.settled,
            proposals=tuple(self.reader.proposals(schema)),
            notes=tuple(self.reader.notes(schema, meaning, self.rows, sequences, self.ties)),
            categories=dict(self.reader.features.categories),
            auto_predict=self.reader.auto_predict(schema),
            ids=len(lengths),
            stretches=0 if borders is None else len(borders) - 1,
            columns={name: (np.dtype(kind).str, width) for name, (kind, width) in self.kinds.items()},
            starts=tuple(self.starts),
            files=states(self.place),
        ).write(self.place)

    def _single(self, names: tuple[str, ...]) -> bool:
        numbers = not set(names) & set(self.plan.roles.categorical)
        return numbers and all(single_precision(source, names) for source in self.sources)

    def _add(self, batch: Batch, out: Appender) -> None:
        """Write the rows of a batch."""
        try:
            columns = self.reader.add(batch)
        except TextFound:
            raise Misread(replace(self.knowledge, text=True)) from None
        if "y" in self.kinds:
            columns["y"] = self._all_targets(columns["y"])
        columns = {name: values for name, values in columns.items() if values.ndim == 1 or name in self.kinds}
        codes = np.zeros(batch.rows, np.int64)
        inside = None  # which rows are in the shard: what columns mean is decided by all of them
        if self.numbering is not None:
            codes, back, inside = self.numbering.add(batch, out)
            self.in_order &= not back
        if self.times is not None and self.request.keeps_time:
            columns["time"] = self._times(batch, self.times.name)
        keys = None if self.times is None else self._keys(batch)
        if inside is not None:
            columns[ROW] = np.arange(self.source_rows, self.source_rows + batch.rows)
            columns = {name: values[inside] for name, values in columns.items()}
            keys = None if keys is None else keys[inside]
        if self.numbering is not None:
            columns[CODE] = codes
        if keys is not None and len(keys):
            self._check_order(batch, keys, codes, columns.get(ROW))
            columns[KEY] = keys
        for column, values in columns.items():
            kind, _ = self.kinds.setdefault(column, (values.dtype, 0))
            out.append(column, values.astype(kind, copy=False))
        self.last_code = int(codes[-1]) if len(codes) else self.last_code
        self.rows += len(codes)

    def _all_targets(self, y: NDArray[Any]) -> NDArray[Any]:
        """Make the targets of a table unlabelled once they turned out to be of no use."""
        width = self.kinds["y"][1]
        return y if y.shape[1] == width else np.full((len(y), width), np.nan)

    def _keys(self, batch: Batch) -> NDArray[Any]:
        """Return numbers that sort like the time, of one type in all batches."""
        assert self.times is not None
        try:
            keys = self.times.add(batch)
        except MixedTimes:
            raise Misread(replace(self.knowledge, dates=True, fractions=False)) from None
        except OtherDates as others:
            raise Misread(replace(self.knowledge, dayfirst=others.dayfirst)) from None
        whole = keys.dtype.kind in "iub" and not self.knowledge.fractions
        kind, _ = self.kinds.setdefault(KEY, (np.int64 if whole else np.float64, 0))
        if kind is np.int64 and not whole:
            raise Misread(replace(self.knowledge, fractions=True))
        return keys.astype(kind)

    def _check_order(self, batch: Batch, keys: NDArray[Any], codes: Integers, row: Integers | None) -> None:
        """See whether rows are in the order of their times; row: (rows,) where they are in the table, of a shard."""
        assert self.times is not None
        before = np.concatenate(([keys[0] if self.last_key is None else self.last_key], keys[:-1]))
        same = codes == np.concatenate(([self.last_code], codes[:-1]))
        if (back := same & (keys < before)).any():
            if self.numbering is None:
                name, place = self.times.name, int(back.argmax())
                raise batch.error(
                    place,
                    name,
                    f"{batch.cell(place, name)!r} comes after a later time, and without an id a table that is read in "
                    "blocks has to be in the order of its time; sort it, name an --id, or give more --memory",
                )
            self.in_order = False
        if (again := same & (keys == before)).any():
            if self.request.config.ties == "error":
                second = int(again.argmax())
                rows = np.arange(self.rows - 1, self.rows + len(keys)) if row is None else np.append(self.last_row, row)
                raise self._repeated(int(rows[second]), int(rows[second + 1]))
            self.ties += int(again.sum())
        self.last_key, self.last_row = keys[-1], self.last_row if row is None else int(row[-1])

    def _times(self, batch: Batch, name: str) -> NDArray[Any]:
        """Return the time as in the table: numbers, or texts of a fixed length."""
        series = batch.frame[name]
        if series.dtype.kind in "iuf" and not self.knowledge.dates:
            return series.to_numpy()
        texts = np.array([str(cell).encode() for cell in series.to_numpy(dtype=object)])
        if texts.dtype.itemsize > self.knowledge.time_bytes:
            raise Misread(replace(self.knowledge, time_bytes=2 * texts.dtype.itemsize))
        return texts.astype(f"S{self.knowledge.time_bytes}")

    def _origin(self) -> Origin:
        """What finds file and line of a row that was read."""
        starts = self.starts if len(self.starts) > len(self.sources) else [*self.starts, 1 << 62]
        return Origin(list(self.sources), starts)

    def _repeated(self, first: int, second: int) -> DataError:
        """Build the error about two input rows of the same id and time."""
        roles = self.plan.roles
        assert roles.time is not None
        return repeated(self._origin(), roles.id, roles.time, first, second)

    def _finish_labels(self, class_of: NDArray[np.float64] | None) -> None:
        """Put the classes of a target into its file; class_of: as of Meaning."""
        if class_of is not None:
            kind, width = self.kinds["y"]
            self.kinds["y"] = rewrite_labels(self.place / "y", kind, self.reader.labels.values, class_of), width

    def _sort(self, lengths: Integers) -> None:
        """Sort the rows where they are not in order, and remove what only sorting needs."""
        if not self.in_order and self.rows:
            try:
                self.ties = bucket_sort(
                    self.place, self.kinds, lengths, self.budget.of_phase.bucket, self.request.config.ties == "keep"
                )
            except Repeated as rows:
                raise self._repeated(rows.first, rows.second) from None
            self.kinds["row"] = (np.int64, 0)
        for name in {CODE} if self.request.keeps_keys else {CODE, KEY}:
            (self.place / name).unlink(missing_ok=True)
            self.kinds.pop(name, None)

    def _stretches(self, schema: Schema, ids: Integers) -> Integers | None:
        """Write what windows are cut from where the parts of a column divide it; check that each id is in one part."""
        if "part" not in self.kinds or self.request.part is None:
            return None
        if schema.id is None:
            borders = self._runs()
            borders.tofile(self.place / "stretches")
            return borders
        for first, stop in self._whole_ids(ids):
            part, row = (self._column(name, int(ids[first]), int(ids[stop])) for name in ("part", "row"))
            offsets = ids[first : stop + 1] - ids[first]
            check_one_part_each(self._origin(), self.request.part, schema.id, part, row, offsets)
        return None

    def _runs(self) -> Integers:
        """Return (runs + 1,) offsets of the stretches of rows of one part."""
        begins, last = [np.zeros(1, np.int64)], None
        for first, stop in stretches(self.rows):
            part = self._column("part", first, stop)
            inside = runs(part)[:-1] + first
            begins.append(inside[1:] if last is None or part[0] == last else inside)
            last = part[-1]
        return np.concatenate((*begins, [self.rows]))

    def _whole_ids(self, ids: Integers) -> Iterator[tuple[int, int]]:
        """Yield numbers of ids, first and last + 1, whose rows are read at once."""
        marks = [*(first for first, _ in stretches(self.rows)), self.rows]
        borders = np.unique(np.searchsorted(ids, marks))
        return zip(borders[:-1].tolist(), borders[1:].tolist(), strict=True)

    def _column(self, name: str, first: int, stop: int) -> NDArray[Any]:
        if name not in self.kinds:
            return np.arange(first, stop)
        return read_rows(self.place / name, *self.kinds[name], first, stop)
