"""The workers of a scheduler of Dask, by the interface of a cluster."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from typing import Any
from uuid import uuid4

from distributed import Client
from distributed.client import FutureCancelledError
from distributed.scheduler import KilledWorker

from rnnfast.cluster.board import Board
from rnnfast.cluster.run import Placed, Run
from rnnfast.cluster.shared import Shared
from rnnfast.cluster.task import Cluster, Hearing, Task
from rnnfast.cluster.versions import Caller, versions
from rnnfast.cluster.workers import CONNECT, Workers
from rnnfast.diagnose.machine import simd_bits
from rnnfast.diagnose.width import narrow
from rnnfast.errors import ClusterError, UsageError

KEPT = 200  # durations of tasks of one kind
NO_ANSWER = "no answer"
LOST = (FutureCancelledError, KilledWorker, TimeoutError)  # errors about a task that is not there any more


class DaskCluster(Cluster):
    """Runs tasks on workers, one on each of their threads."""

    def __init__(self, workers: Workers) -> None:
        self.workers, self.caller = workers, Caller(versions(), simd_bits())
        self.homes: dict[str, str] = {}
        self._shared: dict[str, Placed] = {}
        self._durations: dict[Callable[..., Any], deque[float]] = {}
        self._topic = f"rnnfast-{uuid4().hex}"  # of what tasks tell: the scheduler keeps topics, and the last of each

    @property
    def client(self) -> Client:
        """Dask's client of now."""
        return self.workers.client

    @property
    def slots(self) -> int:
        """Return the threads of all workers, 1 where there is none yet."""
        return self.workers.threads

    def agree(self) -> None:
        """Have all compute with vectors of one width, the narrowest; this process, too, which is told so.

        Workers that do not answer are named, and get no tasks before they have given a sign of life.
        Raises UsageError where this process has compiled for wider vectors already.
        """
        self.workers.look()
        answering = self.workers.answering
        widths, silent = self.each(simd_bits, among=answering, timeout=CONNECT)
        quiet = self.workers.alive.keys() - answering | {worker for worker in silent if silent[worker] == NO_ANSWER}
        for worker in sorted(quiet):
            self.workers.suspect(worker)
            self.workers.notice(f"worker {worker} does not answer: the run begins without it")
        every = sorted({self.caller.simd_bits, *widths.values()})
        if len(every) > 1:
            try:
                narrow(every[0])
            except UsageError as error:
                raise UsageError(f"this process {error}") from None
            shown = ", ".join(map(str, every))
            self.workers.notice(f"processors have vectors of {shown} bits: all compute with the narrowest")
        self.caller = self.caller._replace(simd_bits=every[0])

    def answers(self, tasks: Sequence[Task], hearing: Hearing) -> list[Any]:
        """Run tasks, see `Cluster.run`."""
        durations: deque[float] = deque(maxlen=KEPT)
        if tasks[0].home:  # rounds, of which each is like the ones before
            durations = self._durations.setdefault(tasks[0].function, durations)
        board = Board(tasks, self.homes, durations, self.workers.patience)
        run = Run(self.workers, board, self._topic, self.caller, hearing, self._shared)
        self.workers.begin()
        try:
            with run.subscription():
                while not board.complete:
                    hearing.check()
                    if self.workers.refresh():
                        run.leave()
                    run.submit()
                    run.take()
        except ClusterError as error:
            error.args = (f"{error.args[0]}; {len(board.answers)} of {len(tasks)} tasks were done",)
            raise
        finally:
            run.cancel()
            self._let_go(tasks)
        if board.failure is not None:
            raise board.failure
        return [board.answers[number] for number in range(len(tasks))]

    def _let_go(self, tasks: Sequence[Task]) -> None:
        """Keep on the cluster what these tasks read in common, as other trials may do, and nothing else."""
        digests = {value.packed.digest for task in tasks for value in task.arguments if isinstance(value, Shared)}
        for digest in self._shared.keys() - digests:
            del self._shared[digest]

    def each(
        self, function: Callable[..., Any], *arguments: Any, among: Collection[str], timeout: float
    ) -> tuple[dict[str, Any], dict[str, str]]:
        """Call a function on each of some workers, whatever their versions.

        Returns: worker -> answer, and worker -> why there is none after so many seconds.
        """
        futures = {
            address: self.client.submit(function, *arguments, workers=[address], pure=False) for address in among
        }
        answers, silent, end = {}, {}, time.monotonic() + timeout
        for address, future in futures.items():
            try:
                answers[address] = future.result(timeout=max(end - time.monotonic(), 0.0))
            except LOST:
                silent[address] = NO_ANSWER
            except Exception as error:
                silent[address] = f"{type(error).__name__}: {error}"
        return answers, silent

    @property
    def dashboard(self) -> str:
        """Return the address of Dask's dashboard."""
        services = self.client.scheduler_info()["services"]
        return str(self.client.dashboard_link) if "dashboard" in services else ""
