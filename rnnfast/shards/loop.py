"""Training in rounds: each shard takes its share of a pass from the same state, and the client averages what comes."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple, cast
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from rnnfast.catalogue import OPTIMIZERS
from rnnfast.cluster.here import InProcess
from rnnfast.diagnose.machine import cores
from rnnfast.errors import ClusterError
from rnnfast.model import Model
from rnnfast.network.layout import Layout
from rnnfast.reporter import Reporter, RoundRecord
from rnnfast.shards import tasks
from rnnfast.shards.feed import Round
from rnnfast.shards.learner import Answer, Network, Ready
from rnnfast.shards.sequences import ShardedSequences
from rnnfast.shards.state import Outer, State, averaged
from rnnfast.training.feed import Place
from rnnfast.training.loop import Loop, Pauses
from rnnfast.training.prepare import Labelling
from rnnfast.training.schedules import Schedule
from rnnfast.training.stopping import Interrupt
from rnnfast.training.totals import of_all
from rnnfast.training.work import multiply_adds

Floats = NDArray[np.floating[Any]]

RATE = 20e9  # multiply-adds a second of a worker with one thread
ROUND_SECONDS = 0.5  # of work at least, beside which a round of some 10 ms does not count
MOST_ROUNDS = 64  # of a pass


class Moments(NamedTuple):
    """What is averaged beside the parameters, with the face of an optimizer's State; updates: sums over the shards."""

    m: Floats
    v: Floats
    updates: NDArray[np.int64]


class Averaged:
    """The state of all shards, with the face of a Trainer.

    parameters: the flat span in the kernels' layout; where: epoch and update at which training diverged, from 0.
    """

    def __init__(self, model: Model) -> None:
        config, architecture = model.config.train, model.architecture
        self.layout, self.mean = Layout(architecture), config.reduction == "mean"
        self.parameters = self.layout.flatten(model.parameters, architecture.dtype)
        rule = OPTIMIZERS[config.optimizer]
        m, v = (np.zeros(self.layout.size if present else 1, architecture.dtype) for present in (rule.m, rule.v))
        self.state = Moments(m, v, np.zeros(3, np.int64))
        self.where = np.zeros(2, np.int64)
        self.kernel, self.threads = "rounds", config.threads or 1

    @property
    def whole(self) -> State:
        """A copy of what a round begins with."""
        return State(self.parameters.copy(), self.state.m.copy(), self.state.v.copy())

    def set(self, state: State) -> None:
        """Go on from a state."""
        self.parameters[:], self.state.m[:], self.state.v[:] = state

    def tensors(self) -> dict[str, Any]:
        """Copies of the parameters by PyTorch's names."""
        return self.layout.tensors(self.parameters)


class RoundFeed:
    """Gives the rounds of a pass to the shards, with the face of a Feed: a round is a block of an epoch.

    rounds: of a pass; ready: shards that train, by number; updates_of: (shards, 3) so far, as of the optimizer.
    """

    single = False

    def __init__(
        self, train: ShardedSequences, network: Network, rounds: int, outer: Outer, reporter: Reporter
    ) -> None:
        self.reporter = reporter
        self.train_part, self.network, self.rounds, self.outer = train, network, rounds, outer
        self.ready: dict[int, Ready] = {}
        self.updates_of = np.zeros((train.shards, 3), np.int64)
        self.random_start = network.model.config.train.random_start
        self._place = Place(np.random.PCG64(0).state)  # nothing is drawn here

    def prepare(self) -> None:
        """Have every shard ready to train and to validate, the first of them by itself: it compiles what all need."""
        train, cluster = self.train_part, self.train_part.cluster
        every = train.on(tasks.ready, self.network)
        answers: list[Ready] = [*cluster.run(every[:1]), *cluster.run(every[1:])]
        self.ready = dict(zip(train.sizes, answers, strict=True))

    @property
    def mass(self) -> float:
        """Sum of the weights of all labelled steps."""
        return sum(one.mass for one in self.ready.values())

    @property
    def updates(self) -> int:
        """Updates of a pass of the shard that has most."""
        return max((one.updates for one in self.ready.values()), default=1)

    @property
    def place(self) -> Place:
        """How far training has come."""
        return replace(self._place)

    @place.setter
    def place(self, place: Place) -> None:
        self._place = replace(place)

    @property
    def between_epochs(self) -> bool:
        """Whether no pass is begun that is not complete."""
        return self._place.block == 0

    def orders(self, count: int) -> None:
        """Shards make their orders themselves."""

    def close(self) -> None:
        """Nothing is held here."""

    def train(self, trainer: Averaged, orders: None, epochs: int, rates: NDArray[np.float64]) -> Any:
        """Train the next round, and average; no loss is returned but by the last round of a pass, None: diverged."""
        place = self._place
        now = Round(place.epoch, place.block, self.rounds, float(rates[0]))
        start, before = time.perf_counter(), self.place
        answers = self._answers(now, trainer.whole)
        for answer in answers.values():
            if answer.share is None:
                trainer.where[:] = 0, answer.update
                return None
        self._average(trainer, answers)
        self._tell(now, before, answers, time.perf_counter() - start)
        place.block += 1
        if place.block < self.rounds:
            return np.zeros(0)
        # As if all labelled steps had trained, not those of some mass alone
        loss = place.loss
        if self.random_start and trainer.mean and place.mass:
            loss *= self.mass / place.mass
        self._place = Place(place.generator, epoch=place.epoch + 1, steps=place.steps)
        return np.array([loss])

    def _answers(self, now: Round, state: State) -> dict[int, Answer]:
        """Have the shards train a round; returns: what came of it, by the numbers of the shards."""
        train = self.train_part
        tasks_of = train.on(tasks.train, self.network, state)
        every = [
            task._replace(name=f"round {now.number + 1} of pass {now.epoch + 1}, {task.name}",
                          arguments=(*task.arguments, self.updates_of[number], now))
            for number, task in zip(train.sizes, tasks_of, strict=True)
        ]  # fmt: skip
        return dict(zip(train.sizes, train.cluster.run(every), strict=True))

    def _average(self, trainer: Averaged, answers: Mapping[int, Answer]) -> None:
        """Put the states of the shards together, and count what they did."""
        place, before = self._place, trainer.parameters.copy()
        shares = [answer.share for answer in answers.values() if answer.share is not None]
        masses = [one.mass for one in shares]
        if sum(masses) > 0:
            mean = averaged([answer.state for answer in answers.values()], masses)
            trainer.set(mean._replace(parameters=self.outer.step(before, mean.parameters)))
        for number, answer in answers.items():
            self.updates_of[number] = answer.updates
        trainer.state.updates[:] = self.updates_of.sum(axis=0)
        place.loss += sum(one.loss for one in shares)
        place.mass += sum(masses)
        place.steps += sum(one.steps for one in shares)

    def _tell(self, now: Round, before: Place, answers: Mapping[int, Answer], seconds: float) -> None:
        """Tell of a round; before: where training was when it began."""
        place, (slowest, shard) = self._place, max((answer.seconds, number) for number, answer in answers.items())
        mass = (place.mass - before.mass) * len(self.network.model.schema.answers)
        self.reporter.round(
            RoundRecord(
                epoch=now.epoch + 1,
                round=now.number + 1,
                rounds=now.of,
                train_loss=(place.loss - before.loss) / mass if mass else math.nan,
                steps=place.steps - before.steps,
                seconds=seconds,
                workers=self.train_part.cluster.slots,
                slowest=shard,
                slowest_seconds=slowest,
            )
        )


