"""The tasks of a table in shards: functions of small arguments that a worker answers from its shards.

What a worker keeps of one task for the next saves work, and decides nothing: a worker that lacks it makes it again.
"""

from __future__ import annotations

import atexit
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import wraps
from threading import Event, Lock, RLock, Thread
from time import monotonic
from typing import Any, NamedTuple, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from rnnfast.cluster.task import Watch
from rnnfast.data import Schema, SequenceData
from rnnfast.data.sequences.base import Result, Sequences
from rnnfast.data.sequences.budget import Budget, size
from rnnfast.data.sequences.context import Context
from rnnfast.data.sequences.identities import hashes
from rnnfast.data.sequences.predict import Constancy
from rnnfast.data.sequences.stored import StoredSequences
from rnnfast.errors import UsageError
from rnnfast.memory import shown
from rnnfast.shards.feed import Round
from rnnfast.shards.learner import Answer, Learner, Network, Ready
from rnnfast.shards.plan import FILES, Plan
from rnnfast.shards.state import State
from rnnfast.shards.table import ShardTable

Integers = NDArray[np.int64]

F = TypeVar("F", bound=Callable[..., Any])

SIGN = 10.0  # s between two signs of life of a task
UNUSED = 600.0  # s after which a worker lets go of a shard of another run


class PartSize(NamedTuple):
    """A part of a shard. lengths: (sequences,) uint32 steps of each; counts, range, weighted: as of Sequences."""

    lengths: NDArray[np.uint32]
    counts: Integers
    range: tuple[float, float, float] | None
    weighted: bool


@dataclass(frozen=True)
class Description:
    """What a shard is, as its client needs to know.

    parts: by name, "" the whole of it; rows: of its table, ids: how many it has. constancy: of the labels that train,
    None where these do not decide; rule: of the split, in words; hashes: (ids,) sorted, of --sharding files alone.
    digest, source, notes, proposals, categories: as of Sequences.
    """

    schema: Schema
    parts: dict[str, PartSize]
    rows: int
    ids: int
    constancy: Constancy | None
    rule: str
    hashes: NDArray[np.uint64] | None
    digest: str
    source: tuple[str, ...]
    notes: tuple[str, ...]
    proposals: tuple[str, ...]
    categories: dict[str, tuple[str, ...]]
    auto_predict: bool


