"""What trains and validates on a shard: a Trainer whose state comes and goes with each round."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnfast.data import SequenceData, Sequences
from rnnfast.data.splitting.by_shard import shard_seed
from rnnfast.model import Model
from rnnfast.model.questions import scored_rows
from rnnfast.network.layout import Layout
from rnnfast.shards.feed import Round, ShardFeed, Share
from rnnfast.shards.state import State
from rnnfast.training.schedules import Schedule
from rnnfast.training.trainer import trainer_of

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Network:
    """What all shards train.

    key: names it; model: without weights; part: name of what trains; epochs: of the course of the learning rate;
    validates: whether there is a validation part; room: bytes of the sample of a shard that validates; threads: of each
    task.
    """

    key: str
    model: Model
    part: str
    epochs: int
    validates: bool
    room: int
    threads: int


class Ready(NamedTuple):
    """A shard that can train. updates: of a pass; mass: weight of its labelled steps."""

    updates: int
    mass: float


class Answer(NamedTuple):
    """A shard after a round. updates: (3,) so far; share: None where it diverged, at `update` of the pass."""

    state: State
    updates: Integers
    share: Share | None
    update: int
    seconds: float


class Learner:
    """Trains a network on what trains of a shard, and answers what validates there; either may be missing."""

    def __init__(self, network: Network, number: int, train: Sequences | None, valid: SequenceData | None) -> None:
        from rnnfast.kernels.run.predictor import Predictor

        whole = network.model.config
        own = replace(whole.train, seed=shard_seed(whole.train.seed, number), threads=network.threads)
        architecture, layout = network.model.architecture, Layout(network.model.architecture)
        zeros = {name: np.zeros(shape, own.dtype) for name, shape in layout.shapes().items()}
        self.model = replace(network.model, parameters=zeros, config=replace(whole, train=own))
        self.parameters = layout.flatten(zeros, own.dtype)
        self.feed: ShardFeed | None = None
        if train is not None:
            self.feed = ShardFeed(self.model, train)
            self.trainer = trainer_of(self.model, self.feed)
            self.parameters = self.trainer.parameters
            self.schedule = Schedule(replace(own, epochs=network.epochs), self.feed.updates)
        self.predictor = Predictor(architecture, self.parameters, network.threads)
        self.questions, self.encoded = None, None
        if valid is not None:
            self.questions = self.model.questions(scored_rows(valid))
            self.encoded = self.questions.joined()

    def warm(self) -> Ready:
        """Compile the kernels, or load them, and say what there is to train."""
        if self.encoded is not None:
            self.predictor.outputs_of(self.encoded.inputs, self.encoded.offsets)
        if self.feed is None:
            return Ready(0, 0.0)
        self.feed.warm(self.trainer)
        return Ready(self.feed.updates, self.feed.mass)

    def round(self, now: Round, state: State, updates: Integers) -> Answer:
        """Train a round from a state; updates: (3,) of this shard so far, as of the optimizer."""
        assert self.feed is not None
        start, trainer = time.perf_counter(), self.trainer
        moments = trainer.state
        trainer.parameters[:], moments.m[:], moments.v[:] = state
        moments.updates[:] = updates
        share = self.feed.train_round(trainer, now, lambda some, of: self._rates(now, some, of))
        after = State(*(array.copy() for array in (trainer.parameters, moments.m, moments.v)))
        return Answer(after, moments.updates.copy(), share, int(trainer.where[1]), time.perf_counter() - start)

    def outputs(self, parameters: NDArray[Any]) -> NDArray[Any]:
        """Answer what validates with some parameters: (rows, O)."""
        assert self.questions is not None
        self.parameters[:] = parameters
        return np.asarray(self.questions.outputs(self.predictor, self.encoded))

    def _rates(self, now: Round, updates: Integers, of: int) -> NDArray[np.float64]:
        """Return the learning rate of a pass, or of each of some updates of it; of: how many it has.

        A pass may have a few more or fewer updates than the first one, by which the course is planned.
        """
        if not self.schedule.per_update:
            return np.array([now.rate])
        plan = self.schedule.updates
        return self.schedule.at(now.epoch * plan + updates * plan // of)

    @property
    def held(self) -> int:
        """Bytes that it takes."""
        blocks = 0 if self.feed is None else self.feed.held
        return blocks + (0 if self.encoded is None else self.encoded.inputs.nbytes)
