"""What a checkpoint holds: which run it is of, and how far the training of each of its networks has come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from rnnfast.records import UNSET, Count, Record, Share, UnsetType

Arrays = Mapping[str, NDArray[Any]]


class Origin(Record, frozen=True, kw_only=True):
    """What a run follows from, and so what must be the same where it goes on.

    command: train, cv or tune; options: those of a training run that are given, by their names; more: those of the
    command beside them; tables: digest of each table by its option; versions: of what computes, by its name.
    """

    command: str
    options: dict[str, Any]
    more: dict[str, Any]
    tables: dict[str, str]
    versions: dict[str, str]


class Choice(Record, frozen=True, kw_only=True):
    """What a race has chosen, which need not be run again.

    options: all of the run; explicit: names of those that somebody gave; chosen: what the preset tells of its choices.
    """

    options: dict[str, Any]
    explicit: tuple[str, ...]
    chosen: dict[str, Any]


class Place(Record, frozen=True, kw_only=True):
    """How far the epochs have come: fields as of training.feed.Place; generator: words of the state of a PCG64."""

    generator: tuple[str, str, str, str]
    epoch: Count
    block: Count
    updates: Count
    loss: float
    mass: float
    steps: Count


class Divergence(Record, frozen=True, kw_only=True):
    """Where training diverged, fields as of DivergedError."""

    message: str
    epoch: Count
    step: Count


class Progress(Record, frozen=True, kw_only=True):
    """What training goes on from beside its arrays, for a network that has not ended.

    place: in the epochs. updates: counters of the optimizer. rate: factor of the learning rate, best cost and
    evaluations waited of a schedule that watches. stopping: best cost and evaluations waited of the patience.
    remembered: cost and epoch of each of the best weights.
    """

    place: Place
    updates: tuple[Count, Count, Count]
    rate: tuple[float, float, Count]
    stopping: tuple[float, Count]
    remembered: tuple[tuple[float, Count], ...]


class NetworkRecord(Record, frozen=True, kw_only=True):
    """How far the training of a network has come.

    start: digest of what it began with: cell and weights. seconds: of training, of validation, and of both with what is
    between them. clipped: share of the updates whose gradient was clipped, None where none can be. progress: UNSET
    where it has ended, and its weights are the chosen ones.
    """

    start: str
    epochs: Count
    best_epoch: Count
    stopped: str
    history: tuple[dict[str, Any], ...]
    seconds: tuple[float, float, float]
    clipped: Share | None = None
    diverged: Divergence | UnsetType = UNSET
    progress: Progress | UnsetType = UNSET


class Header(Record, frozen=True, kw_only=True):
    """What a checkpoint holds beside its arrays. run: name that tells its run from any other; number: in this run."""

    run: str
    number: Count
    origin: Origin
    choices: dict[str, Choice]
    networks: dict[str, NetworkRecord]


@dataclass(frozen=True)
class Network:
    """The state of a network's training. arrays: weights and moments by their names, see training/state.py."""

    record: NetworkRecord
    arrays: Arrays

    @property
    def trains(self) -> bool:
        """Whether its training has not ended."""
        return self.record.progress is not UNSET


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint. choices, networks: by the stage of the run, networks also by their number in it."""

    run: str
    number: int
    origin: Origin
    choices: Mapping[str, Choice]
    networks: Mapping[str, Network]
