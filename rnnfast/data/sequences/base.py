"""Whole sequences of a table, in blocks: what all of training, scoring and splitting needs of a table of any size."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, NamedTuple, Self, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rnnfast.data.columns.schema import Schema, window_note
from rnnfast.data.sequences.budget import Budget
from rnnfast.data.sequences.context import Context
from rnnfast.data.sequences.index import Index, Limit
from rnnfast.data.sequences.predict import EVERY, LAG, LAST, Constancy, constancy, pieces, predict_notes
from rnnfast.display import Displayed, counted
from rnnfast.errors import UsageError

Integers = NDArray[np.int64]
Block = Any  # SequenceData, whose module needs this one
Result = TypeVar("Result")

TRAINED = ("x", "y", "weight")  # fields with a value per row that training and scores look at
SCORED = (*TRAINED, "ids")


class Runs(NamedTuple):
    """Consecutive sequences that are read at once. first, stop: (runs,) their numbers; rows: (runs,) that are read."""

    first: Integers
    stop: Integers
    rows: Integers


class Sequences(Displayed, ABC):
    """Sequences of one or several tables. Arrays with one entry per sequence are in memory.

    schema: meaning of the columns; source: names of the inputs; digest: sha256 of their contents.
    notes: sentences for the user about what was recognised, left out or chosen; proposals: about columns that look like
    an id or a time, though nobody named one.
    offsets: (sequences + 1,) int64, first row of each sequence where all lie end to end, then the number of rows.
    categories: of each categorical column, the texts that its indices in x stand for.
    auto_predict: whether the labels decide about `schema.predict`, which a split does by those that train.
    shards: parts of the table that lie in different places. loop: what trains on them, where that is not
    training/loop.py.
    """

    shards: int = 1
    loop: Any = None
    schema: Schema
    source: tuple[str, ...]
    digest: Any
    notes: tuple[str, ...]
    proposals: tuple[str, ...]
    offsets: Integers
    categories: Mapping[str, tuple[str, ...]]
    auto_predict: bool

    @property
    @abstractmethod
    def room(self) -> Budget | None:
        """Memory for blocks, None where everything is in memory anyway."""

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

    @property
    @abstractmethod
    def index(self) -> Index:
        """Where the sequences lie in the table."""

    @property
    @abstractmethod
    def id_bounds(self) -> tuple[Integers, Integers]:
        """(ids,) place in the table where each id begins, and (ids,) that after its last row, ascending."""

    @abstractmethod
    def times(self, first: int, stop: int) -> NDArray[Any]:
        """Give the times at the places first .. stop - 1 of the table as they are written, None where no row is."""

    @property
    @abstractmethod
    def parts(self) -> NDArray[Any] | None:
        """(sequences,) part of each, as a column of the table says, or its group, or None."""

    @property
    @abstractmethod
    def weighted(self) -> bool:
        """Whether rows have weights in the loss."""

    @property
    @abstractmethod
    def counts(self) -> Integers:
        """(classes,) labelled steps of each class, or (1,) of a quantity."""

    @property
    def labelled_steps(self) -> int:
        """Number of steps that count for loss and metrics."""
        return int(self.counts.sum())

    @property
    @abstractmethod
    def in_input_order(self) -> bool:
        """Whether blocks hold the rows in the order of the input."""

    @property
    @abstractmethod
    def range(self) -> tuple[float, float, float] | None:
        """Lowest, highest and mean label of a single quantity; None for classes, several targets and without labels."""

    @abstractmethod
    def runs(self, rows: int | None = None) -> Runs:
        """Cut into runs of about so many rows, by default what a disk reads quickly; one where all are in memory."""

    @abstractmethod
    def read(self, first: int, stop: int, only: Collection[str] | None = None) -> Block:
        """Give the sequences first .. stop - 1. only: fields with a value per row that are needed, None for all."""

    @abstractmethod
    def cut(self, numbers: Integers, starts: Integers, lengths: Integers) -> Self:
        """Take sequences made of the rows starts[k] .. starts[k] + lengths[k] - 1 of the sequences with these numbers.

        Rows count as in offsets. A lag of the target, without a horizon, is unknown at the first row of a sequence.
        """

    @abstractmethod
    def limited(self, limit: Limit) -> tuple[Self, int]:
        """Leave out labels; return how many were refused because they are of another part, too."""

    @abstractmethod
    def in_context(self, context: Context) -> Self:
        """Let blocks and samples bring the rows around their own that answers need."""

    @abstractmethod
    def sample(self, seed: int) -> Block:
        """Give as many sequences as may be scored: all, or in bounded memory some that are drawn at random."""

    @abstractmethod
    def predicting(self, rule: str) -> Self:
        """Predict "every" or the "last" step of each sequence, and say so where the labels decided it."""

    @abstractmethod
    def windowed(self, window: int, reason: str) -> Self:
        """Cut a whole table without id, whose windows lie side by side, into windows of another length.

        reason: why this length, for the note about it.
        """

    def blocks(self, only: Collection[str] | None = None) -> Iterator[Block]:
        """Yield all sequences in order; only: as in `read`."""
        return self.blocks_of(self.runs(), only)

    def blocks_of(self, runs: Runs, only: Collection[str] | None = None) -> Iterator[Block]:
        """Yield the sequences of runs; only: as in `read`."""
        for first, stop in zip(runs.first.tolist(), runs.stop.tolist(), strict=True):
            yield self.read(first, stop, only)

    def display(self) -> tuple[str, dict[str, str]]:
        """Return size, sources and columns in words."""
        shortest, longest = int(self.lengths.min(initial=self.rows)), int(self.lengths.max(initial=0))
        steps = counted(longest, "step") if shortest == longest else f"{shortest:,} to {longest:,} steps"
        phrase = f"{counted(self.rows, 'row')} in {counted(self.sequences, 'sequence')} of {steps}"
        lines = {"table": ", ".join(self.source), **self.schema.display()}
        if "target" in lines:
            lines["target"] += f", {counted(self.labelled_steps, 'label')}"
        return phrase, lines

    def take(self, indices: ArrayLike) -> Self:
        """Take whole sequences: by their numbers, in that order, or by a mask (sequences,) of bool.

        Raises UsageError for numbers of no sequence, and for a mask of another length.
        """
        numbers = np.asarray(indices)
        if numbers.dtype == bool:
            if numbers.shape != (self.sequences,):
                raise UsageError(
                    f"take: a mask of shape {numbers.shape}; give one value for each of {self.sequences:,}"
                )
            numbers = np.flatnonzero(numbers)
        if numbers.size and not 0 <= numbers.min() <= numbers.max() < self.sequences:
            raise UsageError(
                f"take: numbers from {numbers.min()} to {numbers.max()}; they are 0 to {self.sequences - 1}"
            )
        numbers = numbers.astype(np.int64)
        return self.cut(numbers, self.offsets[numbers], self.lengths[numbers])

    def once(self) -> Self:
        """Leave away the rows of each window that an earlier one holds."""
        if not self.schema.overlapping:
            return self
        index = self.index
        order = np.argsort(index.start, kind="stable")
        start, length = index.start[order], index.length[order]
        reached = np.maximum.accumulate(np.append(0, (start + length)[:-1]))
        skipped = np.clip(reached - start, 0, None)
        new = skipped < length
        numbers, skipped, length = order[new], skipped[new], length[new]
        return self.cut(numbers, self.offsets[numbers] + skipped, length - skipped)

    def rule(self) -> str:
        """Decide by the labels whether "every" step or the "last" one is predicted."""
        return self.constancy().rule

    def constancy(self) -> Constancy:
        """Look whether each sequence has one label, until a block shows that it has not."""
        return constancy(piece for block in self.blocks(("y",)) for piece in pieces(block.y, block.offsets))

    def each_shard(self, function: Callable[..., Result], *arguments: Any) -> list[Result]:
        """Call a function with these sequences; of a table in shards with those of each, where they lie.

        function: of a module, called with sequences and arguments. Returns: the results in the order of the shards.
        """
        return [function(self, *arguments)]

    def _notes_windowed(self, window: int, reason: str) -> tuple[str, ...]:
        """The notes with what `windowed` says."""
        before = window_note(self.schema.window)
        return tuple(window_note(window, reason) if note == before else note for note in self.notes)

    def _notes_for(self, schema: Schema) -> tuple[str, ...]:
        """The notes with what `predicting` says."""
        if not self.auto_predict:
            return self.notes
        others = (note for note in self.notes if note not in (LAST, EVERY, LAG))
        return (*others, *predict_notes(schema, self.rows, self.sequences))
