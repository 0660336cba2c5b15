"""Proposals for a search, a generation at a time: a plan first, then Optuna's tree-structured Parzen estimator (TPE).

Generation 0 is a ladder of learning rates and single changes of the base, generation 1 single changes of the best of
these, generation 2 begins with the best of them together; all else is what TPE (Bergstra et al. 2011; multivariate,
Falkner et al. 2018) makes of the errors so far. Candidates that did not run all their epochs are worse for it than
those that did, and better the longer they ran. A generation is asked for in order and told in order: what is proposed
follows from errors and seed alone.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from rnnfast.errors import RnnfastError
from rnnfast.training.space import WIDEST_RATE, Candidate, Space

TOGETHER = (2, 3)  # best single changes that are tried together
WORST = 100.0  # relative error that is told of a candidate that diverges, or whose options exclude each other

Scored = tuple[Candidate, float]  # a candidate, and its error relative to the base


def optuna() -> Any:
    """Import Optuna. Raises RnnfastError where it is not installed."""
    try:
        import optuna as library
    except ImportError:
        raise RnnfastError(
            "tune needs Optuna, which is not installed; install it with: python -m pip install 'rnnfast[tune]'"
        ) from None
    library.logging.set_verbosity(library.logging.WARNING)
    return library


class Sampler:
    """Proposes candidates of a space. seed: of what is drawn."""

    def __init__(self, space: Space, seed: int, startup: int) -> None:
        library = optuna()
        kinds = library.distributions
        self._space = space
        self._distributions = {name: kinds.CategoricalDistribution(values) for name, values in space.values.items()}
        if space.rate is not None:
            low, high = space.rate / WIDEST_RATE, space.rate * WIDEST_RATE
            self._distributions["lr"] = kinds.FloatDistribution(low, high, log=True)
        with warnings.catch_warnings():  # multivariate and constant_liar are called experimental, for years
            warnings.simplefilter("ignore", library.exceptions.ExperimentalWarning)
            sampler = library.samplers.TPESampler(
                seed=seed, multivariate=True, constant_liar=True, n_startup_trials=startup
            )
        self._study = library.create_study(sampler=sampler)
        self._open: list[Any] = []
        self._proposals: list[Candidate] = []

    def ask(self, generation: int, count: int, scored: Sequence[Sequence[Scored]]) -> list[Candidate]:
        """Propose so many candidates, in order. scored: those of the generations before that ran all their epochs."""
        planned = self._planned(generation, scored)[:count]
        for candidate in planned:
            self._study.enqueue_trial(dict(candidate))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna().exceptions.ExperimentalWarning)
            self._open = [self._study.ask(self._distributions) for _ in range(count)]
        candidates = [{name: trial.params[name] for name in self._space.base} for trial in self._open]
        self._proposals += candidates
        return candidates

    def tell(self, results: Sequence[tuple[float, int | None]]) -> None:
        """Take what became of the candidates that were proposed last, in their order.

        results: the error relative to the base, and after how many rungs that was; None: it ran all its epochs.
        """
        pruned = optuna().trial.TrialState.PRUNED
        for trial, (error, rungs) in zip(self._open, results, strict=True):
            value = min(error, WORST) if not math.isnan(error) else WORST
            if rungs is None:
                self._study.tell(trial, value)
            else:
                trial.report(value, rungs)
                self._study.tell(trial, state=pruned)

    def _planned(self, generation: int, scored: Sequence[Sequence[Scored]]) -> list[Candidate]:
        """Return the candidates of a generation that are no proposals of TPE."""
        if generation == 0:
            return [*self._space.rates(), *self._space.single_changes(self._space.base)]
        best, least = min(scored[0], key=lambda one: one[1])
        if generation == 1:
            return [candidate for candidate in self._space.single_changes(best) if candidate not in self._proposals]
        if generation > 2:
            return []
        better = sorted((one for one in scored[1] if one[1] < least), key=lambda one: one[1])
        return [self._together(best, [candidate for candidate, _ in better[:count]]) for count in TOGETHER
                if len(better) >= count]  # fmt: skip

    @staticmethod
    def _together(best: Mapping[str, Any], candidates: Sequence[Candidate]) -> Candidate:
        """Return a candidate with the changes of several, of one option that of the better one."""
        together: Candidate = {}
        for candidate in candidates:
            for name, value in candidate.items():
                if value != best[name]:
                    together.setdefault(name, value)
        return {**best, **together}
