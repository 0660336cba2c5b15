"""Which task runs where, and what becomes of those that fail, or whose worker is lost or silent. It knows no Dask.

    a worker is lost            its tasks run elsewhere
    a task raises an error      once elsewhere; the same error again, or a third one, ends the run with it, when the
                                tasks before it have their answers: so it is the same on any cluster
    no sign of life             for max(60 s, ten times the median of tasks so far): once elsewhere, then the run ends

Signs of life are the start of a task and what it tells. Before any task has ended nobody knows how long one may last:
then only a worker that does not answer the scheduler either is taken for frozen.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Collection, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from rnnfast.cluster.task import Task
from rnnfast.errors import ClusterError, DivergedError

PATIENCE = 60.0  # seconds without a sign of life that any task may have
MEDIANS = 10  # of the durations of tasks
AHEAD = 2  # tasks of each thread of a worker, of those that are at home there
MOST_ERRORS = 3  # of one task, if they differ
MOST_LOST = 10  # workers of one task


@dataclass(eq=False)
class Attempt:
    """A task on a worker.

    number: its place among the tasks; start, sign: its first and its last sign of life, by the clock. waits: whether
    it may still wait for what many tasks read.
    """

    number: int
    worker: str
    start: float
    sign: float
    waits: bool = False


class Board:
    """The tasks of one run.

    homes: worker of each home, which outlasts a run. durations: of tasks like these so far, in seconds; both are
    written. patience: seconds without a sign of life that any task may have.
    """

    def __init__(
        self,
        tasks: Sequence[Task],
        homes: MutableMapping[str, str],
        durations: deque[float],
        patience: float = PATIENCE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.tasks, self.homes, self.durations = tasks, homes, durations
        self.patience, self.clock = patience, clock
        self.answers: dict[int, Any] = {}
        self.running: list[Attempt] = []
        self.failure: BaseException | None = None  # of the first task, in their order, that has failed for good
        self._needed = len(tasks)  # tasks before that one, whose answers or errors come first
        self._pending = deque(range(len(tasks)))
        self._errors: dict[int, list[str]] = defaultdict(list)
        self._unfit: dict[int, set[str]] = defaultdict(set)
        self._silent: dict[int, str] = {}  # task -> worker that did not answer in time
        self._losses = Counter[int]()

    @property
    def complete(self) -> bool:
        """Whether all answers are there, or all before the failure."""
        return sum(number < self._needed for number in self.answers) == self._needed

    def assign(self, slots: Mapping[str, int]) -> list[Attempt]:
        """Hand tasks to workers that have time for them; slots: worker -> tasks that it runs at a time.

        Tasks that are at home on a worker wait there for the one before: nobody else would take them.
        """
        busy = Counter(attempt.worker for attempt in self.running)
        assigned, before = list[Attempt](), -1
        if slots and self._pending:
            self._settle(slots)
        while before < len(assigned) and self._pending:
            before = len(assigned)
            for worker in sorted(slots, key=lambda name: busy[name]):
                number = None
                if busy[worker] < AHEAD * slots[worker]:
                    number = self._next(worker, slots, at_home=busy[worker] >= slots[worker])
                if number is not None:
                    assigned.append(self._begin(number, worker))
                    busy[worker] += 1
        return assigned

    def finish(self, attempt: Attempt, answer: Any) -> None:
        """Take an answer."""
        self.running.remove(attempt)
        self.durations.append(self.clock() - attempt.start)
        self.answers[attempt.number] = answer

    def fail(self, attempt: Attempt, error: BaseException) -> None:
        """Take an error: the second time, with the task and the worker in a note, it is the failure of the run.

        Tasks after that one are not needed any more. That training diverges is no accident, and needs no second time.
        """
        number = attempt.number
        errors, text = self._errors[number], f"{type(error).__name__}: {error}"
        if text not in errors and len(errors) < MOST_ERRORS - 1 and not isinstance(error, DivergedError):
            errors.append(text)
            self._unfit[number].add(attempt.worker)
            self.again(attempt)
            return
        self.running.remove(attempt)
        if number < self._needed:
            error.add_note(f"in {self.tasks[number].name} on worker {attempt.worker}")
            self.failure, self._needed = error, number
            self._pending = deque(pending for pending in self._pending if pending < number)

    def lose(self, worker: str) -> list[Attempt]:
        """Take back the tasks of a worker that is gone. Raises ClusterError for one that loses worker after worker."""
        attempts = [attempt for attempt in self.running if attempt.worker == worker]
        for attempt in attempts:
            self.drop(attempt)
        return attempts

    def drop(self, attempt: Attempt) -> None:
        """Take back a task that is lost with its worker. Raises as `lose`."""
        self._losses[attempt.number] += 1
        if self._losses[attempt.number] == MOST_LOST:
            raise ClusterError(
                f"{self.tasks[attempt.number].name}: {MOST_LOST} workers were lost while they ran it, the last one "
                f"{attempt.worker}; a worker that needs more memory than it has is killed: give workers more of it"
            )
        self.again(attempt)

    def again(self, attempt: Attempt) -> None:
        """Take back a task, to be run first of all that wait."""
        self.running.remove(attempt)
        if attempt.number < self._needed:
            self._pending.appendleft(attempt.number)

    def silent(self, frozen: Collection[str]) -> list[Attempt]:
        """Return tasks without a sign of life for too long; frozen: workers that do not answer the scheduler."""
        limit = max(self.patience, MEDIANS * median(self.durations)) if self.durations else float("inf")
        now = self.clock()
        return [attempt for attempt in self.running if attempt.worker in frozen or now - attempt.sign > limit]

    def give_up(self, attempt: Attempt) -> None:
        """Take back a task without a sign of life; raises ClusterError the second time."""
        silence, name = self.clock() - attempt.sign, self.tasks[attempt.number].name
        if attempt.number in self._silent:
            raise ClusterError(
                f"{name}: no sign of life from worker {attempt.worker} for {silence:.0f} s, nor from "
                f"{self._silent[attempt.number]}, where it ran before; look at the logs of these workers"
            )
        self._silent[attempt.number] = attempt.worker
        self._unfit[attempt.number].add(attempt.worker)
        self.again(attempt)

    def _begin(self, number: int, worker: str) -> Attempt:
        self._pending.remove(number)
        now = self.clock()
        attempt = Attempt(number, worker, now, now)
        self.running.append(attempt)
        return attempt

    def _next(self, worker: str, slots: Mapping[str, int], at_home: bool) -> int | None:
        """Return the first task that a worker may take, of those that are at home there, or else of those without home.

        at_home: none but the former.
        """
        for number in self._pending:
            home, unfit = self.tasks[number].home, self._unfit[number]
            if self.homes[home] == worker if home else not at_home and _allowed(worker, unfit, slots):
                return number
        return None

    def _settle(self, slots: Mapping[str, int]) -> None:
        """Give each home a worker: that which it has, unless it is gone, or has more than its share of them."""
        homes = {task.home: number for number, task in enumerate(self.tasks) if task.home}
        share = {worker: -(-len(homes) * slots[worker] // sum(slots.values())) for worker in slots}
        load, movers = Counter[str](), []
        for home, number in homes.items():
            owner = self.homes.get(home, "")
            if owner in slots and load[owner] < share[owner] and _allowed(owner, self._unfit[number], slots):
                load[owner] += 1
            else:
                movers.append(home)
        for home in movers:
            candidates = [worker for worker in slots if _allowed(worker, self._unfit[homes[home]], slots)]
            self.homes[home] = min(candidates, key=lambda worker: (load[worker] + 1) / slots[worker])
            load[self.homes[home]] += 1


def _allowed(worker: str, unfit: Collection[str], slots: Mapping[str, int]) -> bool:
    """Whether a task may run on a worker: where it has not failed, if there is another one."""
    return worker not in unfit or slots.keys() <= set(unfit)
