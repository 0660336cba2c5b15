"""--preset best: what auto chooses races against changes of it, and an ensemble of the winner is the answer.

A budget is seconds on two cores of a usual machine, at a rate that is written here: what is counted is multiply-adds,

    epochs * (training steps * parameters * 3 + E) + T        forward pass, gradients of the states and of the weights

so that the plan, and with it every bit of the result, is the same on any machine. E and T are what an epoch and a
training take beside them. Most of it is for the race, what it leaves for an ensemble, each of whose networks is trained
twice where it is trained again on the validation part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import NamedTuple

import numpy as np

from rnnfast.config.forms import TIME, seconds
from rnnfast.config.resolve import Config
from rnnfast.data import Parts, SequenceData
from rnnfast.errors import DataError, UsageError
from rnnfast.model import Model
from rnnfast.records import UNSET
from rnnfast.reporter import Reporter
from rnnfast.training.candidates import Options, allowed, candidates
from rnnfast.training.checks import cell_for, check_options
from rnnfast.training.job import Job
from rnnfast.training.linear_part import check_linear_part
from rnnfast.training.mixing import check_mixing
from rnnfast.training.presets import Choice, Chosen
from rnnfast.training.race import LEAST, Race, Track, needed, outcome
from rnnfast.training.size import Size
from rnnfast.training.stopping import Deadline, Interrupt
from rnnfast.training.trial import Trials
from rnnfast.training.work import multiply_adds

BUDGET = 30.0  # s
RATE = 50e9  # multiply-adds a second, of two cores that train at the same time
EPOCH, TRAINING = 3e7, 3e8  # as many take as long as what an epoch and a training take beside them: 1 and 10 ms
PATIENT_SHARE = 0.7  # of the epochs of a run that patience may end
RACE_SHARE = 0.7  # of the budget
FIRST_SHARE = 0.6  # of it, for the first round
TRIAL_SHARE = 0.65  # of the rows of a training part, that a trial trains on
# What is taken of folds, candidates, networks, epochs and rows where the budget allows it: noise is less with more.
MANY, SOME, FEWEST_FOLDS = 99, 8, 3
LARGE = ((10, MANY, 2), (6, MANY, 2), (4, MANY, 2), (4, MANY, 1), (4, 14, 1), (4, SOME, 1))
USUAL_FOLDS = 6  # with more each tests so many sequences at least, and the parts before a point in time are too short
TESTED = 4
EPOCHS = (1.0, 0.5, 0.25)  # shares of those of a run
FEWEST_ROWS = 20_000  # of a sample of a larger training part
ROW_BYTES = 16  # of a column, with what belongs to a row
MOST_NETWORKS = 16
OTHER_FOLDS = 7919  # between the seeds of divisions into folds, which are none of networks
STREAM = 12  # of the random numbers


class Plan(NamedTuple):
    """The first round: so many folds and candidates. networks: of a trial; epochs: share of those of a run; rows: share
    of the training part.
    """

    folds: int
    candidates: int
    networks: int
    epochs: float
    rows: float


@dataclass(frozen=True)
class Best:
    """What a run with --preset best decides after its table is split.

    model: as auto makes it, which says how many inputs there are.
    """

    model: Model
    job: Job
    reporter: Reporter

    def choose(self, chosen: Chosen | None, interrupt: Interrupt) -> tuple[Config, Chosen]:
        """Race, and say how many networks are trained; chosen: by auto. Nothing but the training part is looked at.

        Returns: the configuration with plain values and --preset fast, which reruns the network without a race; and all
        choices.
        Raises TrainingInterrupted at Ctrl-C.
        """
        config, limit = self.model.config, seconds(self.model.config.train.max_time)
        deadline = Deadline(None if limit is None else limit * RACE_SHARE)
        left = (seconds(config.model.budget) or BUDGET) * RATE
        race = None
        if config.train.epochs:
            try:
                race, spent = self._race(left * RACE_SHARE, deadline, interrupt)
                left -= spent
            except DataError as error:
                self.reporter.notice(f"no race, as there is too little to compare candidates on: {error}")
        values = dict(race.winner) if race else {}
        choices = self._choices(chosen, race)
        for choice in self._ensemble(config.choosing(values), left):
            values[choice.option] = choice.value
            choices.append(choice)
        if values.get("ensemble", config.model.ensemble) == 1:
            values["distil"] = False
        if limit is not None:  # what the race has left of it
            values["max_time"] = f"{max(limit * (1 - RACE_SHARE) + max(deadline.remaining, 0.0), 0.001):.3f}s"
        preset = Chosen("best", chosen.size if chosen else "", tuple(choices), race or UNSET)
        return config.choosing({**values, "preset": "fast", "budget": None}), preset

    def cost(self, config: Config, rows: float, epochs: float | None = None) -> float:
        """Count the multiply-adds of one training on so many rows; epochs: that it takes, None for as many as usual."""
        cell = cell_for(config, self.job.equations)
        epoch = EPOCH + multiply_adds(config, cell, self.model.schema, self.model.encoder, rows)
        ends_early = 0 < config.train.patience < config.train.epochs
        usual = config.train.epochs * (PATIENT_SHARE if ends_early else 1)
        return TRAINING + (usual if epochs is None else epochs) * epoch

    def _race(self, budget: float, deadline: Deadline, interrupt: Interrupt) -> tuple[Race | None, float]:
        """Race on the training part.

        Returns: the race, None where there is nothing to try; multiply-adds that it took.
        """
        config, part = self.model.config, self.job.parts.train
        size = Size.of(part, part.weighted, mergeable=False, validated=self.job.parts.valid is not None)
        changes = candidates(config, size, self._check)
        if not changes:
            return None, 0.0
        sample = part.sample(config.train.seed)
        plan = self._plan(changes, sample, budget * FIRST_SHARE)
        if plan is None:
            budget_text = config.model.budget or f"{BUDGET:g}s"
            self.reporter.notice(f"no race: --budget {budget_text} is not enough for one on this table")
            return None, 0.0
        rows = plan.rows * sample.rows
        if part.room is not None:  # which is for the sample and a copy in each fold
            rows = min(rows, part.room.of_phase.sample / (ROW_BYTES * (sample.x.shape[1] + 1) * (plan.folds + 1)))
        sample = _drawn(sample, rows / sample.rows, config.train.seed)
        trials = Trials(sample, config, plan.folds, self.job.equations)
        if part.room is not None:
            trials.workers = 1  # one at a time needs its memory
        start = shortened(config, plan.epochs)

        def change(options: Options) -> Config | None:
            fits = not options or allowed(config, options, self._check)
            return start.choosing(_shorter(options, plan.epochs)) if fits else None

        def cost(changed: Config, epochs: float | None) -> float:
            return plan.networks * self.cost(changed, TRIAL_SHARE * sample.rows, epochs)

        def more(number: int) -> Sequence[Parts]:
            other = config.choosing({"seed": config.train.seed + OTHER_FOLDS * number})
            return Trials(sample, other, plan.folds, self.job.equations).folds

        track = Track(trials, change, cost, budget, plan.networks, self.reporter)
        contenders = track.race(changes[: plan.candidates], deadline, interrupt)
        if part.room is None and config.data.split_by != TIME:  # in time there is one division, whatever the seed
            track.finals(contenders, more, deadline, interrupt)
        return outcome(contenders, trials, plan.epochs, plan.networks), budget - track.left

    def _check(self, config: Config) -> None:
        """Raise UsageError for options that do not go together on this table."""
        predicts = replace(config, data=replace(config.data, predict=self.model.schema.predict))
        check_options(predicts, self.job.equations, self.job.own_valid)
        check_linear_part(predicts, self.model.schema)
        check_mixing(config.train.augment, self.model.schema, self.job.parts.train)
        if config.model.bidirectional and config.train.tbptt:
            raise UsageError("two directions and windows of backpropagation exclude each other")

    def _plan(self, changes: Sequence[Options], part: SequenceData, budget: float) -> Plan | None:
        """Find the first of some plans that fits the budget."""
        config, every = self.model.config, len(changes)
        auto, *costs = [self.cost(config.choosing(options), TRIAL_SHARE * part.rows) for options in ({}, *changes)]
        shares = [1.0]
        while part.rows * shares[-1] / 2 >= FEWEST_ROWS:
            shares.append(shares[-1] / 2)
        plans = [Plan(*plan, 1.0, 1.0) for plan in LARGE if self._divides(plan[0], part)] + [
            Plan(FEWEST_FOLDS, SOME, 1, epochs, rows) for rows, epochs in product(shares, EPOCHS)
        ]
        plans += [Plan(FEWEST_FOLDS, count, 1, EPOCHS[-1], shares[-1]) for count in range(SOME - 1, LEAST - 1, -1)]
        single = config.model.ensemble == 1 and "ensemble" in config.explicit  # which is judged as it answers
        for plan in plans:
            plan = plan._replace(candidates=min(plan.candidates, every), networks=1 if single else plan.networks)
            work = auto * plan.folds + needed(costs[: plan.candidates], plan.folds)
            if work * plan.networks * plan.epochs * plan.rows <= budget:
                return plan
        return None

    def _divides(self, folds: int, part: SequenceData) -> bool:
        """Whether a part has enough sequences for so many folds; a part with too few for the usual ones says so."""
        in_time = self.model.config.data.split_by == TIME
        return folds <= USUAL_FOLDS or (not in_time and part.sequences >= TESTED * folds)

    def _choices(self, chosen: Chosen | None, race: Race | None) -> list[Choice]:
        """Return the choices of auto with those of the race in their place."""
        won = race.winner if race else {}
        choices = [choice for choice in (chosen.choices if chosen else ()) if choice.option not in won]
        error = race.runners[0].error if race else 1.0
        reason = f"won the race: {error:.2f} of auto's error over {race.folds if race else 0} folds"
        return [*choices, *(Choice(option, value, reason) for option, value in won.items())]

    def _ensemble(self, config: Config, left: float) -> list[Choice]:
        """Choose the number of networks; left: multiply-adds."""
        if not config.train.epochs or "ensemble" in config.explicit:
            return []
        cost = self.cost(config, self.job.parts.train.rows)
        if config.train.refit and self.job.parts.valid is not None:
            cost += self.cost(config, self.job.parts.train.rows + self.job.parts.valid.rows)
        number = int(max(1, min(MOST_NETWORKS, left // cost)))
        reason = f"the mean of networks errs less than one; as many as the budget allows, {MOST_NETWORKS} at most"
        return [Choice("ensemble", number, reason)] if number > 1 else []


def shortened(config: Config, share: float) -> Config:
    """Return a configuration with a share of its epochs."""
    train = config.train
    return config.choosing(_shorter({"epochs": train.epochs, "patience": train.patience}, share))


def _shorter(options: Options, share: float) -> Options:
    """Return changes for runs with a share of the epochs."""
    counts = {name: max(round(value * share), 1) for name, value in options.items()
              if name in ("epochs", "patience") and value}  # fmt: skip
    return {**options, **counts}


def _drawn(part: SequenceData, share: float, seed: int) -> SequenceData:
    """Draw a share of the sequences, in their order."""
    if share >= 1:
        return part
    count = max(int(part.sequences * share), 1)
    chosen = np.random.default_rng([seed, STREAM]).choice(part.sequences, count, replace=False)
    return part.take(np.sort(chosen))
