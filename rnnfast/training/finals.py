"""The best trials of a search again, with several seeds: the error of the best one of many is lower than it deserves.

The base is always among them. The least mean over seeds and folds wins. Then winner and base are trained on the whole
training part and tested on the validation part, which no trial has seen.
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
from rnnfast.training.search import Search, Tried
from rnnfast.training.stopping import Interrupt
from rnnfast.training.trial import LARGEST_SHARE

SEEDS = 5
CHALLENGERS = 2  # beside the base


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

    @property
    def optimism(self) -> float:
        """How much lower the error of the trial is than the mean of all seeds, as a share of the base's error."""
        return self.mean - self.error


def repeated(search: Search, parts: Parts, interrupt: Interrupt) -> list[Finalist]:
    """Repeat the best trials; returns the winner first. Raises TrainingInterrupted at Ctrl-C."""
    best = [one for one in search.complete() if math.isfinite(one.error)]
    base = search.base
    finalists = [one for one in best if one is not base][:CHALLENGERS]
    finalists = sorted([base, *finalists], key=lambda one: one.number)
    errors = {one.number: _errors(search, one, interrupt) for one in finalists} if len(finalists) > 1 else {}
    if not errors:
        errors = {base.number: np.array([base.errors])}
    of_base = errors[base.number]
    whole = {number: float(of_one.sum() / of_base.sum()) for number, of_one in errors.items()}
    winner = min(finalists, key=lambda one: whole[one.number])
    untouched = UNSET if winner is base else _untouched(search, parts, (winner, base), interrupt)

    def finalist(one: Tried) -> Finalist:
        by_seed = errors[one.number].sum(axis=1) / of_base.mean(axis=0).sum()
        return Finalist(
            trial=search.record(one),
            error=one.error,
            mean=whole[one.number],
            std=float(by_seed.std(ddof=1)) if len(by_seed) > 1 else 0.0,
            seeds=len(by_seed),
            untouched=untouched if one is winner else UNSET,
        )

    return sorted(map(finalist, finalists), key=lambda one: one.mean)


def unrepeated(search: Search) -> list[Finalist]:
    """Return the best trials as they are, the best one first, where there is no time to repeat them."""
    best = [one for one in search.complete() if math.isfinite(one.error)][: 1 + CHALLENGERS]
    return [Finalist(trial=search.record(one), error=one.error, mean=one.error, std=0.0, seeds=1) for one in best]


def _errors(search: Search, one: Tried, interrupt: Interrupt) -> NDArray[np.float64]:
    """Return (SEEDS, folds) the errors of a candidate."""
    runs = [(one, fold, repetition) for repetition in range(SEEDS) for fold in range(search.folds)]
    return np.reshape(search.errors(runs, interrupt), (SEEDS, search.folds))


def _untouched(search: Search, parts: Parts, pair: Sequence[Tried], interrupt: Interrupt) -> float | UnsetType:
    """Return the error of the first of two candidates on the validation part, relative to that of the second."""
    if parts.valid is None:
        return UNSET
    place = len(search.trials.folds)
    search.trials.folds.append(_as_fold(search, parts, search.space.config))
    seeds = SEEDS if search.folds > 1 else 1
    errors = search.errors([(one, place, seed) for one in pair for seed in range(seeds)], interrupt)
    one, other = np.reshape(errors, (2, seeds)).sum(axis=1)
    return float(one / other) if other > 0 and math.isfinite(one) else UNSET


def _as_fold(search: Search, parts: Parts, config: Config) -> Parts:
    """Return the training part, of which some end training, with the validation part to test on."""
    assert parts.valid is not None
    share = min(config.data.split[0] / min(sum(config.data.split), 1.0), LARGEST_SHARE)
    by = TIME if config.data.split_by == TIME else SEQUENCE
    fold = split(search.trials.part, (share,), config.train.seed, by)
    fold.test = parts.valid.sample(config.train.seed).alone()
    return fold
