"""Training the networks of a run: one, or the members of an ensemble, which differ by their seed.

A member has initial weights, order of the sequences, dropout and early stopping of its own; split, encoder and tables
are those of all. Members train at the same time, each on its share of the threads, or on workers of a cluster; those of
a table that is read in blocks one after the other in a process, as each needs the memory of a block.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from rnnfast.cluster.shared import Shared
from rnnfast.cluster.task import Cluster
from rnnfast.config.forms import seconds
from rnnfast.data import SequenceData, Sequences
from rnnfast.data.splitting.bags import bag
from rnnfast.diagnose.machine import cores
from rnnfast.errors import TrainingInterrupted
from rnnfast.model import Model
from rnnfast.model.members import joined
from rnnfast.model.provenance import Member
from rnnfast.reporter import EpochRecord, Reporter, RunInfo
from rnnfast.training.loop import Fit, Loop, Pauses
from rnnfast.training.pool import Piece, one_at_a_time, run_on
from rnnfast.training.prepare import Labelling, member_seeds
from rnnfast.training.saving import Saver
from rnnfast.training.stopping import Interrupt

# Why a run of several networks ended: the first of these that holds for one of them.
REASONS = ("interrupted", "max_time", "epochs", "patience")

Trained = tuple[dict[str, Any], Member, Fit]  # weights of a member, how it went in short, and in full


class Networks:
    """The networks of a model, to be trained on a part and watched on another one. kernel, threads: of each.

    epochs: to run by each network, with a whole course of the learning rate; none: those that the configuration plans.
    outside: what each network of the model has left out of its bag, after training. teacher: of a single network, as of
    Loop. stage: of the run, by whose name checkpoints know them. cluster: on which several networks train, None for
    this process.
    """

    def __init__(
        self,
        model: Model,
        train: Sequences,
        valid: SequenceData | None,
        reporter: Reporter,
        epochs: Sequence[int] = (),
        teacher: Labelling | None = None,
        stage: str = "networks",
        cluster: Cluster | None = None,
    ) -> None:
        self.stage = stage
        config, self.number = model.config.train, model.config.model.ensemble
        threads, limit = config.threads or cores(), seconds(config.max_time)
        if cluster is not None:
            self.workers, threads = min(cluster.slots, self.number), config.threads or 1
        else:
            self.workers = min(threads, self.number) if train.room is None else 1
        self.model, self.train, self.valid = model, train, valid
        self.epochs: Sequence[int | None] = epochs or [None] * self.number
        self.teacher, self.cluster = teacher, cluster
        self.reporter = reporter if self.number == 1 else one_at_a_time(reporter)
        self.seeds = member_seeds(config.seed, self.number)
        self.bags = [bag(train, seed) for seed in self.seeds] if model.config.model.bag else []
        self.outside: list[Sequences] = []
        self.shares: dict[str, Any] = {
            "threads": max(threads // self.workers, 1) if cluster is None else threads,
            # Members that begin when others have ended have as much time as these.
            "max_time": None if limit is None else f"{limit / -(-self.number // self.workers)}s",
        }
        first = self._loop(0, self.reporter if self.number == 1 else _OfMember(self.reporter, 1))
        self.kernel, self.threads, self._loops = first.trainer.kernel, first.trainer.threads, [first]

    def __getstate__(self) -> dict[str, Any]:
        """Return what a worker of a cluster needs to train one of the networks."""
        return {**vars(self), "reporter": Reporter(), "cluster": None, "_loops": []}

    def fit(self, interrupt: Interrupt, pauses: Pauses | None = None) -> Fit:
        """Train all of them, and put their weights into the model; see `Loop.run`.

        pauses: of a single one, in place of the checkpoints of the run.

        Members that have no epoch when Ctrl-C is pressed are left out. Raises TrainingInterrupted where none has one.
        """
        if self.number == 1:
            if self.cluster is not None:
                self.reporter.notice("a single network trains in this process; workers train those of --ensemble N")
            alone: Fit = self._loops.pop().run(interrupt, pauses or self._pauses(0, interrupt))
            return alone
        start = time.perf_counter()
        work = Shared(self)
        pieces = [
            Piece(
                f"network {k + 1}",
                _train,
                work,
                (k,),
                _OfMember(self.reporter, k + 1),
                partial(self._tell, k),
                f"{self.stage}/{k + 1}",
            )
            for k in range(self.number)
        ]
        every = run_on(self.cluster, pieces, self.workers, interrupt)
        members = [member for member in every if member is not None]
        self.outside = [outside for (_, outside), member in zip(self.bags, every, strict=False) if member is not None]
        if not members:
            interrupt.check()
        self.model.parameters = joined([parameters for parameters, _, _ in members])
        fit = _together(members, time.perf_counter() - start)
        if len(members) < self.number:
            self.reporter.notice(f"{len(members)} of {self.number} networks were trained: the model is made of these")
        self.reporter.stop("diverged" if fit.diverged else fit.stopped)
        return fit

    def info(self) -> RunInfo:
        """Return what is about to be trained."""
        model, config = self.model, self.model.config
        assert config.train.lr is not None  # resolved
        assert config.train.batch_size is not None
        return RunInfo(
            cell=config.model.cell,
            hidden=config.model.hidden,
            activation=config.model.chosen_activation,
            head=config.model.head,
            front=config.model.front,
            parameters=model.parameter_count,
            dtype=config.train.dtype,
            threads=self.threads * self.workers,
            seed=config.train.seed,
            optimizer=config.train.optimizer,
            lr=config.train.lr,
            batch_size=config.train.batch_size,
            loss=model.loss,
            epochs=config.train.epochs,
            members=self.number,
            kernel=self.kernel,
            engine=config.train.engine,
            patience=config.train.patience,
        )

    def _loop(self, k: int, reporter: Reporter) -> Any:
        """Make what trains a network; reporter: is told how."""
        if self.number == 1:
            maker = self.train.loop or Loop  # a table in shards has its own
            return maker(self.model, self.train, self.valid, reporter, self.epochs[k], self.teacher)
        config = self.model.config
        alone = replace(
            config,
            model=replace(config.model, ensemble=1, bag=False, distil=False),
            train=replace(config.train, seed=self.seeds[k], **self.shares),
        )
        model = replace(self.model, parameters=self.model.members[k], config=alone)
        train = self.bags[k][0] if self.bags else self.train
        return Loop(model, train, self.valid, reporter, self.epochs[k])

    def _pauses(self, k: int, interrupt: Interrupt) -> Saver | None:
        """Return what saves a network, None where the run has no checkpoints."""
        return None if interrupt.slot is None else Saver(interrupt.slot.of(self.stage).of(str(k + 1)))

    def train_member(self, k: int, reporter: Reporter, interrupt: Interrupt) -> Trained | None:
        """Train a member. Returns None where Ctrl-C was pressed before its first epoch."""
        if interrupt.requested:
            interrupt.cut_short()
            return None
        loop = self._loops.pop() if k == 0 and self._loops else self._loop(k, reporter)
        try:
            fit = loop.run(interrupt, self._pauses(k, interrupt))
        except TrainingInterrupted:
            return None
        trained = Member(
            seed=self.seeds[k],
            epochs=fit.epochs,
            best_epoch=fit.best_epoch,
            stopped="diverged" if fit.diverged else fit.stopped,
            valid_loss=_valid_loss(fit),
        )
        return loop.model.parameters, trained, fit

    def _tell(self, k: int, trained: Trained | None) -> None:
        """Tell that a member is trained."""
        if trained is not None:
            self.reporter.member(k + 1, trained[1])


def _train(networks: Networks, k: int, reporter: Reporter, interrupt: Interrupt) -> Trained | None:
    """Train a member of several networks."""
    return networks.train_member(k, reporter, interrupt)


class _OfMember(Reporter):
    """Passes on what one network of several tells."""

    def __init__(self, whole: Reporter, member: int) -> None:
        self.whole, self.member_number = whole, member

    def compiling(self) -> None:
        """Pass on."""
        self.whole.compiling()

    def compiled(self, seconds: float) -> None:
        """Pass on."""
        self.whole.compiled(seconds)

    def epoch(self, record: EpochRecord) -> None:
        """Say whose epoch it is."""
        self.whole.epoch(replace(record, member=self.member_number))


def _valid_loss(fit: Fit) -> float | None:
    """Return the validation loss of the best epoch, of several that --average takes too; None where it has none."""
    scores = (row for row in fit.history if row["split"] == "valid" and row["epoch"] == fit.best_epoch)
    return next((float(row["loss"]) for row in scores), None)


def _together(members: Sequence[Trained], wall: float) -> Fit:
    """Return how the training of several networks went; wall: seconds that it took.

    Epochs and the best epoch are the highest ones of any member. Seconds share the time that has passed.
    """
    fits = [fit for _, _, fit in members]
    spent = sum(fit.train_seconds + fit.eval_seconds for fit in fits)
    passed = max(wall - fits[0].compile_seconds, 0.0) / max(spent, 1e-9)
    steps = sum(fit.timesteps_per_second * fit.train_seconds for fit in fits)
    train_seconds = passed * sum(fit.train_seconds for fit in fits)
    for number, fit in enumerate(fits, 1):
        if fit.diverged is not None:
            fit.diverged.args = (f"network {number} {fit.diverged.args[0]}",)
    return Fit(
        history=[{"member": number, **row} for number, fit in enumerate(fits, 1) for row in fit.history],
        epochs=max(fit.epochs for fit in fits),
        best_epoch=max(fit.best_epoch for fit in fits),
        stopped=next(reason for reason in REASONS if any(fit.stopped == reason for fit in fits)),
        train_seconds=train_seconds,
        compile_seconds=fits[0].compile_seconds,
        eval_seconds=passed * sum(fit.eval_seconds for fit in fits),
        timesteps_per_second=steps / max(train_seconds, 1e-9),
        clipped=float(np.mean(shares)) if (shares := [f.clipped for f in fits if f.clipped is not None]) else None,
        diverged=next((fit.diverged for fit in fits if fit.diverged is not None), None),
        members=tuple(trained for _, trained, _ in members),
    )
