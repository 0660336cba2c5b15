"""When training ends before its last epoch: no better validation score, no time left, Ctrl-C or SIGTERM."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from types import FrameType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rnnfast.errors import TrainingInterrupted

if TYPE_CHECKING:
    from rnnfast.checkpoint.keeper import Slot


class EarlyStopping:
    """Remembers the weights that cost least on the validation part.

    patience: evaluations without a lower cost after which training stops; 0: it never does, and the last weights stay.
    average: so many epochs, those that cost least, are remembered.
    """

    def __init__(self, patience: int, average: int = 1) -> None:
        self.patience, self.average = patience, average
        self.best_cost = math.inf
        self.best_epoch = 0
        self.waited = 0
        self.best: list[tuple[float, int, NDArray[Any]]] = []  # cost, epoch, weights, the least cost first

    def better(self, cost: float, epoch: int, weights: NDArray[Any]) -> bool:
        """Record an evaluation; tells whether it is the best so far. NaN never is."""
        if self.patience and (cost < math.inf if len(self.best) < self.average else cost < self.best[-1][0]):
            self.best = sorted((*self.best, (cost, epoch, weights.copy())), key=lambda best: best[:2])[: self.average]
        if cost < self.best_cost:
            self.best_cost, self.best_epoch, self.waited = cost, epoch, 0
            return True
        self.waited += 1
        return False

    @property
    def weights(self) -> NDArray[Any] | None:
        """The mean of the weights that are remembered, in their precision; None where there are none."""
        if not self.best:
            return None
        weights = [best[2] for best in sorted(self.best, key=lambda best: best[1])]
        return np.mean(weights, axis=0, dtype=np.float64).astype(weights[0].dtype)

    @property
    def evaluations_left(self) -> float:
        """Evaluations after which training stops if none of them is better; infinite without patience."""
        return self.patience - self.waited if self.patience else math.inf

    @property
    def exhausted(self) -> bool:
        """Whether patience has run out."""
        return self.evaluations_left <= 0


class Deadline:
    """A limit on the time since it was made, in seconds; None: no limit. spent: of it, before."""

    def __init__(self, limit: float | None, spent: float = 0.0) -> None:
        self.end = math.inf if limit is None else time.perf_counter() + limit - spent

    @property
    def remaining(self) -> float:
        """Seconds until the time is over, infinite without a limit."""
        return self.end - time.perf_counter()

    @property
    def passed(self) -> bool:
        """Whether the time is over."""
        return self.remaining <= 0


class Phase(Enum):
    """What Ctrl-C would cut short, and what it does; SIGTERM does the same."""

    PREPARING = "preparing"  # leaves at once
    COMPILING = "compiling"  # leaves before the next function: an exception inside LLVM's calls ends in a crash
    TRAINING = "training"  # completes the epoch, or block, scores and saves; the second time leaves at once
    SCORING = "scoring"  # scores and saves; the second time leaves at once
    SAVING = "saving"  # all files are written


class Interrupt:
    """What a run does at Ctrl-C, by its phase, and whether it was asked to end.

    whole: that of the run, for a piece of work on another thread; tells: whether its training is that of the run. slot:
    where checkpoints of that training go; None: there are none.
    """

    def __init__(self, whole: Interrupt | None = None, *, tells: bool = True) -> None:
        self._whole, self._tells = whole, tells
        self._phase = Phase.PREPARING
        self._signal: int | None = None  # that asked to end
        self._cut = False
        self.twice = False  # whether Ctrl-C was pressed again
        self.slot: Slot | None = whole.slot if whole is not None and tells else None

    def of_piece(self) -> Interrupt:
        """Return the Interrupt of a piece of this run on another thread: it has phases of its own."""
        return Interrupt(self)

    def of_trials(self) -> Interrupt:
        """Return the Interrupt of pieces whose epochs are none of the run: its phase stays what it is."""
        return Interrupt(self, tells=False)

    @property
    def apart(self) -> bool:
        """Whether pieces must run on other threads, as this one leaves at once at Ctrl-C."""
        return self._whole is not None and not self._tells

    @property
    def phase(self) -> Phase:
        """What would be cut short."""
        return self._phase

    @phase.setter
    def phase(self, phase: Phase) -> None:
        self._phase = phase
        if self._whole is not None and self._tells and phase is Phase.TRAINING:
            self._whole.phase = phase

    @property
    def asked_by(self) -> int | None:
        """The signal that asked the run to end: SIGINT, which is Ctrl-C, or SIGTERM; None: none has."""
        return self._signal if self._whole is None else self._whole.asked_by

    @property
    def requested(self) -> bool:
        """Whether Ctrl-C was pressed."""
        return self.asked_by is not None

    @property
    def cut(self) -> bool:
        """Whether some training of the run was cut short."""
        return self._cut if self._whole is None else self._whole.cut

    def cut_short(self) -> None:
        """Note that some training was cut short."""
        self._cut = True
        if self._whole is not None:
            self._whole.cut_short()

    def press(self, announce: Callable[[str], None], number: int = signal.SIGINT) -> None:
        """Answer Ctrl-C, or another signal, as the phase says. Raises TrainingInterrupted where it leaves at once."""
        again, self._signal = self.requested, self._signal or number
        self.twice = again
        if self.phase is Phase.PREPARING:
            self.check()
        if self.phase in (Phase.TRAINING, Phase.SCORING) and again:
            raise self.error("interrupted twice; nothing is written")
        if self.phase is not Phase.SAVING and not again:
            announce(self.phase.value)

    def check(self) -> None:
        """Raise TrainingInterrupted where Ctrl-C was pressed before the first epoch."""
        if self.requested:
            self.cut_short()
            raise self.error("interrupted before the first epoch; nothing is written")

    def error(self, message: str, result: Any = None) -> TrainingInterrupted:
        """Make what is raised where the run was asked to end."""
        return TrainingInterrupted(message, result, self.asked_by or signal.SIGINT)


@contextmanager
def interruptible(announce: Callable[[str], None]) -> Iterator[Interrupt]:
    """Let Ctrl-C and SIGTERM end a run as the phase of its Interrupt says.

    announce: called with the phase where the run does not end at once.

    Only the main thread gets signals: elsewhere nothing changes. A program with an answer of its own to SIGTERM
    keeps it.
    """
    interrupt = Interrupt()
    if threading.current_thread() is not threading.main_thread():
        yield interrupt
        return

    def handle(number: int, frame: FrameType | None) -> None:
        interrupt.press(announce, number)

    taken = [signal.SIGINT]
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        taken.append(signal.SIGTERM)
    before = [signal.signal(number, handle) for number in taken]
    try:
        yield interrupt
    finally:
        for number, handler in zip(taken, before, strict=True):
            signal.signal(number, handler)
