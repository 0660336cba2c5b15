"""Tasks on the workers of a scheduler of Dask.

The client hands each task to a worker itself, one to each thread, and Dask carries it there: so a run knows what runs
where and since when. No actors, no scattered data: Dask loses both with their worker. What workers answer is small, and
fetched as it comes.
"""

from __future__ import annotations

import pickle
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any
from uuid import uuid4

from distributed import Client, Future
from distributed.client import FutureCancelledError
from distributed.scheduler import KilledWorker

from rnnfast.cluster.board import PATIENCE, Attempt, Board
from rnnfast.cluster.call import call, held
from rnnfast.cluster.shared import Shared
from rnnfast.cluster.task import ANSWER, Cluster, Listener, Task, ignore, nothing
from rnnfast.cluster.versions import versions
from rnnfast.errors import ClusterError, UsageError

REFRESH = 1.0  # seconds between two looks at the workers
CONNECT = 10.0  # seconds that the scheduler may take for an answer
KEPT = 200  # durations of tasks of one kind
LOST = (FutureCancelledError, KilledWorker, TimeoutError)  # Dask's errors about a task that is not there any more


class DaskCluster(Cluster):
    """The workers of a scheduler.

    connect: makes a client, again where the scheduler went away; wait: seconds without any worker after which a run
    ends; notice: is told of workers that come and go; patience: as of `Board`.
    """

    def __init__(
        self,
        connect: Callable[[float], Client],
        wait: float,
        notice: Callable[[str], None],
        patience: float = PATIENCE,
    ) -> None:
        self._connect, self._wait, self.notice, self._patience = connect, wait, notice, patience
        self.client = connect(wait)
        self.address = str(_rpc(self.client).address)
        self.homes: dict[str, str] = {}
        self.workers: dict[str, dict[str, Any]] = {}  # that are alive: address -> what the scheduler says of it
        self._durations: dict[Callable[..., Any], deque[float]] = {}
        self._seen: dict[
            str, tuple[float, float]
        ] = {}  # worker -> last sign of life, by the scheduler's clock and ours
        self._suspects: dict[str, float] = {}  # worker that was silent -> its last sign of life then
        self.topic = f"rnnfast-{uuid4().hex}"  # of what tasks tell: the scheduler keeps topics, and the last of each
        self._looked = self._alive = time.monotonic()
        self.versions = versions()
        self._look()

    @property
    def slots(self) -> int:
        """Return the threads of all workers, 1 where there is none yet."""
        return max(sum(int(worker["nthreads"]) for worker in self.workers.values()), 1)

    def run(
        self,
        tasks: Sequence[Task],
        *,
        on_answer: Listener = ignore,
        on_message: Listener = ignore,
        check: Callable[[], None] = nothing,
    ) -> list[Any]:
        """Run tasks, see `Cluster.run`."""
        if not tasks:
            return []
        durations: deque[float] = deque(maxlen=KEPT)
        if tasks[0].home:  # rounds, of which each is like the ones before
            durations = self._durations.setdefault(tasks[0].function, durations)
        board = Board(tasks, self.homes, durations, self._patience)
        run = _Run(self, board, on_answer, on_message)
        self._looked, self._alive = 0.0, time.monotonic()  # who has joined since the last run
        try:
            with run.hearing():
                while not board.complete:
                    check()
                    if time.monotonic() - self._looked > REFRESH:
                        self._look()
                        run.leave(self.workers)
                    self._check_alive(board)
                    run.submit(self.free)
                    run.take()
        finally:
            run.cancel()
        if board.failure is not None:
            raise board.failure
        return [board.answers[number] for number in range(len(tasks))]

    def each(
        self, function: Callable[..., Any], *arguments: Any, timeout: float
    ) -> tuple[dict[str, Any], dict[str, str]]:
        """Call a function on each worker, whatever its versions.

        Returns: worker -> answer, and worker -> why there is none after so many seconds.
        """
        self._look()
        futures = {
            address: self.client.submit(function, *arguments, workers=[address], pure=False) for address in self.workers
        }
        answers, silent, end = {}, {}, time.monotonic() + timeout
        for address, future in futures.items():
            try:
                answers[address] = future.result(timeout=max(end - time.monotonic(), 0.0))
            except LOST:
                silent[address] = "no answer"
            except Exception as error:
                silent[address] = f"{type(error).__name__}: {error}"
        return answers, silent

    @property
    def dashboard(self) -> str:
        """Return the address of Dask's dashboard."""
        services = self.client.scheduler_info()["services"]
        return str(self.client.dashboard_link) if "dashboard" in services else ""

    @property
    def free(self) -> dict[str, int]:
        """The workers that get tasks, with their threads: not those that are short of memory, or silent."""
        return {
            address: worker["nthreads"]
            for address, worker in self.workers.items()
            if worker["status"] == "running" and address not in self._suspects
        }

    @property
    def frozen(self) -> set[str]:
        """The workers that the scheduler has heard nothing of for too long."""
        now = time.monotonic()
        return {address for address in self.workers if now - self._seen[address][1] > self._patience}

    def suspect(self, worker: str) -> None:
        """Give no tasks to a worker until the scheduler has heard of it again."""
        if worker in self.workers:
            self._suspects[worker] = self._seen[worker][0]

    def _look(self) -> None:
        """See which workers there are."""
        before, self.workers = self.workers, self._known()
        self._looked = now = time.monotonic()
        for address, worker in self.workers.items():
            if self._seen.get(address, (None,))[0] != worker["last_seen"]:
                self._seen[address] = worker["last_seen"], now
        for address, seen in list(self._suspects.items()):
            if address not in self.workers or self._seen[address][0] != seen:
                del self._suspects[address]
        if before and self.client.status == "running":
            for address in before.keys() - self.workers.keys():
                self.notice(f"lost worker {address}; {len(self.workers)} left")
            for address in self.workers.keys() - before.keys():
                self.notice(f"worker {address} joined; {len(self.workers)} now")
        if self.free:
            self._alive = now

    def _known(self) -> dict[str, dict[str, Any]]:
        """Ask the scheduler for its workers; none where it does not answer."""
        if self.client.status == "closed":
            try:
                self.client = self._connect(CONNECT)
            except (OSError, TimeoutError):
                return {}
        if self.client.status != "running":
            return {}
        try:
            identity = self.client.sync(_rpc(self.client).identity, n_workers=-1, callback_timeout=CONNECT)
        except (OSError, TimeoutError):
            return {}
        workers: dict[str, dict[str, Any]] = identity["workers"]
        return workers

    def _check_alive(self, board: Board) -> None:
        """Raise ClusterError where there has been no worker for too long."""
        waited = time.monotonic() - self._alive
        if waited > self._wait:
            what = "has no worker" if self.client.status == "running" else "does not answer"
            raise ClusterError(
                f"the scheduler at {self.address} {what} for {waited:.0f} s (--wait-timeout); "
                f"{len(board.answers)} of {len(board.tasks)} tasks were done"
            )


