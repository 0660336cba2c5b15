"""Sequences in memory, end to end in one array: the one block of a table that fits there."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnfast.data.columns.horizon import forbidden
from rnnfast.data.columns.schema import Schema
from rnnfast.data.sequences.base import Runs, Sequences
from rnnfast.data.sequences.context import Context, Surroundings
from rnnfast.data.sequences.index import Index, Limit
from rnnfast.data.sequences.recut import recut
from rnnfast.data.sequences.spans import ends, spans
from rnnfast.data.sources.origin import Origin
from rnnfast.data.sources.texts import Texts

Integers = NDArray[np.int64]

PER_ROW = ("x", "y", "row", "time", "key", "weight", "label_row", "naive", "part")  # fields with a value for each row


class _Digest:
    """A text that may still be computed in the background; reading it waits for the result."""

    def __get__(self, data: SequenceData | None, owner: type) -> str:
        if data is None:
            raise AttributeError  # tells dataclass that there is no default
        value: str | Future[str] = data.__dict__["digest"]
        if not isinstance(value, str):
            value = data.__dict__["digest"] = value.result()
        return value

    def __set__(self, data: SequenceData, value: str | Future[str]) -> None:
        data.__dict__["digest"] = value


@dataclass(repr=False, eq=False)
class SequenceData(Sequences):
    """Sequences in memory, end to end, without padding.

    x: (rows, F) float64, of a stored table also float32, C-contiguous, in the order of schema.columns: numbers in
    original units, NaN where a cell is empty; a categorical column holds the index in its `categories`.
    y: (rows, answers) float as x, see `Schema.answers`; index of the class for a binary or multiclass task, NaN at
    unlabelled steps; (rows, 0) without target columns.
    ids: (sequences,) object, the id of each sequence as text exactly as in the file; "" for windows without id.
    row: (rows,) int64, input row of each row of x, counted from 0 over all files; repeats where windows overlap.
    time: (rows,) object or texts made when they are looked at, the time column as in the file, or None.
    key: (rows,) numbers that sort like the time, or None without time column.
    weight: (rows,) float64, weight of a row in the loss, or None where all weigh the same.
    label_row: (rows,) int64, input row whose target y holds, of several horizons that of the farthest, -1 for none;
    None with a horizon of 0, where it is `row`.
    naive: (rows, answers) float64, the target of one season before the predicted one, NaN where unknown; None with a
    horizon of 0.
    part: (rows,) 0 train, 1 valid, 2 test, as a column of the table says, or the code of a group; else None.
    start: (sequences,) int64, place of the first row of each sequence in the ordered table; None where they lie side by
    side.
    around: the rows of the table, or of the stretches of it that are needed, from which the rows before those of a
    window are taken; None where these are the whole table as it is, or come from no table.
    table_ids: (ids + 1,) place where each id begins in the table, then its number of rows; table_times: (table's rows,)
    its times, with a horizon alone. Parts have those of the whole table; None where the rows come from no table.
    origin: finds file and line of a row, for messages; None where the rows come from no table.
    from_cache: whether it was parsed by an earlier run.
    Others as of Sequences.
    """

    x: NDArray[Any]
    y: NDArray[Any]
    offsets: Integers
    ids: NDArray[Any]
    row: Integers
    time: NDArray[Any] | Texts | None
    schema: Schema
    source: tuple[str, ...]
    digest: _Digest = _Digest()
    notes: tuple[str, ...] = ()
    proposals: tuple[str, ...] = ()
    key: NDArray[Any] | None = None
    weight: NDArray[np.float64] | None = None
    label_row: Integers | None = None
    naive: NDArray[Any] | None = None
    part: NDArray[Any] | None = None
    start: Integers | None = None
    around: Surroundings | None = field(default=None, repr=False, compare=False)
    table_ids: Integers | None = field(default=None, repr=False, compare=False)
    table_times: NDArray[Any] | Texts | None = field(default=None, repr=False, compare=False)
    categories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    auto_predict: bool = False
    origin: Origin | None = field(default=None, repr=False, compare=False)
    from_cache: bool = False

    def __getstate__(self) -> dict[str, Any]:
        """Return the state to pickle or copy, with the digest computed."""
        return {**self.__dict__, "digest": self.digest}

    @property
    def labelled(self) -> NDArray[np.bool_]:
        """(rows,) bool, the steps that count for loss and metrics.

        Those with a value for every answer; with `predict` "last" only the last step of each sequence.
        """
        if not self.y.shape[1]:
            return np.zeros(self.rows, dtype=bool)
        is_labelled: NDArray[np.bool_] = np.logical_not(np.isnan(self.y).any(axis=1))
        if self.schema.predict == "last":
            last = np.zeros(self.rows, dtype=bool)
            last[self.offsets[1:] - 1] = True
            is_labelled &= last
        return is_labelled

    @property
    def seen(self) -> NDArray[np.bool_]:
        """(rows,) bool, the steps up to and including the last labelled one of each sequence.

        Training on these sequences learns from nothing else: later steps, and sequences without any label, have no say.
        """
        rows = np.arange(self.rows)
        last = np.maximum.reduceat(np.where(self.labelled, rows, -1), self.offsets[:-1])
        return np.asarray(rows <= np.repeat(last, self.lengths))

    def gaps(self, name: str, answered: bool = False) -> NDArray[np.bool_]:
        """(rows,) bool, the empty cells of a column of x.

        Without a horizon a lagged target has none at the first step of a sequence, which training sees without any step
        before it. answered: as answers see that step, with the row before it: it has none at the first row of an id.
        """
        j = self.schema.place_of[name]
        empty: NDArray[np.bool_] = np.isnan(self.x[:, j])
        if j >= self.schema.first_lag and not self.schema.horizon:
            empty[self.offsets[:-1]] = self._unknown_before(j) if answered else False
        return empty

    def _unknown_before(self, column: int) -> NDArray[np.bool_]:
        """(sequences,) bool, whether the row before a sequence, in the same id, has no value for a column of lags."""
        around, start = self.surroundings, self.index.start
        if around is None:
            return np.zeros(self.sequences, dtype=bool)
        empty = np.isnan(around.x[around.at(start), column])
        return np.asarray(empty & np.isin(start, around.ids, invert=True))

    @property
    def counts(self) -> Integers:
        """(classes,) labelled steps of each class, or (1,) of a quantity."""
        labelled, classes = self.labelled, self.schema.classes
        if not classes or not self.y.shape[1]:
            return np.full(max(len(classes), 1), int(np.count_nonzero(labelled)))
        return np.bincount(self.y[labelled, 0].astype(np.int64), minlength=len(classes))

    @property
    def room(self) -> None:
        """Nothing is read in blocks."""
        return

    @property
    def range(self) -> tuple[float, float, float] | None:
        """Lowest, highest and mean label of a single quantity; None for classes, several targets and without labels."""
        if self.schema.classes or self.y.shape[1] != 1 or not (labelled := self.labelled).any():
            return None
        labels = self.y[labelled, 0]
        return float(labels.min()), float(labels.max()), float(labels.mean(dtype=np.float64))

    @property
    def index(self) -> Index:
        """Where the sequences lie in the table."""
        changes = (
            self.ids[1:] != self.ids[:-1]
            if self.schema.window is not None
            else np.ones(max(self.sequences - 1, 0), bool)
        )
        owner = np.concatenate(([0], np.cumsum(changes))).astype(np.int64)[: self.sequences]
        return Index(owner, self.offsets[:-1] if self.start is None else self.start, self.lengths)

    @property
    def surroundings(self) -> Surroundings | None:
        """The rows that answers may look back at; None where they are not known."""
        if self.around is not None or (self.start is not None and (self.start != self.offsets[:-1]).any()):
            return self.around
        owner = self.index.owner
        first = np.append(True, owner[1:] != owner[:-1])
        return Surroundings.of(self.x, self.row, np.append(self.offsets[:-1][first], self.rows))

    @property
    def id_bounds(self) -> tuple[Integers, Integers]:
        """(ids,) place in the table where each id begins, and (ids,) that after its last row, ascending."""
        if self.table_ids is not None:
            return self.table_ids[:-1], self.table_ids[1:]
        index = self.index
        first = np.flatnonzero(np.diff(index.owner, prepend=-1))
        return index.start[first], np.maximum.reduceat(index.start + index.length, first)

    def times(self, first: int, stop: int) -> NDArray[Any]:
        """Give the times at some places; of rows of no table None where no sequence holds them."""
        if self.table_times is not None:
            return np.asarray(self.table_times[first:stop], dtype=object)
        times = np.full(stop - first, None, dtype=object)
        places = spans(self.index.start, self.lengths)
        inside = (places >= first) & (places < stop)
        times[places[inside] - first] = np.asarray(self.time, dtype=object)[inside]
        return times

    @property
    def parts(self) -> NDArray[Any] | None:
        """(sequences,) part of each: all rows of a sequence have the same one."""
        return None if self.part is None else self.part[self.offsets[:-1]]

    @property
    def weighted(self) -> bool:
        """Whether rows have weights in the loss."""
        return self.weight is not None

    @property
    def in_input_order(self) -> bool:
        """Whether the rows are in the order of the input."""
        return bool((np.diff(self.row) > 0).all())

    def runs(self, rows: int | None = None) -> Runs:
        """One run: all sequences."""
        return Runs(np.zeros(1, np.int64), np.array([self.sequences]), np.array([self.rows]))

    def read(self, first: int, stop: int, only: Collection[str] | None = None) -> SequenceData:
        """Give consecutive sequences: all of them without copying."""
        return self if stop - first == self.sequences else self.take(np.arange(first, stop))

    def cut(self, numbers: Integers, starts: Integers, lengths: Integers) -> SequenceData:
        """Copy sequences made of rows of the sequences with these numbers."""
        rows = spans(starts, lengths)
        values = {name: getattr(self, name) for name in PER_ROW}
        columns: dict[str, Any] = {
            name: None if value is None else value.take(rows, axis=0) for name, value in values.items()
        }
        offsets, skipped = ends(lengths), starts - self.offsets[numbers]
        if self.schema.lag_target and not self.schema.horizon:
            columns["x"][offsets[:-1][skipped > 0], self.schema.first_lag :] = np.nan
        start = self.offsets[:-1] if self.start is None else self.start
        places = start[numbers] + skipped
        return self._with(offsets=offsets, ids=self.ids[numbers], start=places, around=self.surroundings, **columns)

    def features_at(self, index: Index, around: Surroundings, work: NDArray[Any]) -> SequenceData:
        """Copy the features of sequences out of the rows around these; nothing else is known of them.

        work: (rows or more, F), the memory that they are copied to.
        """
        rows = around.at(spans(index.start, index.length))
        return self._with(
            **dict.fromkeys(set(PER_ROW) - {"x", "y", "row"}),
            x=around.x.take(rows, axis=0, out=work[: len(rows)], mode="clip"),  # "raise" would copy once more
            y=np.empty((len(rows), 0)),
            row=around.row.take(rows),
            offsets=index.offsets,
            ids=np.full(len(index.start), "", object),
            start=index.start,
            around=around,
        )

    def in_context(self, context: Context) -> SequenceData:
        """Nothing is to be read: the table is in memory."""
        return self

    def alone(self) -> SequenceData:
        """Copy without the rows of other sequences: each sequence is answered by itself."""
        return self._with(around=None)

    def limited(self, limit: Limit) -> tuple[SequenceData, int]:
        """Copy with fewer labels."""
        if self.label_row is None:
            return self, 0
        refused, foreign = zip(*(limit.refused(self.index, horizon) for horizon in self.schema.ahead), strict=True)
        y, label_row = self.y.copy(), self.label_row.copy()
        of_others = forbidden(y, label_row, foreign)
        if not (of_others | forbidden(y, label_row, refused)).any():
            return self, 0
        return self._with(y=y, label_row=label_row), int(np.count_nonzero(of_others))

    def sample(self, seed: int) -> SequenceData:
        """Give all sequences."""
        return self

    def predicting(self, rule: str) -> SequenceData:
        """Predict "every" or the "last" step of each sequence."""
        schema = replace(self.schema, predict=rule)
        if schema == self.schema and self._notes_for(schema) == self.notes:
            return self
        return self._with(schema=schema, notes=self._notes_for(schema))

    def windowed(self, window: int, reason: str) -> SequenceData:
        """Cut into windows of another length."""
        schema = replace(self.schema, window=window, stride=window)
        return self._with(notes=self._notes_windowed(window, reason), **recut(schema, self.x, self.y, self.part))

    def _with(self, **changes: Any) -> SequenceData:
        """Copy with other fields; unlike `dataclasses.replace` it does not wait for the digest."""
        copy = object.__new__(SequenceData)
        copy.__dict__.update(self.__dict__ | changes)
        return copy
