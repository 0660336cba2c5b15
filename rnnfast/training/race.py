"""A race of configurations over folds of the training part, by successive halving (Jamieson and Talwalkar 2016).

In a round all candidates are judged on the first fold, the better half on the second too, the better half of these on
the third, and so on; two at least go on to the last fold. What auto chose is judged on each. An error counts relative
to that of auto on the same folds:

    r = sum over folds of error[fold] / sum over the same folds of auto's error[fold]

The candidates of the first round are changes of auto. Changes add up: while the budget lasts and the best one gets
better, those of the next round are the best one joined with others that were better than auto, three times at most.
In the end the best ones and auto are judged on folds that are drawn anew, while the budget lasts, fewer each time; a
table is divided in time in one way alone. Of those that were judged on all folds the one with the lowest r wins, if its
lead is no noise:

    mean(d) > q sd(d) / sqrt(folds)     d[fold] = auto's error[fold] - error[fold]

where q is 2, and more for few folds, whose spread says little (Student 1908). Else auto wins. Windows of one series say
less of the rows that come later than of those between them: there r has to be lower than MARGIN, too. The plan counts
multiply-adds, never time, so that a seed gives the same winner on any machine, for any number of threads; a limit on
the time alone ends a race earlier.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from threading import Lock

import numpy as np

from rnnfast.config.resolve import Config
from rnnfast.data.splitting.parts import Parts
from rnnfast.errors import DataError
from rnnfast.records import Record
from rnnfast.reporter import Lap, Reporter
from rnnfast.training.candidates import Options
from rnnfast.training.stopping import Deadline, Interrupt
from rnnfast.training.trial import Trial, Trials

NOISE = 2.0  # standard errors; of many candidates the luckiest is looked at
NOISE_OF_FEW = {2: 6.3, 3: 2.9, 4: 2.4, 5: 2.1}  # of so many folds: by chance one time in twenty, as 2 of six
MARGIN = 0.85  # of the error of auto
LEAST = 2  # candidates that go on to the next fold, beside auto, and have room in the finals
PARTNERS = 6  # changes that the best one is joined with at a time
FINALISTS = 6  # beside auto, in the first of the finals, one less in each later one
FINALS = 5  # other divisions into folds, at most
ROUNDS = 4  # at most: longer chains of changes follow the noise of the folds


class Runner(Record, frozen=True):
    """How a candidate did. options: its changes, none of auto; error: relative to auto on the same folds."""

    options: Options
    error: float
    folds: int


class Race(Record, frozen=True):
    """A race. winner: the changes that won, none where auto did; runners: the best one first.

    folds: of the training part, that auto was judged on; sequences: of it that took part; epochs: share of those of a
    run that trials have; networks: of a trial.
    """

    winner: Options
    runners: tuple[Runner, ...]
    folds: int
    sequences: int
    epochs: float
    networks: int


@dataclass
class Contender:
    """A candidate in the race. errors: of the folds so far."""

    options: Options
    config: Config
    errors: list[float] = field(default_factory=list)


class Track:
    """Judges contenders on folds.

    change: returns the configuration with some changes, None where these do not go together; cost: multiply-adds of a
    trial of so many networks that take so many epochs each, as many as usual for None; budget: of all trials.
    """

    def __init__(
        self,
        trials: Trials,
        change: Callable[[Options], Config | None],
        cost: Callable[[Config, float | None], float],
        budget: float,
        networks: int,
        reporter: Reporter,
    ) -> None:
        self.trials, self.change, self.cost, self.left, self.reporter = trials, change, cost, budget, reporter
        self.folds, self.networks = len(trials.folds), networks

    def race(self, changes: Sequence[Options], deadline: Deadline, interrupt: Interrupt) -> list[Contender]:
        """Run the race. Returns all that took part, auto first."""
        auto, *new = [Contender(options, config) for options in ({}, *changes) if (config := self.change(options))]
        every, best = [auto], auto
        for _ in range(ROUNDS):
            if not new:
                break
            every += new
            last = self._round(new, auto, deadline, interrupt)
            before, best = best, min([best, *last], key=lambda one: relative(one, auto))
            new = [] if best is before or deadline.passed else self._joined(best, every)
        return every

    def _round(
        self, new: Sequence[Contender], auto: Contender, deadline: Deadline, interrupt: Interrupt
    ) -> Sequence[Contender]:
        """Judge new contenders, fewer on each fold, and auto where it was not. Returns those of the last fold."""
        for fold in range(self.folds):
            self._judge([auto, *new] if len(auto.errors) == fold else new, fold, deadline, interrupt)
            new = sorted(new, key=lambda one: relative(one, auto))[: halved(len(new))]
        return new

    def finals(
        self,
        contenders: Sequence[Contender],
        more: Callable[[int], Sequence[Parts]],
        deadline: Deadline,
        interrupt: Interrupt,
    ) -> None:
        """Judge auto and the best ones on other folds, as many of them as the budget allows.

        more: returns the folds of another division, from 1; one that cannot be trained on ends the finals.
        """
        auto, *others = contenders
        whole = [one for one in others if len(one.errors) == self.folds]
        for number in range(1, FINALS + 1):
            whole = sorted(whole, key=lambda one: relative(one, auto))[: FINALISTS + 1 - number]
            while whole and sum(self.cost(one.config, None) for one in (auto, *whole)) * self.folds > self.left:
                whole.pop()
            if not whole or deadline.passed:
                break
            try:
                for parts in more(number):
                    self._judge([auto, *whole], self.trials.add(parts), deadline, interrupt)
            except DataError:
                break

    def _judge(self, contenders: Sequence[Contender], fold: int, deadline: Deadline, interrupt: Interrupt) -> None:
        """Judge contenders on a fold, unless the time is over."""
        if deadline.passed:
            return
        begun = Lap(0, len(contenders), fold + 1, len(self.trials.folds), joined=bool(contenders[0].options))
        lock, judged = Lock(), set()

        def finished(number: int, error: float) -> None:
            with lock:
                judged.add(number)
                self.reporter.lap(replace(begun, judged=len(judged)))

        self.reporter.lap(begun)
        share = deadline.remaining * min(self.trials.workers / len(contenders), 1.0) / self.networks
        limit = {} if math.isinf(share) else {"max_time": f"{max(share, 1e-3):.6f}s"}
        trials = [Trial(contender.config.choosing(limit), fold, networks=self.networks) for contender in contenders]
        for contender, outcome in zip(contenders, self.trials.run(trials, interrupt, finished), strict=True):
            contender.errors.append(outcome.error)
            self.left -= self.cost(contender.config, outcome.epochs)

    def _joined(self, best: Contender, contenders: Sequence[Contender]) -> list[Contender]:
        """Join the best one with changes that were better than auto, as many as the budget allows beside the finals."""
        auto, tried = contenders[0], [one.options for one in contenders]
        new: list[Contender] = []
        left = self.left - self.cost(best.config, None) * self.folds * (1 + LEAST)
        for partner in sorted(contenders[1:], key=lambda one: (-len(one.errors), relative(one, auto))):
            options = {**best.options, **partner.options}
            agree = all(best.options.get(name, value) == value for name, value in partner.options.items())
            if not agree or options in tried or relative(partner, auto) >= 1 or len(new) == PARTNERS:
                continue
            config = self.change(options)
            if config is None:
                continue
            joined = Contender(options, config)
            if needed([self.cost(one.config, None) for one in (*new, joined)], self.folds) <= left:
                new.append(joined)
                tried.append(options)
        return new


def halved(count: int) -> int:
    """Return how many of some candidates go on to the next fold."""
    return min(count, max(LEAST, -(-count // 2)))


def needed(costs: Sequence[float], folds: int) -> float:
    """Count the multiply-adds of a round; costs: of each candidate, on one fold."""
    count, total = len(costs), 0.0
    for _ in range(folds):
        total += count * sum(costs) / len(costs)
        count = halved(count)
    return total


def relative(contender: Contender, auto: Contender) -> float:
    """Return the error of a contender divided by that of auto on the same folds; infinity without any."""
    own, others = sum(contender.errors), sum(auto.errors[: len(contender.errors)])
    if not contender.errors or math.isinf(own):
        return math.inf if contender is not auto else 1.0
    if others == 0:
        return 1.0 if own == 0 else math.inf
    return own / others


def leads(contender: Contender, auto: Contender) -> bool:
    """Whether a contender that was judged on all folds, two at least, is better than auto by more than their noise."""
    folds = len(contender.errors)
    if folds < max(2, len(auto.errors)) or math.isinf(sum(contender.errors)):
        return False
    if math.isinf(sum(auto.errors)):
        return True
    lead = np.subtract(auto.errors, contender.errors)
    return bool(lead.mean() > noise(folds) * lead.std(ddof=1) / math.sqrt(folds))


def noise(count: int) -> float:
    """Return the standard errors that a mean of so many differences has to be above 0."""
    return NOISE_OF_FEW.get(count, NOISE)


def outcome(contenders: Sequence[Contender], trials: Trials, epochs: float, networks: int) -> Race:
    """Say who won, and how all did; auto is the first of the contenders."""
    auto, most = contenders[0], 1.0 if trials.part.schema.id else MARGIN
    leaders = [one for one in contenders[1:] if leads(one, auto) and relative(one, auto) < most]
    winner = min(leaders, key=lambda one: relative(one, auto), default=auto)
    judged = [auto, *(one for one in contenders[1:] if one.errors)]  # the time may have left out others
    order = sorted(judged, key=lambda one: (one is not winner, -len(one.errors), relative(one, auto)))
    runners = tuple(Runner(one.options, relative(one, auto), len(one.errors)) for one in order)
    return Race(winner.options, runners, len(auto.errors), trials.part.sequences, epochs, networks)
