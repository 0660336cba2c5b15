"""When training ends before its last epoch: no better validation loss, no time left, Ctrl-C."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from numpy.typing import NDArray


class EarlyStopping:
    """Remembers the best weights by validation loss.

    patience: evaluations without a better loss after which training stops; 0: it never does, and the last weights stay.
    """

    def __init__(self, patience: int) -> None:
        self.patience = patience
        self.best_loss = float("inf")
        self.best_epoch = 0
        self.waited = 0
        self.weights: NDArray[Any] | None = None

    def better(self, loss: float, epoch: int, weights: NDArray[Any]) -> bool:
        """Record an evaluation; tells whether it is the best so far. NaN never is."""
        if loss < self.best_loss:
            self.best_loss, self.best_epoch, self.waited = loss, epoch, 0
            self.weights = weights.copy() if self.patience else None
            return True
        self.waited += 1
        return False

    @property
    def exhausted(self) -> bool:
        """Whether patience has run out."""
        return self.patience > 0 and self.waited >= self.patience


class Deadline:
    """A limit on the time since it was made; None: no limit."""

    def __init__(self, limit: float | None) -> None:
        self.end = float("inf") if limit is None else time.perf_counter() + limit

    @property
    def passed(self) -> bool:
        """Whether the time is over."""
        return time.perf_counter() >= self.end


class Interrupt:
    """Set by the first Ctrl-C inside `interruptible`."""

    def __init__(self) -> None:
        self.requested = False


@contextmanager
def interruptible(announce: Callable[[], None] | None = None) -> Iterator[Interrupt]:
    """Turn the first Ctrl-C into a request to stop after the running epoch; the second one leaves at once.

    announce: called at the first one.

    Only the main thread gets signals: elsewhere nothing changes.
    """
    interrupt = Interrupt()
    if threading.current_thread() is not threading.main_thread():
        yield interrupt
        return

    def handle(number: int, frame: FrameType | None) -> None:
        if interrupt.requested:
            raise KeyboardInterrupt
        interrupt.requested = True
        if announce is not None:
            announce()

    before = signal.signal(signal.SIGINT, handle)
    try:
        yield interrupt
    finally:
        signal.signal(signal.SIGINT, before)
