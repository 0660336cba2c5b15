"""Who works for a scheduler of Dask: which workers there are, which get tasks, and whether there are any."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

from distributed import Client

from rnnfast.cluster.board import PATIENCE
from rnnfast.errors import ClusterError

REFRESH = 1.0  # seconds between two looks
SOON = 0.1  # the same while workers are about to begin
CONNECT = 10.0  # seconds that the scheduler may take for an answer
PAUSED = "paused"  # what Dask calls a worker that is short of memory
QUIET = 10.0  # seconds without a heartbeat, of which workers have one each second, or each ten where they are thousands


class Sign(NamedTuple):
    """The last sign of life of a worker that the scheduler has: by its clock, and when this process saw it, by ours."""

    last: float
    moment: float


class Workers:
    """The workers of a scheduler. Attributes: client; alive, what the scheduler says of each worker, by its address.

    connect: makes a client, again where the scheduler went away; wait: seconds without any worker after which a run
    ends; notice: is told of workers that come and go. revive: is called now and then to start workers in the place of
    lost ones, where nobody else does. expected: workers that are about to begin. patience: seconds after which a worker
    that the scheduler has heard nothing of is frozen.
    """

    def __init__(
        self,
        connect: Callable[[float], Client],
        wait: float,
        notice: Callable[[str], None],
        revive: Callable[[], None] = lambda: None,
        expected: int = 0,
    ) -> None:
        self._connect, self._wait, self.notice, self.patience = connect, wait, notice, PATIENCE
        self._revive, self._expected = revive, expected
        self.client = connect(wait)
        self.address = str(_rpc(self.client).address)
        self.alive: dict[str, dict[str, Any]] = {}
        self._signs: dict[str, Sign] = {}
        self._suspects: dict[str, float] = {}  # worker that was silent -> its last sign of life then
        self._looked = self._worked = time.monotonic()  # when they were looked at, and there was one that gets tasks
        self.look()

    @property
    def threads(self) -> int:
        """Tasks that all of them run at a time, also of those that are about to begin; 1 where there is none."""
        return max(sum(int(worker["nthreads"]) for worker in self.alive.values()), self._expected, 1)

    @property
    def connected(self) -> bool:
        """Whether the scheduler is there."""
        return bool(self.client.status == "running")

    @property
    def free(self) -> dict[str, int]:
        """The workers that get tasks, with their threads: not those that are short of memory, or silent."""
        return {
            address: worker["nthreads"]
            for address, worker in self.alive.items()
            if worker["status"] == "running" and address not in self._suspects
        }

    @property
    def frozen(self) -> set[str]:
        """The workers that the scheduler has heard nothing of for too long."""
        now = time.monotonic()
        return {address for address in self.alive if now - self._signs[address].moment > self.patience}

    @property
    def answering(self) -> list[str]:
        """The workers of which the scheduler has heard lately, by the newest that it has heard."""
        newest = max((worker["last_seen"] for worker in self.alive.values()), default=0.0)
        return [address for address, worker in self.alive.items() if newest - worker["last_seen"] <= QUIET]

    def suspect(self, worker: str) -> None:
        """Give no tasks to a worker until the scheduler has heard of it again."""
        if worker in self.alive:
            self._suspects[worker] = self._signs[worker].last

    def begin(self) -> None:
        """Wait for workers from now on, and see who has come and gone."""
        self._worked = time.monotonic()
        self.look()

    def complete(self) -> None:
        """Wait for those that are about to begin, some of which may never. Raises ClusterError where none begins."""
        self.begin()
        end = time.monotonic() + self._wait
        while self._expected and time.monotonic() < end:
            time.sleep(SOON)
            self.refresh()

    def refresh(self) -> bool:
        """Look at them where the last time is a while ago, and tell whether that was so.

        Raises ClusterError where there has been none for too long.
        """
        if time.monotonic() - self._looked <= (REFRESH if not self._expected else SOON):
            return False
        self.look()
        pause = time.monotonic() - self._worked
        if pause > self._wait:
            what = "has no worker" if self.connected else "does not answer"
            if any(worker["status"] == PAUSED for worker in self.alive.values()):
                what = "has only workers that are short of memory (give them more, or less by --memory), and no other"
            raise ClusterError(f"the scheduler at {self.address} {what} for {pause:.0f} s (--wait-timeout)")
        return True

    def look(self) -> None:
        """See which workers there are."""
        self._revive()
        before, self.alive = self.alive, self._described()
        self._looked = now = time.monotonic()
        for address, worker in self.alive.items():
            if address not in self._signs or self._signs[address].last != worker["last_seen"]:
                self._signs[address] = Sign(worker["last_seen"], now)
        for address, last in list(self._suspects.items()):
            if address not in self.alive or self._signs[address].last != last:
                del self._suspects[address]
        complete = not self._expected
        if len(self.alive) >= self._expected:
            self._expected = 0
        if before and self.connected and complete:
            for address in before.keys() - self.alive.keys():
                self.notice(f"lost worker {address}; {len(self.alive)} left")
            for address in self.alive.keys() - before.keys():
                self.notice(f"worker {address} joined; {len(self.alive)} now")
        if self.free:
            self._worked = now

    def _described(self) -> dict[str, dict[str, Any]]:
        """Ask the scheduler for its workers; none where it does not answer."""
        if self.client.status == "closed":
            try:
                self.client = self._connect(CONNECT)
            except (OSError, TimeoutError):
                return {}
        if not self.connected:
            return {}
        try:
            identity = self.client.sync(_rpc(self.client).identity, n_workers=-1, callback_timeout=CONNECT)
        except (OSError, TimeoutError):
            return {}
        workers: dict[str, dict[str, Any]] = identity["workers"]
        return workers


def _rpc(client: Client) -> Any:
    """Return what calls the scheduler."""
    return client.scheduler
