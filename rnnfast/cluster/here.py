"""Tasks on threads of this process, by the interface of a cluster."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from queue import Empty, SimpleQueue
from threading import Event
from typing import Any

from rnnfast.cluster.shared import Shared
from rnnfast.cluster.task import ANSWER, Cluster, Hearing, Task, Watch


class InProcess(Cluster):
    """Runs tasks on so many threads of this process."""

    def __init__(self, threads: int = 1) -> None:
        self._threads = threads

    @property
    def slots(self) -> int:
        """Return the number of threads."""
        return self._threads

    def answers(self, tasks: Sequence[Task], hearing: Hearing) -> list[Any]:
        """Run tasks, see `Cluster.run`; the first error ends the run when the tasks that run have ended."""
        stop, queue, answers = Event(), SimpleQueue[tuple[int, Any]](), dict[int, Any]()
        with ThreadPoolExecutor(self._threads) as executor:
            try:
                for number, task in enumerate(tasks):
                    future = executor.submit(_call, task, _Here(stop, queue, number))
                    future.add_done_callback(partial(_put, queue, number))
                while len(answers) < len(tasks):
                    hearing.check()
                    try:
                        number, value = queue.get(timeout=ANSWER)
                    except Empty:
                        continue
                    if isinstance(value, Future):
                        answers[number] = value.result()
                        hearing.on_answer(number, answers[number])
                    else:
                        hearing.on_message(number, value)
            finally:
                stop.set()
                executor.shutdown(wait=False, cancel_futures=True)  # leaving waits for the tasks that run
        return [answers[number] for number in range(len(tasks))]


class _Here(Watch):
    """What a task on a thread of this process has of its run."""

    def __init__(self, stop: Event, queue: SimpleQueue[tuple[int, Any]], number: int) -> None:
        self._stop, self._queue, self._number = stop, queue, number

    @property
    def cancelled(self) -> bool:
        """Whether the run has ended."""
        return self._stop.is_set()

    def tell(self, message: Any) -> None:
        """Hand a message to the thread of the run."""
        self._queue.put((self._number, message))


def _put(queue: SimpleQueue[tuple[int, Any]], number: int, future: Future[Any]) -> None:
    """Say that a task has ended."""
    queue.put((number, future))


def _call(task: Task, watch: Watch) -> Any:
    """Run a task."""
    watch.check()
    arguments = (argument.value if isinstance(argument, Shared) else argument for argument in task.arguments)
    return task.function(*arguments, watch)
