"""One model behind a port: its answers, the states of its ids, and what it has done so far."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict, deque
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from rnnfast.data.reading.live import LiveRows
from rnnfast.errors import UsageError
from rnnfast.model import Model, load
from rnnfast.model.live.checks import cannot_stream
from rnnfast.model.live.stream import MOST_IDS, Stream
from rnnfast.online.session import Session, Shown
from rnnfast.online.states import States, digest_of

REMEMBERED = 1000  # requests whose times are kept
DIGITS = 12  # of a digest, in the name of a file


class Limits(NamedTuple):
    """How long states live, as of `Stream`, and the directory that keeps them, or None."""

    max_ids: int = MOST_IDS
    ttl: float | None = None
    max_gap: float | None = None
    states: Path | None = None


class Tally:
    """What a model has answered, through all versions of it.

    counts: rows and refused rows by endpoint, and alarms; seconds: of the last requests to each endpoint, in which
    `requests` and `total` count all of them.
    """

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()
        self.seconds: dict[str, deque[float]] = {}
        self.requests: Counter[str] = Counter()
        self.total: defaultdict[str, float] = defaultdict(float)

    def add(self, endpoint: str, rows: int, refused: int, alarms: int) -> None:
        """Count answers."""
        self.counts[endpoint, "rows"] += rows
        self.counts[endpoint, "refused"] += refused
        self.counts[endpoint, "alarms"] += alarms

    def took(self, endpoint: str, seconds: float) -> None:
        """Take the time of a request."""
        self.seconds.setdefault(endpoint, deque(maxlen=REMEMBERED)).append(seconds)
        self.requests[endpoint] += 1
        self.total[endpoint] += seconds


class Served:
    """A version of a model.

    users: requests in progress. stream: None of a model that cannot stream, for the `reason`. rows: that its states
    have seen. lock: held by who works with the states. Raises as `load`, and as `States`.
    """

    def __init__(self, name: str, path: str, limits: Limits) -> None:
        self.name, self.path, self.limits = name, path, limits
        self.model = load(path)
        self.digest = digest_of(self.model)
        self.users, self.lock = 0, asyncio.Lock()
        self.stream: Stream | None = None
        self.states: States | None = None
        self.rows, self.reason = 0, cannot_stream(self.model)
        architecture = self.model.architecture
        # Compiles what the first request would wait for.
        self.model.committee().outputs_of(np.zeros(architecture.features, architecture.dtype), np.array([0, 1]))
        if self.reason:
            return
        self.stream = Stream(self.model, limits.max_ids, limits.ttl, limits.max_gap, ahead=True)
        Stream(self.model, 1).advance(blank_row(self.model))
        if limits.states is not None:
            limits.states.mkdir(parents=True, exist_ok=True)
            path_of_states = limits.states / f"{name}-{self.digest[:DIGITS]}.sqlite"
            self.states = States(path_of_states, self.stream)
            self.rows = self.states.rows

    def session(self, json: bool | None, interval: int | None, write: Any) -> Session:
        """Return what answers the rows of a request; arguments as of `Session`.

        Raises UsageError of a model that cannot stream, or has no such interval.
        """
        if self.stream is None:
            raise UsageError(f"model {self.name!r}: {self.reason}")
        return Session(self.stream, write, Shown(json, interval))

    def adopt(self, model: Model) -> None:
        """Take a model whose states mean the same: only thresholds, intervals and the like may differ."""
        self.model = model
        if self.stream is not None:
            self.stream.model, self.stream.task = model, model.task

    def save(self, now: bool = False) -> None:
        """Write the states that changed, every few seconds or now."""
        if self.states is not None:
            self.states.save(self.rows, now)

    def close(self) -> None:
        """Write the states and close their file."""
        if self.states is not None:
            self.states.save(self.rows, now=True)
            self.states.close()


def blank_row(model: Model) -> LiveRows:
    """Return a row of zeros for a model, of the first of its categories."""
    schema = model.schema
    categories = {name: texts[:1] or ("",) for name, texts in model.encoder.categories.items()}
    x, y = np.zeros((1, len(schema.features))), np.zeros((1, len(schema.targets) if schema.lag_target else 0))
    key = None if schema.time is None else np.zeros(1)
    return LiveRows([""], x, categories, y, key)
