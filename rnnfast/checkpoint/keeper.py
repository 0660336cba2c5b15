"""Saving a run while it trains: what its networks have come to, so often as --checkpoint says.

A network gives its state between two calls of the kernel, where it is asked whether it is time. Networks of one run
know nothing of each other, so that a checkpoint may hold states of different moments: it is written when all that train
have given one.
"""

from __future__ import annotations

import secrets
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from threading import RLock

from rnnfast.checkpoint.record import Checkpoint, Choice, Network, Origin
from rnnfast.checkpoint.store import discard, keep
from rnnfast.config.forms import Interval
from rnnfast.config.resolve import Config


class Keeper(ABC):
    """Holds what the networks of a run have come to, by their names.

    interval: between two states of a network. choices: of races, by the stage of the run.
    """

    def __init__(self, interval: Interval, states: Mapping[str, Network], choices: Mapping[str, Choice]) -> None:
        self.interval, self.choices = interval, dict(choices)
        self._states, self._away, self._lock = dict(states), set[str](), RLock()

    def state(self, name: str) -> Network | None:
        """Return the state that a network goes on from."""
        with self._lock:
            return self._states.get(name)

    def states_of(self, slot: Slot) -> dict[str, Network]:
        """Return the states of a stage, or network, by their names."""
        with self._lock:
            return {name: state for name, state in self._states.items() if f"{name}/".startswith(f"{slot.name}/")}

    def take(self, name: str, config: Config, state: Network) -> None:
        """Take the state of a network that trains on a worker of a cluster."""
        if name not in self._away:
            self._away.add(name)
            self.begin(name, 0, config)
        (self.give if state.trains else self.end)(name, state)

    @abstractmethod
    def begin(self, name: str, epochs: int, config: Config) -> None:
        """Note that a network trains from now on; epochs: those that it has behind it."""

    @abstractmethod
    def due(self, name: str, epochs: int) -> bool:
        """Whether it is time for a network to give its state; epochs: those that it has behind it."""

    @abstractmethod
    def give(self, name: str, state: Network, now: bool = False) -> None:
        """Take the state of a network that trains; now: whether it may be the last one."""

    @abstractmethod
    def end(self, name: str, state: Network) -> None:
        """Take the state of a network whose training has ended."""


class DiskKeeper(Keeper):
    """Writes the checkpoints of a run.

    interval: between them. origin: says what the run follows from, and home returns its directory, which it makes, by
    the configuration of a network; both are called when the first one is written. before: what the run goes on from,
    a checkpoint of `directory`.
    Attributes: directory, where checkpoints are, None where none is.
    """

    def __init__(
        self,
        interval: Interval,
        origin: Callable[[], Origin],
        home: Callable[[Config], Path],
        before: Checkpoint | None = None,
        directory: Path | None = None,
    ) -> None:
        super().__init__(interval, *({}, {}) if before is None else (before.networks, before.choices))
        self._home = home
        self._find_origin, self._origin = origin, None if before is None else before.origin
        self._run = secrets.token_hex(8) if before is None else before.run
        self._last = 0 if before is None else before.number
        self._config = Config()
        self._training: dict[str, int] = {}  # networks that train -> epochs when they gave a state
        self._moments: dict[str, float] = {}  # and the moments when they did, since the last checkpoint
        self._written, self._unsaved, self._wrote = time.monotonic(), False, False
        self.directory = directory

    @property
    def command(self) -> str:
        """The command that goes on with the run, once there is a checkpoint."""
        assert self._origin is not None
        return f"rnnfast {self._origin.command} --resume {self.directory}"

    @property
    def holds_any(self) -> bool:
        """Whether there is anything to go on from."""
        return bool(self._states)

    @property
    def slot(self) -> Slot:
        """The place of all networks of the run."""
        return Slot(self, "")

    def begin(self, name: str, epochs: int, config: Config) -> None:
        """Note that a network trains from now on; epochs: those that it has behind it."""
        with self._lock:
            self._training[name], self._config = epochs, config

    def due(self, name: str, epochs: int) -> bool:
        """Whether it is time for a network to give its state; epochs: those that it has behind it."""
        waited = time.monotonic() - self._moments.get(name, self._written)
        return self.interval.passed(waited, epochs - self._training[name])

    def give(self, name: str, state: Network, now: bool = False) -> None:
        """Take the state of a network that trains; write where all have given one, one a second time, or now."""
        with self._lock:
            again = name in self._moments
            self._states[name], self._moments[name], self._unsaved = state, time.monotonic(), True
            self._training[name] = state.record.epochs
            if now or again or self._moments.keys() >= self._training.keys():
                self.save()

    def end(self, name: str, state: Network) -> None:
        """Take the state of a network whose training has ended."""
        with self._lock:
            due = self.due(name, state.record.epochs)
            self._states[name], self._unsaved = state, True
            self._training.pop(name, None)
            self._moments.pop(name, None)
            if due:
                self.save()

    def save_rest(self) -> None:
        """Write what came since the last checkpoint, if anything."""
        with self._lock:
            if self._unsaved:
                self.save()

    def save(self) -> None:
        """Write what is there. Raises RnnfastError where that fails; the checkpoints before it stay."""
        with self._lock:
            if self.directory is None or not self._wrote:
                self.directory, self._wrote = self._home(self._config), True
                discard(self.directory, self._last)  # damaged ones, or those of a run that this one replaces
            if self._origin is None:
                self._origin = self._find_origin()
            checkpoint = Checkpoint(self._run, self._last + 1, self._origin, self.choices, dict(self._states))
            keep(self.directory, checkpoint)
            self._last = checkpoint.number
            self._written, self._unsaved = time.monotonic(), False
            self._moments.clear()

    def leave(self) -> None:
        """Remove all checkpoints, and the directory where nothing else is in it."""
        if self.directory is not None:
            discard(self.directory)
            with suppress(OSError):
                self.directory.rmdir()


class Slot:
    """The place of a stage of a run, or of a network, among those that a Keeper keeps. name: of it."""

    def __init__(self, keeper: Keeper, name: str) -> None:
        self.keeper, self.name = keeper, name

    def of(self, name: str) -> Slot:
        """Return a place inside this one."""
        return Slot(self.keeper, f"{self.name}/{name}" if self.name else name)
