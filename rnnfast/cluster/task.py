"""What runs on a cluster, and the interface of a cluster.

A task is a pure function of small arguments: what it returns depends on these alone, so that it may run anywhere, again
and twice. Its function stands in a module, so that workers find it by name.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

Listener = Callable[[int, Any], None]  # place of a task among those of a run, and its answer, or what it tells

ANSWER = 0.1  # seconds after which a run looks for Ctrl-C


class Task(NamedTuple):
    """A call of `function(*arguments, watch)`, where watch is a `Watch`; arguments may be `Shared`.

    name: in messages, as in "fold 3". home: tasks with the same one go to the same worker, run after run, while it
    lives: it keeps something on its disk that others would have to make again.
    """

    name: str
    function: Callable[..., Any]
    arguments: tuple[Any, ...] = ()
    home: str = ""


class Cancelled(Exception):
    """Nobody waits for the answer of a task any more."""


class Watch:
    """What a task has of the run that waits for it."""

    @property
    def cancelled(self) -> bool:
        """Whether nobody waits for the answer any more."""
        return False

    @property
    def scratch(self) -> Path | None:
        """Where large files of a task may lie until its worker ends; None: among the temporary files of the system."""
        return None

    @property
    def memory(self) -> int | None:
        """Bytes that the process of a task may take, None where nobody says."""
        return None

    def check(self) -> None:
        """Raise Cancelled where nobody waits for the answer any more."""
        if self.cancelled:
            raise Cancelled

    def tell(self, message: Any) -> None:
        """Tell the run how the task gets on, in a small message of plain values; None: that it is alive."""


def ignore(number: int, value: Any) -> None:
    """Take what nobody asked for."""


def nothing() -> None:
    """Check nothing."""


class Hearing(NamedTuple):
    """Who hears of a run. on_answer, on_message, check: as of `Cluster.run`."""

    on_answer: Listener
    on_message: Listener
    check: Callable[[], None]


class Cluster(ABC):
    """What runs tasks. words: of a command line, that name it to a run that goes on."""

    words: Sequence[str] = ()

    @property
    @abstractmethod
    def slots(self) -> int:
        """How many tasks run at a time now; 1 at least."""

    @property
    def dashboard(self) -> str:
        """Address of a page that shows the cluster, "" where there is none."""
        return ""

    def run(
        self,
        tasks: Sequence[Task],
        *,
        on_answer: Listener = ignore,
        on_message: Listener = ignore,
        check: Callable[[], None] = nothing,
    ) -> list[Any]:
        """Run tasks, and return their answers in the order of the tasks.

        on_answer, on_message: called in this thread with each answer as it comes, and with what tasks tell.
        check: called every tenth of a second; what it raises ends the run.
        Raises: what a task raises, on a cluster the second time; ClusterError where there is no worker, or no answer,
        for too long. Nothing waits for tasks that still run then.
        """
        return self.answers(tasks, Hearing(on_answer, on_message, check)) if tasks else []

    @abstractmethod
    def answers(self, tasks: Sequence[Task], hearing: Hearing) -> list[Any]:
        """Do what `run` says; tasks: one at least."""