class _Open:
    """The shards that this process has opened, and what trains on them."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.tables: OrderedDict[tuple[str, int], _Entry] = OrderedDict()

    def entry(self, plan: Plan, number: int) -> _Entry:
        """Return the place of a shard, and let go of those that nobody has used for long."""
        with self.lock:
            now = monotonic()
            for key, entry in list(self.tables.items()):
                unused = key[0] != plan.key and now - entry.last_use > UNUSED
                if unused and entry.lock.acquire(blocking=False):  # else a long task is at work there
                    self.tables.pop(key).close()
                    entry.lock.release()
            entry = self.tables.setdefault((plan.key, number), _Entry())
            entry.last_use = now
            self.tables.move_to_end((plan.key, number))
            return entry

    def spare(self, limit: int, but: _Entry) -> None:
        """Let go of what trains on the shards that have waited longest, while all of them take more than a limit."""
        with self.lock:
            waiting = [entry for entry in self.tables.values() if entry is not but]
            total = sum(entry.held for entry in (*waiting, but))
            for entry in waiting:
                if total <= limit:
                    break
                if entry.lock.acquire(blocking=False):
                    total -= entry.held
                    entry.learners.clear()
                    entry.lock.release()

    def close(self, key: str = "") -> None:
        """Remove the stores of a plan, or all of them."""
        with self.lock:
            for place in [place for place in self.tables if not key or place[0] == key]:
                self.tables.pop(place).close()


class _Entry:
    """A shard of this process; lock: of who works with it. learners: by the key of their network."""

    def __init__(self) -> None:
        self.lock, self.last_use = RLock(), monotonic()
        self.table: ShardTable | None = None
        self.learners: dict[str, Learner] = {}

    @property
    def held(self) -> int:
        return sum(learner.held for learner in list(self.learners.values()))

    def opened(self, plan: Plan, number: int, watch: Watch) -> ShardTable:
        """Return the shard, read now where this process does not have it."""
        if self.table is None:
            check_memory(plan, watch.memory)
            self.table = ShardTable(plan, number, watch.scratch)
        return self.table

    def close(self) -> None:
        self.learners.clear()
        if self.table is not None:
            self.table.close()
            self.table = None


def check_memory(plan: Plan, limit: int | None) -> None:
    """Raise UsageError where a worker may not take what the plan gives a process."""
    if limit is not None and limit < size(plan.memory):
        raise UsageError(
            f"a worker gets no tasks beyond {shown(limit)}, Dask's share of its --memory-limit, and the run gives each "
            f"{plan.memory}; give --memory {limit // 10**6}M, or fewer workers on a machine"
        )


_open = _Open()
atexit.register(_open.close)


def forget(key: str, watch: Watch) -> None:
    """Remove the stores of a plan from this process; key: of the plan."""
    _open.close(key)


def alive(function: F) -> F:
    """Let a task give signs of life while it runs: reading a shard, or a round of a long pass, takes minutes."""

    @wraps(function)
    def call(*arguments: Any) -> Any:
        watch, end = arguments[-1], Event()

        def tell() -> None:
            while not end.wait(SIGN):
                watch.tell(None)

        thread = Thread(target=tell, daemon=True)
        thread.start()
        try:
            return function(*arguments)
        finally:
            end.set()

    return cast(F, call)


@alive
def describe(plan: Plan, number: int, watch: Watch) -> Description:
    """Read a shard, and say what it is."""
    entry = _open.entry(plan, number)
    with entry.lock:
        shard = entry.opened(plan, number, watch)
        table, train = shard.table, shard.part("train", None)
        asks = table.auto_predict and plan.predict is None
        sizes = {name: _size(shard.part(name, plan.predict)) for name in ("", "merged", *shard.parts)}
        return Description(
            schema=table.schema,
            parts={name: size for name, size in sizes.items() if size is not None},
            rows=table.store.rows,
            ids=len(table.store.ids) - 1,
            constancy=None if not asks else Constancy() if train is None else train.constancy(),
            rule=shard.rule,
            hashes=np.sort(hashes(_ids(table))) if plan.config.data.sharding == FILES else None,
            digest=table.digest,
            source=table.source,
            notes=table.notes,
            proposals=table.proposals,
            categories=dict(table.categories),
            auto_predict=table.auto_predict,
        )


def _ids(table: StoredSequences) -> NDArray[Any]:
    """Return (ids,) the texts of all ids."""
    number = len(table.store.ids) - 1
    return table.store.texts(np.arange(number)) if number else np.empty(0, object)


def id_of(part: StoredSequences, hash: int) -> str:
    """Return the id of a hash."""
    ids = _ids(part)
    return str(ids[np.flatnonzero(hashes(ids) == np.uint64(hash))[0]])


def _size(part: StoredSequences | None) -> PartSize | None:
    if part is None:
        return None
    return PartSize(part.lengths.astype(np.uint32), np.asarray(part.counts), part.range, part.weighted)


@alive
def on_part(
    plan: Plan, number: int, name: str, function: Callable[..., Any], arguments: tuple[Any, ...], watch: Watch
) -> Any:
    """Call a function with a part of a shard."""
    entry = _open.entry(plan, number)
    with entry.lock:
        part = entry.opened(plan, number, watch).part(name, plan.predict)
        assert part is not None
        return function(part, *arguments)


def sample(part: StoredSequences, context: Context | None, room: int, seed: int) -> SequenceData:
    """Read the sequences of a part that are scored, in so many bytes, with the rows around where a context says so."""
    budget = part.budget
    part = replace(part, budget=replace(budget, phases=budget.of_phase._replace(sample=room)), context=context)
    return sendable(part.sample(seed))


def read(part: Sequences, first: int, stop: int, only: tuple[str, ...] | None) -> SequenceData:
    """Read sequences of a part."""
    data: SequenceData = part.read(first, stop, only)
    return sendable(data)


def sendable(data: SequenceData) -> SequenceData:
    """Return data without what only its own machine can use."""
    return replace(data, origin=None)


@alive
def ready(plan: Plan, number: int, network: Network, watch: Watch) -> Ready:
    """Prepare to train a network on a shard."""
    return _learner(plan, number, network, watch, Learner.warm)


@alive
def train(
    plan: Plan, number: int, network: Network, state: State, updates: Integers, now: Round, watch: Watch
) -> Answer:
    """Train a network on a shard for a round."""
    return _learner(plan, number, network, watch, lambda learner: learner.round(now, state, updates))


@alive
def outputs(plan: Plan, number: int, network: Network, parameters: NDArray[Any], watch: Watch) -> NDArray[Any]:
    """Answer what validates of a shard."""
    return _learner(plan, number, network, watch, lambda learner: learner.outputs(parameters))


def _learner(plan: Plan, number: int, network: Network, watch: Watch, use: Callable[[Learner], Result]) -> Result:
    """Use what trains a network on a shard, made now where this process does not have it."""
    entry = _open.entry(plan, number)
    with entry.lock:
        if network.key not in entry.learners:
            shard = entry.opened(plan, number, watch)
            valid = shard.part("valid", plan.predict) if network.validates else None
            questions = None
            if valid is not None:
                context = network.model.context_of(valid.schema)
                questions = sample(valid, context, network.room, network.model.config.train.seed)
            entry.learners.clear()  # of another network of the same run
            entry.learners[network.key] = Learner(network, number, shard.part(network.part, plan.predict), questions)
            _open.spare(Budget.of(plan.memory).free, entry)
        return use(entry.learners[network.key])
