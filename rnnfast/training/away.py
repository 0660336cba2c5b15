"""A piece of work on a worker of a cluster.

What it tells goes to the client, and nobody presses Ctrl-C there. States of networks that a run goes on from come with
the piece, and what its networks have come to is told now and then: the client writes the checkpoints.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

from rnnfast.checkpoint.keeper import Keeper, Slot
from rnnfast.checkpoint.record import Network
from rnnfast.cluster.task import Cancelled, Watch
from rnnfast.config.forms import Interval
from rnnfast.config.resolve import Config
from rnnfast.errors import TrainingInterrupted
from rnnfast.reporter import EpochRecord, Reporter, RunInfo
from rnnfast.training.stopping import Interrupt

RARELY = 0.2  # seconds between two epochs that are told
STATES = 1.0  # seconds at least between two states of a network: they go by the scheduler, which holds some for a while
STATE = "state"  # a message with the name, the configuration and the state of a network; others are those of a Reporter


class Before(NamedTuple):
    """What a piece goes on from, and how often it tells how far it is.

    place: of the run among its stages; states: of networks, by their names; interval: between two states of a network.
    """

    place: str
    states: dict[str, Network]
    interval: Interval


class Answer(NamedTuple):
    """What a piece has come to. ended: configuration and state of networks whose training has ended, by their names."""

    value: Any
    ended: dict[str, tuple[Config, Network]]


def away(
    function: Callable[..., Any], work: Any, arguments: tuple[Any, ...], before: Before | None, watch: Watch
) -> Answer:
    """Run a piece of work, see `rnnfast.training.pool.Piece`; before: None where the run is not saved.

    Raises Cancelled where nobody waits for it any more.
    """
    interrupt, ended = _Unwanted(watch), dict[str, tuple[Config, Network]]()
    if before is not None:
        interrupt.slot = Slot(_FarKeeper(before, watch, ended), before.place)
    try:
        return Answer(function(work, *arguments, _Relay(watch), interrupt), ended)
    except TrainingInterrupted:  # which, as a KeyboardInterrupt, would end the worker
        raise Cancelled from None


class _FarKeeper(Keeper):
    """A Keeper that writes nothing: it tells the client the states of networks.

    ended: configuration and state of those whose training has ended, by their names, which is written.
    """

    def __init__(self, before: Before, watch: Watch, ended: dict[str, tuple[Config, Network]]) -> None:
        super().__init__(before.interval, before.states, {})
        self._watch, self._ended = watch, ended
        self._configs = dict[str, Config]()
        self._last: dict[str, tuple[float, int]] = {}  # moment and epochs when a network told its state

    def begin(self, name: str, epochs: int, config: Config) -> None:
        """Note how a network trains."""
        self._configs[name], self._last[name] = config, (time.monotonic(), epochs)

    def due(self, name: str, epochs: int) -> bool:
        """Whether it is time for a network to give its state; epochs: those that it has behind it."""
        moment, before = self._last[name]
        waited = time.monotonic() - moment
        return waited >= STATES and self.interval.passed(waited, epochs - before)

    def give(self, name: str, state: Network, now: bool = False) -> None:
        """Tell the state of a network that trains."""
        self._last[name] = time.monotonic(), state.record.epochs
        self._watch.tell((STATE, (name, self._configs[name], state)))

    def end(self, name: str, state: Network) -> None:
        """Take the state of a network whose training has ended."""
        self._ended[name] = self._configs[name], state


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
