"""All that tests know of the kernels' insides: a change of their signatures is followed here alone."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from numba.core import event
from numba.core.dispatcher import Dispatcher

ENGINES = ("small", "packed")


def works(trainer: Any) -> list[Any]:
    """The workspaces of a trainer's threads."""
    return [worker.work for worker in trainer.workers]


class _Compilations(event.Listener):
    """Notes the names of the kernels that are compiled for Python, without the parts that they consist of."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self._depth = 0

    def on_start(self, event: event.Event) -> None:
        if self._depth == 0:
            self.names.append(event.data["dispatcher"].py_func.__qualname__)
        self._depth += 1

    def on_end(self, event: event.Event) -> None:
        self._depth -= 1


@contextmanager
def compilations() -> Iterator[list[str]]:
    """Yield the list of the kernels that are compiled within the block, by name, as it grows."""
    listener = _Compilations()
    with event.install_listener("numba:compile", listener):
        yield listener.names


def loaded() -> int:
    """Kernels that this process has loaded from the cache instead of compiling them."""
    kernels = {
        value
        for name, module in list(sys.modules.items())
        if name.startswith("rnnfast.kernels")
        for value in vars(module).values()
        if isinstance(value, Dispatcher)
    }
    return sum(sum(kernel.stats.cache_hits.values()) for kernel in kernels)
