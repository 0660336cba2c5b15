"""A piece of work on a worker of a cluster: what it tells goes to the client, and nobody presses Ctrl-C there."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from rnnfast.cluster.task import Cancelled, Watch
from rnnfast.errors import TrainingInterrupted
from rnnfast.reporter import EpochRecord, Reporter, RunInfo
from rnnfast.training.stopping import Interrupt

RARELY = 0.2  # seconds between two epochs that are told


def away(function: Callable[..., Any], work: Any, arguments: tuple[Any, ...], watch: Watch) -> Any:
    """Run a piece of work, see `rnnfast.training.pool.Piece`. Raises Cancelled where nobody waits for it any more."""
    try:
        return function(work, *arguments, _Relay(watch), _Unwanted(watch))
    except TrainingInterrupted:  # which, as a KeyboardInterrupt, would end the worker
        raise Cancelled from None


class _Unwanted(Interrupt):
    """An Interrupt that is requested when nobody waits for the piece any more."""

    def __init__(self, watch: Watch) -> None:
        super().__init__()
        self._watch = watch

    @property
    def requested(self) -> bool:
        """Whether nobody waits for the piece."""
        return self._watch.cancelled


class _Relay(Reporter):
    """Tells the client what it is told, of the epochs some."""

    def __init__(self, watch: Watch) -> None:
        self._watch, self._last = watch, 0.0

    def notice(self, text: str) -> None:
        """Tell."""
        self._watch.tell(("notice", (text,)))

    def preset(self, chosen: Any) -> None:
        """Tell."""
        self._watch.tell(("preset", (chosen,)))

    def start(self, info: RunInfo) -> None:
        """Tell."""
        self._watch.tell(("start", (info,)))

    def compiling(self) -> None:
        """Tell."""
        self._watch.tell(("compiling", ()))

    def compiled(self, seconds: float) -> None:
        """Tell."""
        self._watch.tell(("compiled", (seconds,)))

    def epoch(self, record: EpochRecord) -> None:
        """Tell, unless another one was told just now."""
        if time.perf_counter() - self._last > RARELY:
            self._last = time.perf_counter()
            self._watch.tell(("epoch", (record,)))
