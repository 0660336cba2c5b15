"""The best trials of a search again, with several seeds: the error of the best one of many is lower than it deserves.

The least mean over seeds and folds wins, if it is lower than that of the base by more than its noise, as in a race:

    d = error of the base - error of the candidate, of each seed and fold        mean d > q std d / sqrt(number of d)

Then winner and base are trained on the whole training part and tested on the validation part, which no trial has seen.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rnnfast.config.forms import SEQUENCE, TIME
from rnnfast.config.resolve import Config
from rnnfast.data import Parts, split
from rnnfast.records import UNSET, Record, UnsetType
from rnnfast.training.journal import TrialRecord
from rnnfast.training.race import noise
from rnnfast.training.search import Search
from rnnfast.training.stopping import Interrupt
from rnnfast.training.trial import LARGEST_SHARE
from rnnfast.training.tried import Tried

SEEDS = 5
CHALLENGERS = 2  # beside the base, of those whose trial was better


class Finalist(Record, frozen=True, kw_only=True):
    """A trial that was repeated, with errors relative to those of the base.

    error: on the folds, of the trial; mean: of all seeds; std: over the seeds. untouched: on the validation part, where
    there is one, for the winner alone.
    """

    trial: TrialRecord
    error: float
    mean: float
    std: float
    seeds: int
    untouched: float | UnsetType = UNSET


def repeated(search: Search, parts: Parts, interrupt: Interrupt) -> list[Finalist]:
    """Repeat the best trials; returns the winner first. Raises TrainingInterrupted at Ctrl-C."""
    base = search.base
    best = [one for one in search.complete() if one.error < 1][:CHALLENGERS]
    finalists = sorted([base, *best], key=lambda one: one.number)
    errors = {one.number: _errors(search, one, interrupt) if best else np.array([base.errors]) for one in finalists}
    of_base = errors[base.number]

    def mean(one: Tried) -> float:
        return search.relative(float(errors[one.number].mean()), float(of_base.mean()))

    better = [one for one in best if clearly_less(errors[one.number], of_base)]
    winner = min(better, key=mean, default=base)
    untouched = UNSET if winner is base else _untouched(search, parts, (winner, base), interrupt)

    def finalist(one: Tried) -> Finalist:
        by_seed = [search.relative(float(error), float(of_base.mean())) for error in errors[one.number].mean(axis=1)]
        return Finalist(
            trial=search.record(one),
            error=one.error,
            mean=mean(one),
            std=float(np.std(by_seed, ddof=1)) if len(by_seed) > 1 else 0.0,
            seeds=len(by_seed),
            untouched=untouched if one is winner else UNSET,
        )

    others = sorted((one for one in finalists if one is not winner), key=mean)
    return [finalist(one) for one in (winner, *others)]


def clearly_less(errors: NDArray[np.float64], of_base: NDArray[np.float64]) -> bool:
    """Whether errors (seeds, folds) are lower than those of the base by more than their noise."""
    less = of_base - errors
    return bool(np.isfinite(less).all() and less.mean() > noise(less.size) * less.std(ddof=1) / np.sqrt(less.size))


def unrepeated(search: Search) -> list[Finalist]:
    """Return the best trials as they are, the best one first, where there is no time to repeat them."""
    best = [one for one in search.complete() if math.isfinite(one.error)][: 1 + CHALLENGERS]
    return [Finalist(trial=search.record(one), error=one.error, mean=one.error, std=0.0, seeds=1) for one in best]


def _errors(search: Search, one: Tried, interrupt: Interrupt) -> NDArray[np.float64]:
    """Return (SEEDS, folds) the errors of a candidate, with seeds other than that of its trial."""
    runs = [(one, fold, 1 + repetition) for repetition in range(SEEDS) for fold in range(search.folds)]
    return np.reshape(search.errors(runs, interrupt, again=True), (SEEDS, search.folds))


def _untouched(search: Search, parts: Parts, pair: Sequence[Tried], interrupt: Interrupt) -> float | UnsetType:
    """Return the error of the first of two candidates on the validation part, relative to that of the second."""
    if parts.valid is None:
        return UNSET
    place = search.trials.add(_as_fold(search, parts, search.space.config))
    seeds = SEEDS if search.folds > 1 else 1
    runs = [(one, place, seed) for one in pair for seed in range(seeds)]
    errors = search.errors(runs, interrupt, again=True, valid=parts.valid.digest)
    one, other = np.reshape(errors, (2, seeds)).mean(axis=1)
    return search.relative(float(one), float(other)) if math.isfinite(one + other) else UNSET


def _as_fold(search: Search, parts: Parts, config: Config) -> Parts:
    """Return the training part, of which some end training, with the validation part to test on."""
    assert parts.valid is not None
    share = min(config.data.split[0] / min(sum(config.data.split), 1.0), LARGEST_SHARE)
    by = TIME if config.data.split_by == TIME else SEQUENCE
    fold = split(search.trials.part, (share,), config.train.seed, by)
    fold.test = parts.valid.sample(config.train.seed).alone()
    return fold