class _Run:
    """One call of `DaskCluster.run`: the tasks that are on their way, and what comes back."""

    def __init__(self, cluster: DaskCluster, board: Board, on_answer: Listener, on_message: Listener) -> None:
        self.cluster, self.board, self.on_answer, self.on_message = cluster, board, on_answer, on_message
        self.topic = cluster.topic
        self.queue: SimpleQueue[tuple[str, Any]] = SimpleQueue()  # key of an attempt, and its future or a message
        self.attempts: dict[str, Attempt] = {}
        self.futures: dict[str, Future[Any]] = {}
        self.shared: dict[str, Future[Any]] = {}
        self.subscribed: Client | None = None

    @contextmanager
    def hearing(self) -> Iterator[None]:
        """Hear what tasks tell."""
        yield
        if self.subscribed is not None and self.subscribed.status == "running":
            self.subscribed.unsubscribe_topic(self.topic)

    def submit(self, free: dict[str, int]) -> None:
        """Send tasks to workers that have time for them."""
        client = self.cluster.client
        if client is not self.subscribed:
            self.subscribed = client
            client.subscribe_topic(self.topic, self._hear)
        for attempt in self.board.assign(free):
            task, key = self.board.tasks[attempt.number], f"{self.topic}-{uuid4().hex}"
            arguments = [self._shared(value) if isinstance(value, Shared) else value for value in task.arguments]
            self.attempts[key] = attempt
            self.futures[key] = future = client.submit(
                call, task.function, self.topic, self.cluster.versions, *arguments,
                key=key, workers=[attempt.worker], pure=False,
            )  # fmt: skip
            future.add_done_callback(partial(self._ended, key))

    def take(self) -> None:
        """Take what has come back, and wait for it a little; then look for tasks that nothing is heard of."""
        try:
            entry = self.queue.get(timeout=ANSWER)
            while True:
                self._take(*entry)
                entry = self.queue.get_nowait()
        except Empty:
            pass
        for attempt in self.board.silent(self.cluster.frozen):
            self.cluster.suspect(attempt.worker)
            name = self.board.tasks[attempt.number].name
            self.cluster.notice(f"no sign of life from worker {attempt.worker}: {name} runs elsewhere")
            self.board.give_up(attempt)
            self._forget(attempt)

    def leave(self, alive: dict[str, Any]) -> None:
        """Take back the tasks of workers that are gone."""
        for worker in {attempt.worker for attempt in self.board.running} - alive.keys():
            if self.cluster.client.status == "running":
                lost = self.board.lose(worker)
            else:  # nobody knows what became of the worker
                self.subscribed = None
                lost = [attempt for attempt in self.board.running if attempt.worker == worker]
                for attempt in lost:
                    self.board.again(attempt)
            for attempt in lost:
                self._forget(attempt)

    def cancel(self) -> None:
        """Let go of all tasks that are on their way."""
        for attempt in list(self.attempts.values()):
            self._forget(attempt)

    def _shared(self, value: Shared) -> Future[Any]:
        """Return the bytes on the cluster: the scheduler keeps what makes them, so that no worker's end loses them."""
        packed, client = value.packed, self.cluster.client
        future = self.shared.get(packed.digest)
        if future is None or future.cancelled() or future.client is not client:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "Sending large graph")
                self.shared[packed.digest] = client.submit(held, packed, key=f"rnnfast-{packed.digest}")
        return self.shared[packed.digest]

    def _hear(self, event: tuple[float, Any]) -> None:
        """Take a message of a task, in the thread of the client."""
        key, message = event[1]
        self.queue.put((key, pickle.loads(message)))

    def _ended(self, key: str, future: Future[Any]) -> None:
        """Take the end of a task, in a thread of Dask."""
        self.queue.put((key, future))

    def _take(self, key: str, value: Any) -> None:
        """Take the end of a task, or a message, unless nobody waits for it any more."""
        attempt = self.attempts.get(key)
        if attempt is None:
            return
        if not isinstance(value, Future):
            attempt.heard = self.board.clock()
            self.on_message(attempt.number, value)
            return
        try:
            answer = value.result(timeout=CONNECT)
        except LOST:
            self.subscribed = None  # the scheduler may be another one
            self.board.again(attempt)
            self._forget(attempt)
        except Exception as error:
            self._forget(attempt)
            _check_versions(error, attempt.worker)
            self.board.fail(attempt, error)
        else:
            self._forget(attempt)
            self.board.finish(attempt, answer)
            self.on_answer(attempt.number, answer)

    def _forget(self, attempt: Attempt) -> None:
        """Let go of a task, also on its worker."""
        for key in [key for key, one in self.attempts.items() if one is attempt]:
            del self.attempts[key]
            future = self.futures.pop(key)
            if future.client is self.cluster.client and future.client.status == "running" and not future.done():
                future.cancel()


def _rpc(client: Client) -> Any:
    """Return what calls the scheduler."""
    return client.scheduler


def _check_versions(error: Exception, worker: str) -> None:
    """Raise UsageError for an error of a worker that has no rnnfast."""
    if isinstance(error, ModuleNotFoundError) and str(error.name).split(".")[0] == "rnnfast":
        raise UsageError(f"worker {worker} has no rnnfast; install the same version there as here") from None
    if isinstance(error, UsageError) and error.args[:1] == ("versions",):
        raise UsageError(f"worker {worker} {error.args[1]}") from None
