"""Tasks on their way to workers of Dask and back, in one run.

The client hands each task to a worker itself, one to each thread, and Dask carries it there: so a run knows what runs
where and since when. No actors, no scattered data: Dask loses both with their worker. What workers answer is small, and
fetched as it comes.
"""

from __future__ import annotations

import asyncio
import pickle
import warnings
from collections.abc import Collection, Iterator
from concurrent.futures import CancelledError
from concurrent.futures import Future as Fetched
from contextlib import contextmanager
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple
from uuid import uuid4

from distributed import Client, Future
from distributed.scheduler import KilledWorker

from rnnfast.cluster.board import Attempt, Board
from rnnfast.cluster.call import call, held
from rnnfast.cluster.shared import Shared
from rnnfast.cluster.task import ANSWER, Hearing
from rnnfast.cluster.versions import Caller
from rnnfast.cluster.workers import Workers
from rnnfast.errors import UsageError

PRESENT = ("pending", "finished")  # states of a future that is worth waiting for


class Placed(NamedTuple):
    """What many tasks read, as it lies on the cluster. workers: those that it was meant for when it was sent."""

    future: Future[Any]
    workers: frozenset[str]


class Run:
    """The tasks of a board that are on their way to workers, and what comes back.

    topic: of what tasks tell; caller: this process; hearing: who is told. shared: what many tasks read, by the
    digest of it, as it lies on the cluster; it outlasts a run and is written.
    """

    def __init__(
        self,
        workers: Workers,
        board: Board,
        topic: str,
        caller: Caller,
        hearing: Hearing,
        shared: dict[str, Placed],
    ) -> None:
        self.workers, self.board, self.hearing = workers, board, hearing
        self.topic, self.caller = topic, caller
        self.queue: SimpleQueue[tuple[str, Any]] = SimpleQueue()  # key of an attempt, and its answer or a message
        self.attempts: dict[str, Attempt] = {}
        self.futures: dict[str, Future[Any]] = {}
        self.shared, self.frozen = shared, set[str]()
        self.subscriber: Client | None = None

    @contextmanager
    def subscription(self) -> Iterator[None]:
        """Hear what tasks tell."""
        try:
            yield
        finally:
            if self.subscriber is not None and self.subscriber.status == "running":
                self.subscriber.unsubscribe_topic(self.topic)

    def submit(self) -> None:
        """Send tasks to workers that have time for them."""
        client = self.workers.client
        if client is not self.subscriber:
            self.subscriber = client
            client.subscribe_topic(self.topic, self._hear)
        for attempt in self.board.assign(self.workers.free):
            task, key = self.board.tasks[attempt.number], f"{self.topic}-{uuid4().hex}"
            arguments = [self._shared(value) if isinstance(value, Shared) else value for value in task.arguments]
            self.attempts[key] = attempt
            attempt.waits = any(isinstance(value, Shared) for value in task.arguments)
            self.futures[key] = future = client.submit(
                call, task.function, self.topic, self.caller, *arguments,
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
        frozen = self.workers.frozen
        if frozen - self.frozen:
            for worker in frozen:
                self.workers.suspect(worker)
            self._share_anew(frozen)
        self.frozen = frozen
        for attempt in self.board.silent(frozen):
            self.workers.suspect(attempt.worker)
            name = self.board.tasks[attempt.number].name
            self.workers.notice(f"no sign of life from worker {attempt.worker}: {name} runs elsewhere")
            self.board.give_up(attempt)
            self._forget(attempt)

    def leave(self) -> None:
        """Take back the tasks of workers that are gone."""
        for worker in {attempt.worker for attempt in self.board.running} - self.workers.alive.keys():
            if self.workers.connected:
                attempts = self.board.lose(worker)
            else:  # nobody knows what became of the worker
                self.subscriber = None
                attempts = [attempt for attempt in self.board.running if attempt.worker == worker]
                for attempt in attempts:
                    self.board.again(attempt)
            for attempt in attempts:
                self._forget(attempt)
        free = self.workers.free.keys()
        if free and any(free.isdisjoint(placed.workers) for placed in self.shared.values()):
            self._share_anew(())

    def cancel(self) -> None:
        """Let go of all tasks that are on their way."""
        for attempt in list(self.attempts.values()):
            self._forget(attempt)

    def _share_anew(self, frozen: Collection[str]) -> None:
        """Have what many tasks read held by the workers of now, as nobody gets it of those that are frozen.

        Nor of those that joined since: where all others were lost at once Dask makes it again on the former alone.
        """
        self.shared.clear()
        for attempt in list(self.board.running):
            if attempt.waits and attempt.worker not in frozen:
                self.board.again(attempt)
                self._forget(attempt)

    def _shared(self, value: Shared) -> Future[Any]:
        """Return the bytes on the cluster: the scheduler keeps what makes them, so that no worker's end loses them."""
        packed, client = value.packed, self.workers.client
        placed = self.shared.get(packed.digest)
        if placed is None or placed.future.status not in PRESENT or placed.future.client is not client:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "Sending large graph")
                workers = frozenset(self.workers.free)
                where: dict[str, Any] = {"workers": list(workers), "allow_other_workers": True}
                key = f"rnnfast-{packed.digest}-{uuid4().hex}"
                placed = Placed(client.submit(held, packed, key=key, **where), workers)
                self.shared[packed.digest] = placed
        return placed.future

    def _hear(self, event: tuple[float, Any]) -> None:
        """Take a message of a task, in the thread of the client."""
        key, message = event[1]
        self.queue.put((key, pickle.loads(message)))

    def _ended(self, key: str, future: Future[Any]) -> None:
        """Have the answer of a task fetched that has ended, in a thread of Dask: its worker may be gone by now."""
        if key in self.attempts:
            fetched = asyncio.run_coroutine_threadsafe(_fetched(future), future.client.loop.asyncio_loop)
            fetched.add_done_callback(lambda answer: self.queue.put((key, answer)))

    def _take(self, key: str, value: Any) -> None:
        """Take the end of a task, or a message, unless nobody waits for it any more."""
        attempt = self.attempts.get(key)
        if attempt is None:
            return
        if not isinstance(value, Fetched):
            attempt.sign, attempt.waits = self.board.clock(), False
            if value is not None:
                self.hearing.on_message(attempt.number, value)
            return
        try:
            answer = value.result()
        except CancelledError:
            self.subscriber = None  # the scheduler may be another one
            self.board.again(attempt)
            self._forget(attempt)
        except Exception as error:
            raised = self.futures[key].status == "error"  # else the answer was lost on its way here
            self._forget(attempt)
            if isinstance(error, KilledWorker) or (isinstance(error, OSError) and not raised):
                self.board.drop(attempt)
                return
            _check_versions(error, attempt.worker)
            self.board.fail(attempt, error)
        else:
            self._forget(attempt)
            self.board.finish(attempt, answer)
            self.hearing.on_answer(attempt.number, answer)

    def _forget(self, attempt: Attempt) -> None:
        """Let go of a task, also on its worker."""
        for key in [key for key, one in self.attempts.items() if one is attempt]:
            del self.attempts[key]
            future = self.futures.pop(key)
            if future.client is self.workers.client and future.client.status == "running" and not future.done():
                future.cancel()


async def _fetched(future: Future[Any]) -> Any:
    """Return an answer, or raise the error of its task."""
    return await future.client.gather(future, asynchronous=True)


def _check_versions(error: Exception, worker: str) -> None:
    """Raise UsageError for an error of a worker that has no rnnfast."""
    if isinstance(error, ModuleNotFoundError) and str(error.name).split(".")[0] == "rnnfast":
        raise UsageError(f"worker {worker} has no rnnfast; install the same version there as here") from None
    if isinstance(error, UsageError) and error.args[:1] == ("versions",):
        raise UsageError(f"worker {worker} {error.args[1]}") from None
