"""What a worker of Dask does with a task."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

from distributed import Worker, get_worker

from rnnfast.cluster.shared import Packed
from rnnfast.cluster.task import Watch
from rnnfast.cluster.versions import Caller

GONE = ("cancelled", "resumed")  # states of a task that the client has let go of while it runs


def call(function: Callable[..., Any], topic: str, caller: Caller, *arguments: Any) -> Any:
    """Run a task; what it tells goes to a topic."""
    caller.check()
    worker = get_worker()
    watch = _There(worker, topic, str(worker.get_current_task()))
    if any(isinstance(argument, Packed) for argument in arguments):
        watch.tell(None)  # that it waits no longer for another worker to hand it on
    values = (argument.opened() if isinstance(argument, Packed) else argument for argument in arguments)
    return function(*values, watch)


def held(packed: Packed) -> Packed:
    """Return what many tasks read: a task of its own, whose result workers hand on to each other."""
    return packed


class _There(Watch):
    """What a task on a worker has of its run."""

    def __init__(self, worker: Worker, topic: str, key: str) -> None:
        self._worker, self._topic, self._key = worker, topic, key

    @property
    def cancelled(self) -> bool:
        """Whether the client has let go of the task."""
        state = self._worker.state.tasks.get(self._key)
        return state is None or state.state in GONE

    @property
    def scratch(self) -> Path:
        """The directory of the worker, which goes with it."""
        return Path(self._worker.local_directory)

    @property
    def memory(self) -> int | None:
        """What the worker may take of its `--memory-limit` before Dask gives it no more tasks."""
        manager = self._worker.memory_manager
        return manager.memory_limit and int(manager.memory_limit * (manager.memory_pause_fraction or 1.0))

    def tell(self, message: Any) -> None:
        """Send a message to the client, by the scheduler."""
        self._worker.log_event(self._topic, (self._key, pickle.dumps(message)))
