"""A table in shards as its client sees it: arrays with one entry per sequence here, the rows on the workers."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from rnnfast.cluster.task import Cluster, Task
from rnnfast.data import Schema, SequenceData, Sequences
from rnnfast.data.sequences.base import Result, Runs
from rnnfast.data.sequences.budget import Budget
from rnnfast.data.sequences.context import Context
from rnnfast.data.sequences.index import Index, Limit
from rnnfast.data.sequences.spans import ends
from rnnfast.errors import UsageError
from rnnfast.shards import tasks
from rnnfast.shards.joining import end_to_end
from rnnfast.shards.plan import Plan

Integers = NDArray[np.int64]

RUN_ROWS = 1 << 16  # read at once where a whole part comes through the client


def home_of(plan: Plan, number: int) -> str:
    """Name what a worker keeps of a shard."""
    return f"{plan.key}-{number}"


@dataclass(frozen=True, repr=False, eq=False)
class ShardedSequences(Sequences):
    """A part of a table in shards, or all of it; name: as of ShardTable.part. Others as of Sequences.

    descriptions: of all shards, in their order; they say what follows `context`.
    """

    plan: Plan
    cluster: Cluster
    name: str
    descriptions: tuple[tasks.Description, ...]
    schema: Schema
    notes: tuple[str, ...]
    loop: Any
    context: Context | None = None
    shards: int = field(init=False)
    source: tuple[str, ...] = field(init=False)
    digest: str = field(init=False)
    proposals: tuple[str, ...] = field(init=False)
    categories: dict[str, tuple[str, ...]] = field(init=False)
    auto_predict: bool = field(init=False)
    offsets: Integers = field(init=False)

    def __post_init__(self) -> None:
        """Derive what the descriptions say; digests of --sharding files stand one after the other."""
        every, first = self.descriptions, self.descriptions[0]
        lengths = [size.lengths for size in self.sizes.values()] or [np.zeros(0, np.uint32)]
        derived = {
            "shards": self.plan.shards,
            "source": tuple(dict.fromkeys(self._shown(name) for one in every for name in one.source)),
            "digest": ",".join(dict.fromkeys(one.digest for one in every)),
            "proposals": first.proposals,
            "categories": first.categories,
            "auto_predict": first.auto_predict,
            "offsets": ends(np.concatenate(lengths).astype(np.int64)),
        }
        for name, value in derived.items():
            object.__setattr__(self, name, value)  # as the record is frozen

    def _shown(self, name: str) -> str:
        """Name a partition by its number, and a file as it is found from the directory of this process."""
        path, here = Path(name), Path.cwd()
        if self.plan.partitions:
            return path.stem
        return str(path.relative_to(here)) if path.is_relative_to(here) else name

    @property
    def sizes(self) -> dict[int, tasks.PartSize]:
        """Size of this part in each shard that has some of it, by the number of the shard."""
        every = enumerate(self.descriptions)
        return {number: one.parts[self.name] for number, one in every if self.name in one.parts}

    def on(self, function: Callable[..., Any], *arguments: Any) -> list[Task]:
        """Return the tasks that call a function of `tasks` with each shard of this part."""
        return [
            Task(f"shard {k}", function, (self.plan.for_shard(k), k, *arguments), home=home_of(self.plan, k))
            for k in self.sizes
        ]

    def each_shard(self, function: Callable[..., Result], *arguments: Any) -> list[Result]:
        """Call a function with this part of each shard, where it lies."""
        answers: list[Result] = self.cluster.run(self.on(tasks.on_part, self.name, function, arguments))
        return answers

    def one(self, number: int, function: Callable[..., Result], *arguments: Any) -> Result:
        """Call a function with this part of one shard."""
        every = zip(self.sizes, self.on(tasks.on_part, self.name, function, arguments), strict=True)
        answer: Result = self.cluster.run([task for own, task in every if own == number])[0]
        return answer

    def sample(self, seed: int) -> SequenceData:
        """Give as many sequences as may be scored: of each shard as many as its share of the memory holds."""
        pieces = self.each_shard(tasks.sample, self.context, self.sample_room, seed)
        rows = np.array([one.rows for one in self.descriptions])
        return end_to_end(pieces, ends(rows)[list(self.sizes)], int(rows.sum()))

    @property
    def sample_room(self) -> int:
        """Bytes of what is scored of a shard."""
        return self.room.of_phase.sample // self.shards

    @property
    def room(self) -> Budget:
        """Memory of this process for what is scored."""
        return Budget.of(self.plan.memory)

    @property
    def counts(self) -> Integers:
        """(classes,) labelled steps of each class, or (1,) of a quantity."""
        return np.asarray(np.sum([size.counts for size in self.sizes.values()], axis=0))

    @property
    def range(self) -> tuple[float, float, float] | None:
        """Lowest, highest and mean label of a single quantity; None for classes, several targets and without labels."""
        ranges = [(*size.range, int(size.counts[0])) for size in self.sizes.values() if size.range is not None]
        if not ranges:
            return None
        low, high, mean, steps = np.array(ranges).T
        return float(low.min()), float(high.max()), float(np.average(mean, weights=steps))

    @property
    def weighted(self) -> bool:
        """Whether rows have weights in the loss."""
        return any(size.weighted for size in self.sizes.values())

    @property
    def in_input_order(self) -> bool:
        """Rows lie shard by shard."""
        return False

    def runs(self, rows: int | None = None) -> Runs:
        """Cut into runs of about so many rows, each in one shard."""
        first, stop, before = list[int](), list[int](), 0
        for size in self.sizes.values():
            last = ends(size.lengths.astype(np.int64))
            marks = np.searchsorted(last, np.arange(0, last[-1], rows or RUN_ROWS))
            borders = np.unique(np.append(marks, len(size.lengths))) + before
            first, stop, before = [*first, *borders[:-1]], [*stop, *borders[1:]], before + len(size.lengths)
        begin, end = np.array(first, np.int64), np.array(stop, np.int64)
        return Runs(begin, end, self.offsets[end] - self.offsets[begin])

    def read(self, first: int, stop: int, only: Collection[str] | None = None) -> SequenceData:
        """Bring sequences of one run here, from where they lie."""
        before = ends(np.array([len(size.lengths) for size in self.sizes.values()]))
        place = int(np.searchsorted(before, first, side="right")) - 1
        begin, fields = int(before[place]), None if only is None else tuple(only)
        return self.one(list(self.sizes)[place], tasks.read, first - begin, stop - begin, fields)

    def predicting(self, rule: str) -> ShardedSequences:
        """Predict "every" or the "last" step of each sequence: what the plan says."""
        if rule != self.schema.predict:
            raise UsageError(f"a table in shards predicts {self.schema.predict}, as its plan says, not {rule}")
        return self

    def in_context(self, context: Context) -> ShardedSequences:
        """Let samples bring the rows around their own that answers need."""
        return replace(self, context=context)

    @property
    def parts(self) -> None:
        """Parts are made where the shards lie."""
        return

    @property
    def index(self) -> Index:
        """Nobody here knows where rows lie."""
        self._refuse()

    @property
    def id_bounds(self) -> tuple[Integers, Integers]:
        """Nobody here knows where rows lie."""
        self._refuse()

    def times(self, first: int, stop: int) -> NDArray[Any]:
        """Nobody here knows where rows lie."""
        self._refuse()

    def cut(self, numbers: Integers, starts: Integers, lengths: Integers) -> ShardedSequences:
        """Shards are cut where they lie."""
        self._refuse()

    def limited(self, limit: Limit) -> tuple[ShardedSequences, int]:
        """Shards are cut where they lie."""
        self._refuse()

    def windowed(self, window: int, reason: str) -> ShardedSequences:
        """Shards are cut where they lie."""
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise UsageError(
            "a table in shards has its rows on other machines, which this needs here: train on one, with --memory"
        )
