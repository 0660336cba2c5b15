"""How good a configuration is: the error on folds of the rows that train, each learned from the rest of them.

Only the training part of a run is looked at: its validation and test part have no say in what is chosen by these
errors. A fold trains as any run does, with early stopping on rows of its own, and is judged with the linear part that a
run has beside its network. Each sequence is answered by itself, without the rows around it, as these may belong to
another part.

    classes      mean over labelled steps of sum over classes c of (p[c] - [c is the class])^2     Brier score: bounded
    quantities   mean over targets of (mean squared error / variance of the target)

Both are weighted as the rows are, and lower is better. Both are squares, so that two networks of other seeds, each
wrong by B + V and their mean answer by B + V / 2 on the average, say how wrong many of them together are:

    error of an ensemble of M  =  B + V / M        V = spread over the seeds

Of one network it is B + V: a change that calms a single network is worth less in an ensemble.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property, partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnfast.catalogue import SCHEDULES, TASKS
from rnnfast.checkpoint.record import Network
from rnnfast.cluster.shared import Shared
from rnnfast.cluster.task import Cluster
from rnnfast.config.forms import SEQUENCE, TIME
from rnnfast.config.resolve import Config
from rnnfast.data import SequenceData, Sequences
from rnnfast.data.splitting.folds import Folds, folds
from rnnfast.data.splitting.parts import Parts
from rnnfast.diagnose.machine import cores
from rnnfast.engines.choice import engine_of
from rnnfast.equations.cell import Cell
from rnnfast.model import Model
from rnnfast.model.questions import scored_rows
from rnnfast.network.cell import cell_of
from rnnfast.reporter import Reporter
from rnnfast.training.ensemble import Networks
from rnnfast.training.linear_part import set_linear_part
from rnnfast.training.loop import Fit
from rnnfast.training.partly import Partly
from rnnfast.training.pool import Piece, run_on
from rnnfast.training.prepare import initial_model
from rnnfast.training.stopping import Interrupt

Floats = NDArray[np.floating[Any]]
Watcher = Callable[[int, float], None]  # place of a trial, its error

MEMBERS = 8  # of the ensemble whose error is told from a few networks
SEEDS_APART = 1000  # of networks of a trial: folds and repetitions take seeds in between
LARGEST_SHARE = 0.9  # of the rest of a fold that trains: a configuration without a validation part has one here


class Trial(NamedTuple):
    """A configuration with all its values, and the fold that judges it, from 0.

    share: of its epochs, after which it is judged; before: where its training paused, None: it begins. networks: from
    2 on it is judged as an ensemble of MEMBERS would be.
    """

    config: Config
    fold: int
    share: float = 1.0
    before: Network | None = None
    networks: int = 1


class Outcome(NamedTuple):
    """The error of a trial, infinity where it diverged.

    epochs: that its networks took on the mean. state: from which a part of a training goes on, None of all.
    """

    error: float
    epochs: float
    state: Network | None = None


class Trials:
    """The folds of a training part, on which configurations are compared.

    part: the rows that train; of a table on disk so many as fit into memory, drawn at random. config: of the run, which
    says how its table is divided, with which seed, and on how many threads trials run; equations: of a cell that is no
    word; by: what divides the folds, None for time where that divides the table, else sequence. Attribute: cluster, on
    which trials run, None for this process. Raises DataError for a part that is too small for so many folds.
    """

    cluster: Cluster | None = None

    def __init__(
        self, part: Sequences, config: Config, count: int, equations: Cell | None = None, by: str | None = None
    ) -> None:
        seed = config.train.seed
        self.part: SequenceData = part.sample(seed).alone()
        self.workers = config.train.threads or cores()
        self.equations = equations
        by = by or (TIME if config.data.split_by == TIME else SEQUENCE)
        share = min(config.data.split[0] / min(sum(config.data.split), 1.0), LARGEST_SHARE)
        if not config.train.patience and not SCHEDULES[config.train.schedule].watches:
            share = 1.0  # nothing looks at a validation part
        parts: Folds = folds(self.part, count, by, seed, share)
        # In time, the last fold trains on most rows: it comes first, as it is most like the run itself.
        numbers = range(count)[::-1] if by == TIME else range(count)
        self.folds: list[Parts] = [parts[number] for number in numbers]
        self._made_of = self.part, config, count, equations, by
        self._others: list[Parts] = []
        self._shared: Shared | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        """Say how they are made again: folds follow from the part."""
        return _trials, (self._made_of, self._others)

    def add(self, parts: Parts) -> int:
        """Add a fold that is none of the part; returns its number."""
        self.folds.append(parts)
        self._others.append(parts)
        self._shared = None
        return len(self.folds) - 1

    def run(self, trials: Sequence[Trial], interrupt: Interrupt, done: Watcher | None = None) -> list[Outcome]:
        """Return the outcome of each trial, the same for any number of threads.

        done: called in a thread of the trial when one is finished.
        Raises: TrainingInterrupted at Ctrl-C, DataError for a fold that cannot be trained on.
        """
        if not trials:
            return []
        engine_of(trials[0].config.train).ready()  # libraries are not loaded by the first trial
        work = self._shared = self._shared or Shared(self)
        pieces = [
            Piece(f"trial on fold {trial.fold + 1}", _tried, work, (trial,), Reporter(), partial(_count, done, number))
            for number, trial in enumerate(trials)
        ]
        outcomes: list[Outcome] = run_on(self.cluster, pieces, self.workers, interrupt.of_trials())
        return outcomes

    def outcome(self, trial: Trial, reporter: Reporter, interrupt: Interrupt) -> Outcome:
        """Train one configuration on one fold and score what it did not see."""
        interrupt.check()
        parts, train = self.folds[trial.fold], trial.config.train
        config = replace(
            trial.config,
            model=replace(trial.config.model, ensemble=1, bag=False, distil=False),
            train=replace(train, threads=1, refit=False, baseline=(), seed=train.seed + trial.fold),
        )
        assert parts.test is not None
        data = scored_rows(self._block(parts.test))
        partly = Partly(trial.share, trial.before) if trial.share < 1 or trial.before else None
        answers, epochs = [], []
        for number in range(trial.networks):
            of_seed = replace(config, train=replace(config.train, seed=config.train.seed + SEEDS_APART * number))
            model, fit = self._trained(parts, of_seed, partly, reporter, interrupt)
            epochs.append(fit.epochs)
            if fit.diverged is not None:
                break
            with np.errstate(all="ignore"):  # outputs of an unsuitable network may be too large to add up
                answers.append(model.predict(data))
        with np.errstate(all="ignore"):
            error = self._of_members(data, answers) if len(answers) == trial.networks else math.inf
        return Outcome(error, sum(epochs) / trial.networks, partly.state if partly and trial.share < 1 else None)

    def _trained(
        self, parts: Parts, config: Config, partly: Partly | None, reporter: Reporter, interrupt: Interrupt
    ) -> tuple[Model, Fit]:
        """Train a network on a fold, and its linear part unless it diverged."""
        cell = self.equations or cell_of(config.model.cell, config.model.activation)
        model = initial_model(parts.train, config, cell)
        valid = None if parts.valid is None else self._block(parts.valid)
        watched = None if valid is None else scored_rows(valid)
        fit = Networks(model, parts.train, watched, reporter).fit(interrupt, partly)
        interrupt.check()
        if fit.diverged is None:
            with np.errstate(all="ignore"):
                set_linear_part(model, parts.train, valid, reporter)
        return model, fit

    def _of_members(self, data: SequenceData, answers: Sequence[Floats]) -> float:
        """Return the error of an ensemble by the answers (rows, O) of a few networks, of one its own."""
        alone = float(np.mean([self._mean(data, one) for one in answers]))
        if len(answers) == 1 or not math.isfinite(alone):
            return alone
        count = len(answers)
        spread = (alone - self._mean(data, np.mean(answers, axis=0))) * count / (count - 1)
        return max(alone - spread * (1 - 1 / MEMBERS), 0.0)

    @staticmethod
    def _block(part: Any) -> SequenceData:
        """Return a part of a table in memory without the rows around."""
        data: SequenceData = part.alone()
        return data

    def _mean(self, data: SequenceData, answers: Floats) -> float:
        """Return the mean error of answers (rows, O)."""
        labelled, facts = data.labelled, TASKS[data.schema.task]
        y, answers = data.y[labelled], answers[labelled].astype(np.float64)
        if facts.output_per_class:
            squared = ((answers - np.eye(answers.shape[1])[y[:, 0].astype(np.int64)]) ** 2).sum(axis=1)
        else:
            squared = ((answers - y) ** 2 / (1.0 if facts.classes else self._variance)).mean(axis=1)
        weights = None if data.weight is None or not data.weight[labelled].any() else data.weight[labelled]
        error = float(np.average(squared, weights=weights))
        return error if math.isfinite(error) else math.inf

    @cached_property
    def _variance(self) -> NDArray[np.float64]:
        """(O,) of the labels of all folds, 1 where they are all the same."""
        variance = np.asarray(self.part.y[self.part.labelled].var(axis=0, dtype=np.float64))
        return np.where(variance > 0, variance, 1.0)


def _tried(trials: Trials, trial: Trial, reporter: Reporter, interrupt: Interrupt) -> Outcome:
    """Return the outcome of a trial."""
    return trials.outcome(trial, reporter, interrupt)


def _count(done: Watcher | None, number: int, outcome: Outcome) -> None:
    """Tell that a trial is finished."""
    if done is not None:
        done(number, outcome.error)


def _trials(made_of: tuple[Any, ...], others: Sequence[Parts]) -> Trials:
    """Make trials again, on a worker of a cluster."""
    trials = Trials(*made_of)
    for parts in others:
        trials.add(parts)
    return trials