class RoundLoop(Loop):
    """One run over a table in shards."""

    def _prepare(self, teacher: Labelling | None) -> None:
        """Make what gives rounds to the shards; teacher: there is none, as an ensemble is refused."""
        model, train = self.model, cast(ShardedSequences, self.train)
        self.shards = train
        self.trainer: Any = Averaged(model)
        network = Network(
            key=uuid4().hex,
            model=replace(model, parameters={}),
            part=train.name,
            epochs=self.epochs,
            validates=self.valid is not None,
            room=train.sample_room,
            threads=self.config.threads or (cores() if isinstance(train.cluster, InProcess) else 1),
        )
        outer = Outer(self.config.outer, len(self.trainer.parameters))
        self.feed: Any = RoundFeed(train, network, rounds_of(model, train), outer, self.reporter)
        self.schedule = Schedule(replace(self.config, epochs=self.epochs), 1)  # until shards have told their updates

    def compile_kernels(self, interrupt: Interrupt) -> None:
        """Have the shards ready to train."""
        start = time.perf_counter()
        self.feed.prepare()
        interrupt.check()
        self.schedule.updates = self.feed.updates
        outputs = len(self.model.schema.answers)
        self.loss_terms = outputs * (self.feed.mass if self.trainer.mean else self.train.sequences)
        self.fit.compile_seconds = time.perf_counter() - start

    @property
    def more(self) -> dict[str, NDArray[Any]]:
        """What shards and outer steps go on from."""
        return {"shards": self.feed.updates_of.copy(), "velocity": self.feed.outer.velocity.copy()}

    @more.setter
    def more(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self.feed.updates_of[:] = arrays["shards"]
        self.feed.outer.velocity = arrays["velocity"]

    def _train(self, interrupt: Interrupt, pauses: Pauses) -> None:
        """Run epochs; where the cluster is gone, what there is is saved before the error is raised."""
        try:
            super()._train(interrupt, pauses)
        except ClusterError:
            pauses.pause(self, now=True)
            raise

    def _scores(self) -> Any:
        """Score the validation part; of several shards the loss and the areas are of all its rows, sampled or not."""
        scores, valid = super()._scores(), replace(self.shards, name="valid")
        if valid.shards == 1 or self.valid is None or self.valid.sequences == valid.sequences:
            return scores
        model = replace(self.model, parameters=self.trainer.tensors())
        scores, which = of_all(model, valid, scores)
        if all(row["split"] != "valid" for row in self.fit.history):  # once
            self.reporter.notice(f"valid, after each pass: {which}")
        return scores

    def _outputs(self) -> Floats:
        """Answer the validation part, or the sample of it, where it lies: (rows, O)."""
        valid = replace(self.shards, name="valid")
        every = valid.on(tasks.outputs, self.feed.network, self.trainer.parameters)
        return np.concatenate(valid.cluster.run(every))


def rounds_of(model: Model, train: ShardedSequences) -> int:
    """Return how many rounds a pass has: as many as have some work for a mean shard, by multiply-adds."""
    if train.shards == 1:
        return 1
    if model.config.train.rounds is not None:
        return model.config.train.rounds
    work = multiply_adds(model.config, model.cell, model.schema, model.encoder, train.rows / train.shards)
    return max(1, min(MOST_ROUNDS, math.floor(work / (RATE * ROUND_SECONDS))))
