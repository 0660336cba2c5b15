"""The training loop: epochs by an engine, evaluation between them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from rnnfast.catalogue import LOSSES
from rnnfast.config.forms import seconds
from rnnfast.config.sections import TrainConfig
from rnnfast.data import SequenceData, Sequences
from rnnfast.diagnose.machine import cores
from rnnfast.errors import DivergedError
from rnnfast.metrics.evaluation import Evaluation, Scores
from rnnfast.model import Model
from rnnfast.model.provenance import Member
from rnnfast.reporter import EpochRecord, Reporter
from rnnfast.training.feed import Feed
from rnnfast.training.mixing import shares_of
from rnnfast.training.monitor import cost
from rnnfast.training.prepare import Labelling
from rnnfast.training.schedules import Rates, Schedule
from rnnfast.training.stopping import Deadline, EarlyStopping, Interrupt, Phase
from rnnfast.training.trainer import trainer_of

# Several epochs may run in one call of the kernel; so long a call still answers Ctrl-C at once.
CALL_SECONDS = 0.05


@dataclass
class Fit:
    """What the loop found out besides the weights, which are in the model."""

    history: list[dict[str, Any]] = field(default_factory=list)
    epochs: int = 0
    best_epoch: int = 0
    stopped: str = "epochs"
    train_seconds: float = 0.0
    compile_seconds: float = 0.0
    eval_seconds: float = 0.0
    timesteps_per_second: float = 0.0
    clipped: float | None = None  # share of the updates whose gradient was clipped; None where none can be
    diverged: DivergedError | None = None
    members: tuple[Member, ...] = ()  # of an ensemble
    out_of_bag: Evaluation | None = None  # of networks with bags that were trained again
    refitted: int = 0  # epochs on the training and the validation part, of which the weights are; 0: none


class Pauses:
    """What a loop is asked between two calls of the kernel; the base class saves nothing."""

    saves = False  # whether a training that is cut short within an epoch can go on from there

    def begin(self, loop: Loop) -> bool:
        """Let a loop go on from where it was; returns whether its training has ended already."""
        return False

    def pause(self, loop: Loop, now: bool = False) -> None:
        """Save a loop where it is time, or now."""

    def end(self, loop: Loop) -> None:
        """Save the outcome of a loop."""


class Loop:
    """One run over a training part, watched on a validation part."""

    def __init__(
        self,
        model: Model,
        train: Sequences,
        valid: SequenceData | None,
        reporter: Reporter,
        epochs: int | None = None,
        teacher: Labelling | None = None,
    ) -> None:
        """epochs: to run with a whole course of the learning rate; None: as many as the configuration plans.

        teacher: whose answers are learned in place of the labels, where it has some.
        """
        self.model, self.train, self.valid, self.reporter = model, train, valid, reporter
        self.config: TrainConfig = model.config.train
        self.epochs = self.config.epochs if epochs is None else epochs
        self.until = self.epochs  # after which it pauses
        self.stopping = EarlyStopping(self.config.patience if valid is not None else 0, self.config.average)
        self.fit = Fit()
        self.elapsed = 0.0  # s of training and validation
        self._prepare(teacher)
        self.good = self.trainer.parameters  # those before the epoch that runs
        self.rates: Rates | None = None  # of the epoch that runs

    def _prepare(self, teacher: Labelling | None) -> None:
        """Make what trains, what feeds it, and what answers the validation part."""
        model, train, valid = self.model, self.train, self.valid
        teacher = teacher or shares_of(model)
        self.feed = Feed(model, train, teacher)
        self.trainer = trainer_of(model, self.feed, soft=teacher is not None and LOSSES[model.loss].per_step)
        self.engine, threads = model.engine, self.config.threads or cores()
        self.schedule = Schedule(replace(self.config, epochs=self.epochs), self.feed.updates)
        # Reported losses follow the reduction: per labelled output, or per sequence.
        outputs = len(model.schema.answers)
        self.loss_terms = outputs * (self.feed.mass if self.trainer.mean else train.sequences)
        self.predictor = self.engine.predictor(model.architecture, self.trainer.parameters, threads)
        if valid is not None:
            self.questions = model.questions(valid)
            self.encoded = self.questions.joined()

    @property
    def more(self) -> dict[str, Any]:
        """Arrays that training goes on from, beside those of any loop."""
        return {}

    @more.setter
    def more(self, arrays: Mapping[str, Any]) -> None:
        """Put them back."""

    @property
    def ended(self) -> bool:
        """Whether no epoch follows."""
        return self.fit.stopped != "epochs" or self.fit.epochs >= self.epochs or self.fit.diverged is not None

    def run(self, interrupt: Interrupt, pauses: Pauses | None = None) -> Fit:
        """Train until a reason to stop comes up, and put the chosen weights into the model.

        From the first epoch on Ctrl-C ends the run after the epoch, or after the block where it can go on from there;
        the time limit begins there too, and covers what is done between epochs. A run that diverges keeps the last good
        weights, and the error to raise is in the result.
        """
        pauses = pauses or Pauses()
        with closing(self.feed):
            if not (done := pauses.begin(self)):
                interrupt.phase = Phase.COMPILING
                self.compile_kernels(interrupt)
                interrupt.phase = Phase.TRAINING
                self._train(interrupt, pauses)
        interrupt.phase = Phase.SCORING
        if not done:
            self._choose()
            if self.fit.stopped != "interrupted":
                pauses.end(self)
        self.model.parameters = self.trainer.tensors()
        self.reporter.stop("diverged" if self.fit.diverged else self.fit.stopped)
        return self.fit

    def _train(self, interrupt: Interrupt, pauses: Pauses) -> None:
        """Run epochs until a reason to stop comes up."""
        fit, config = self.fit, self.config
        started, deadline = time.perf_counter() - self.elapsed, Deadline(seconds(config.max_time), self.elapsed)
        while not self.ended and fit.epochs < self.until and self.advance():
            self.elapsed = time.perf_counter() - started
            if not self.feed.between_epochs:
                self._pause(interrupt, pauses)
                continue
            evaluated = fit.epochs % config.eval_every == 0 or fit.epochs == self.epochs
            scores, best = self.validate() if evaluated and self.valid is not None else (None, False)
            self.elapsed = time.perf_counter() - started
            self._report(scores, best, deadline)
            if self.stopping.exhausted:
                fit.stopped = "patience"
            elif deadline.passed and fit.epochs < self.epochs:
                fit.stopped = "max_time"
            elif not self.ended:
                self._pause(interrupt, pauses)

    def _pause(self, interrupt: Interrupt, pauses: Pauses) -> None:
        """Answer Ctrl-C, or save what there is where it is time.

        Within an epoch it goes back to the weights before; raises TrainingInterrupted within the first one.
        """
        if not interrupt.requested or not (pauses.saves or self.feed.between_epochs):
            pauses.pause(self)
            return
        pauses.pause(self, now=True)
        interrupt.cut_short()
        self.fit.stopped = "interrupted"
        if not self.feed.between_epochs:
            self.trainer.parameters[:] = self.good
        if not self.fit.epochs:
            raise interrupt.error("interrupted in the first epoch; no model is written")

    def compile_kernels(self, interrupt: Interrupt) -> None:
        """Have the engine compile what it needs, or load it from the cache, by calling it for next to no work.

        Raises TrainingInterrupted where Ctrl-C was pressed meanwhile.
        """
        start = time.perf_counter()
        users = (self.trainer, self.predictor)
        with self.engine.compiling(users, self.reporter.compiling, interrupt.check) as clock:
            self.feed.warm(self.trainer)
            length = int(self.train.lengths[0])
            features = np.zeros(length * self.model.architecture.features, self.model.architecture.dtype)
            self.predictor.outputs_of(features, np.array([0, length]))
        interrupt.check()
        self.fit.compile_seconds = time.perf_counter() - start
        if clock.seconds:
            self.reporter.compiled(self.fit.compile_seconds)

    def advance(self) -> bool:
        """Run the epochs up to the next evaluation, or as many as fit into one call, or a block of an epoch.

        Returns: whether they went well.
        """
        fit, config, trainer = self.fit, self.config, self.trainer
        until_evaluation = min(config.eval_every - fit.epochs % config.eval_every, self.until - fit.epochs)
        per_epoch = fit.train_seconds / fit.epochs if fit.epochs else CALL_SECONDS
        count = max(1, min(until_evaluation, int(CALL_SECONDS / max(per_epoch, 1e-9)))) if self.feed.single else 1
        orders = self.feed.orders(count)
        if self.feed.between_epochs:
            self.good = trainer.parameters.copy()
        if self.feed.between_epochs or self.rates is None:
            self.rates = self.schedule.rates(fit.epochs, count)
        start = time.perf_counter()
        losses = self.feed.train(trainer, orders, count, self.rates)
        fit.train_seconds += time.perf_counter() - start
        if losses is None:
            self._diverge()
            return False
        for loss in losses:
            fit.epochs += 1
            fit.history.append({"epoch": fit.epochs, "split": "train", "loss": float(loss) / self.loss_terms})
        fit.timesteps_per_second = self.feed.place.steps / max(fit.train_seconds, 1e-9)
        if config.clip_norm:
            steps, _, clipped = trainer.state.updates.tolist()
            fit.clipped = clipped / max(steps, 1)
        return True

    def _diverge(self) -> None:
        """Go back to the weights before the epoch that diverged, and make the error to raise."""
        fit, config, trainer = self.fit, self.config, self.trainer
        epoch, step = fit.epochs + int(trainer.where[0]) + 1, int(trainer.where[1]) + 1
        trainer.parameters[:] = self.good
        good_epoch = self.stopping.best_epoch if config.patience and self.stopping.best_epoch else fit.epochs
        fit.diverged = DivergedError(
            f"diverged at epoch {epoch}, update {step:,}: the loss or a weight became NaN or infinite; try a "
            f"smaller learning rate (--lr, now {config.lr:g}). "
            f"{f'The weights of epoch {good_epoch}' if good_epoch else 'The initial weights'} are kept",
            epoch,
            step,
        )

    def validate(self) -> tuple[Scores, bool]:
        """Score the validation part and remember the weights if they are the best so far."""
        start = time.perf_counter()
        scores = self._scores()
        now = cost(self.config.monitor, scores)
        best = self.stopping.better(now, self.fit.epochs, self.trainer.parameters)
        self.schedule.evaluated(now)
        self.fit.history.append({"epoch": self.fit.epochs, "split": "valid", **scores})
        self.fit.eval_seconds += time.perf_counter() - start
        return scores, best

    def _scores(self) -> Scores:
        """Score the weights of now on the validation part."""
        assert self.valid is not None
        return self.model.scorer.quick(self.valid, self._outputs(), self.config.monitor)

    def _outputs(self) -> Any:
        """Answer the validation part: (rows, O)."""
        return self.questions.outputs(self.predictor, self.encoded)

    def _report(self, scores: Scores | None, best: bool, deadline: Deadline) -> None:
        fit, config = self.fit, self.config
        per_epoch = self.elapsed / fit.epochs
        latest = max(0.0, min(per_epoch * (self.epochs - fit.epochs), deadline.remaining))
        until_patience = self.stopping.evaluations_left * config.eval_every - fit.epochs % config.eval_every
        train_loss = next(row["loss"] for row in reversed(fit.history) if row["split"] == "train")
        self.reporter.epoch(
            EpochRecord(
                epoch=fit.epochs,
                epochs=self.epochs,
                train_loss=train_loss,
                valid=scores,
                best=best,
                best_epoch=self.stopping.best_epoch,
                monitor=config.monitor,
                elapsed=self.elapsed,
                timesteps_per_second=fit.timesteps_per_second,
                eta=latest,
                eta_soonest=min(per_epoch * until_patience, latest),
            )
        )

    def _choose(self) -> None:
        """Choose the weights: with patience the best ones, or the mean of several, else the last."""
        if (weights := self.stopping.weights) is not None:
            self.trainer.parameters[:] = weights
            self.fit.best_epoch = self.stopping.best_epoch
        else:
            self.fit.best_epoch = self.fit.epochs
