"""A search: generations of candidates by successive halving, in epochs first and then in folds of the training part.

All run a quarter of their epochs on the first fold; the better half goes on to a half of them, and the better half of
these to the end. They run on the second fold too, the better half of them on the third (tried.py).

    error of a candidate  =  (its mean error on the folds that it ran on + s) / (the same of the base)

where s, for classes, is a part of what one wrong answer costs: without it, of two networks that make no mistake one
would be many times as good as the other. For quantities it is 0.

The base runs on all folds; who ran a part of the epochs is compared with it after the same part. A generation is
proposed, run and told as a whole, so that neither the number of threads nor the clock has a say in what is proposed;
the clock decides how many generations there are.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import replace

from rnnfast.config.forms import part_column
from rnnfast.config.resolve import Config
from rnnfast.config.tuning import TuneConfig
from rnnfast.data import Sequences
from rnnfast.display import counted
from rnnfast.equations.cell import Cell
from rnnfast.errors import DataError, RnnfastError, UsageError
from rnnfast.records import UNSET, UnsetType
from rnnfast.reporter import Reporter
from rnnfast.training.journal import Journal, TrialRecord, finite
from rnnfast.training.sampler import Sampler
from rnnfast.training.space import Candidate, Space
from rnnfast.training.stopping import Interrupt
from rnnfast.training.trial import Trial, Trials
from rnnfast.training.tried import RUNGS, Tried, better_half, rank, relative
from rnnfast.training.watch import Watch

SIZE = 16  # candidates of a generation
FOLDS, FEWEST_FOLDS = 3, 2
FEW_SEQUENCES = 2000  # that train: from there on the first fold alone tells candidates apart
STARTUP = 2  # generations that are drawn at random where nothing is planned
HALF = 0.5  # of a Brier score, in which a wrong answer costs 1, of several classes 2; divided by the labels
LATER = 100  # between the seeds of a trial and of its repetition: folds take seeds of their own in between
FINAL = 24, 15  # trainings after the last generation: the networks themselves, and repetitions on each fold


Run = tuple[Tried, int, int]  # a candidate, a fold from 0, and the seed of a repetition


class Search:
    """A search in a space, on the folds of trials. Attribute: tried, all candidates of generations that are complete.

    size: candidates of a generation. journal: with what an earlier run has come to, which is not run again; it is
    written after each generation, and each training of the best ones again.
    """

    def __init__(
        self,
        space: Space,
        trials: Trials,
        size: int,
        reporter: Reporter,
        journal: Journal,
    ) -> None:
        self.space, self.trials, self.size = space, trials, size
        self.folds = len(trials.folds) if trials.part.sequences < FEW_SEQUENCES else 1
        self._reporter, self._journal = reporter, journal
        self._sampler = Sampler(space, space.config.train.seed, STARTUP * size)
        self._cache: dict[tuple[str, int, int, float], float] = {}  # candidate, fold, repetition, share -> error
        labels = int(trials.part.labelled.sum())
        self._smoothing = HALF / labels if trials.part.schema.classes else 0.0
        self._lasted = self._runs = 0.0  # seconds, and trainings, of the last generation
        self.tried: list[Tried] = []

    @property
    def base(self) -> Tried:
        """The first candidate, that of the preset."""
        return self.tried[0]

    def run(self, tune: TuneConfig, started: float, interrupt: Interrupt) -> str:
        """Run generations; returns what ended them: trials or max_time. started: by time.perf_counter.

        Raises: TrainingInterrupted at Ctrl-C, whose generation is lost.
        """
        while True:
            left = (tune.trials or math.inf) - len(self.tried)
            if left <= 0:
                return "trials"
            generation = self.tried[-1].generation if self.tried else 0
            recorded = [record for record in self._journal.trials if record.generation == generation + 1]
            spent = time.perf_counter() - started
            if self.tried and not recorded and spent + self._needed() > tune.limit:
                return "max_time"
            self._generation(generation, len(recorded) or int(min(self.size, left)), recorded, interrupt)

    def errors(
        self,
        runs: Sequence[Run],
        interrupt: Interrupt,
        share: float = 1.0,
        again: bool = False,
        valid: str | UnsetType = UNSET,
    ) -> list[float]:
        """Return the errors of candidates, each on a fold, with the seed of a repetition, 0 for that of the trial.

        share: of their epochs. again: they are of the best ones again, which the journal has. valid: digest of the
        validation part, where that is the fold.
        """
        if again:
            self._remember(valid)
        keys = [(self.space.key(one.candidate), fold, repetition, share) for one, fold, repetition in runs]
        work = {
            key: Trial(_repeated(one.config, repetition), fold, share, None if fold or repetition else one.state)
            for key, (one, fold, repetition) in zip(keys, runs, strict=True)
            if key not in self._cache and one.config is not None
        }
        self._reporter.trials(0, len(work))
        places = {key: (one.number, fold, repetition) for key, (one, fold, repetition) in zip(keys, runs, strict=True)}
        done = Watch(self._reporter, [places[key] for key in work], self._journal if again else None, valid)
        try:
            outcomes = dict(zip(work, self.trials.run(list(work.values()), interrupt, done), strict=True))
        except DataError as error:
            raise DataError(f"on a part of the rows that train: {error}; rnnfast train needs no such parts") from None
        for key, (one, _, _) in zip(keys, runs, strict=True):
            one.state = outcomes[key].state if key in outcomes else None
        self._cache.update({key: outcome.error for key, outcome in outcomes.items()})
        self._runs += sum(trial.share - _share_before(trial) for trial in work.values())
        return [self._cache.get(key, math.inf) for key in keys]

    def _remember(self, valid: str | UnsetType) -> None:
        """Take the trainings of the best ones again of an earlier run."""
        for one in self._journal.repetitions:
            if one.valid == valid and one.trial <= len(self.tried):
                key = self.space.key(self.tried[one.trial - 1].candidate), one.fold - 1, one.repetition, 1.0
                self._cache[key] = _stored(one.error)

    def complete(self) -> list[Tried]:
        """Return the candidates that ran on all folds, the best one first, equal ones once."""
        ranked = sorted((one for one in self.tried if len(one.errors) == self.folds), key=rank)
        unique = {self.space.key(one.candidate): one for one in reversed(ranked)}
        return sorted(unique.values(), key=rank)

    def record(self, one: Tried, seconds: float = 0.0) -> TrialRecord:
        """Return a candidate as the journal has it."""
        return TrialRecord(
            trial=one.number,
            generation=one.generation,
            options=one.candidate,
            changes=self.space.changes(one.candidate),
            rungs=tuple(map(finite, one.rungs)),
            errors=tuple(map(finite, one.errors)),
            error=finite(one.error),
            seconds=seconds,
        )

    def _generation(self, generation: int, count: int, recorded: Sequence[TrialRecord], interrupt: Interrupt) -> None:
        """Propose, run and tell one generation."""
        start, self._runs = time.perf_counter(), 0
        scored = [
            [(one.candidate, one.error) for one in self.tried if one.generation == number + 1 and one.whole]
            for number in range(generation)
        ]
        candidates = self._sampler.ask(generation, count, scored)
        first = len(self.tried) + 1
        tried = [
            Tried(first + place, generation + 1, candidate, self._config(candidate))
            for place, candidate in enumerate(candidates)
        ]
        if recorded:
            self._recall(tried, recorded)
        else:
            self._halve(tried, interrupt)
        self._sampler.tell([(one.error, None if one.whole else len(one.rungs)) for one in tried])
        self.tried += tried
        seconds = time.perf_counter() - start
        if not recorded:
            self._lasted = seconds
            self._journal.trials += [self.record(one, seconds / len(tried)) for one in tried]
            self._journal.write()
        self._reporter.generation(self._journal.trials[: len(self.tried)], self.folds)

    def _recall(self, tried: Sequence[Tried], recorded: Sequence[TrialRecord]) -> None:
        """Take the errors of an earlier run."""
        for one, record in zip(tried, recorded, strict=True):
            if record.options != one.candidate:
                raise UsageError(
                    f"the journal's trial {record.trial} is none that this version proposes; begin anew with another "
                    "-o DIR, or --force"
                )
            one.rungs, one.errors = (
                [math.inf if e is None else e for e in ones] for ones in (record.rungs, record.errors)
            )
            key = self.space.key(one.candidate)
            self._cache.update({(key, 0, 0, share): error for share, error in zip(RUNGS, one.rungs, strict=False)})
            self._cache.update({(key, fold, 0, 1.0): error for fold, error in enumerate(one.errors)})
            one.rate(self.tried[0] if self.tried else tried[0], self._smoothing)

    def _halve(self, tried: Sequence[Tried], interrupt: Interrupt) -> None:
        """Run candidates as the module says, the better ones longer."""
        base = self.tried[0] if self.tried else tried[0]
        stay = list(tried)
        for share in RUNGS:
            self._run(stay, base, 0, share, interrupt)
            stay = better_half(stay, base)
        for fold in range(self.folds):
            self._run(stay, base, fold, 1.0, interrupt)
            stay = better_half(stay, base) if fold else stay
        for one in tried:
            one.state = None

    def _run(self, tried: Sequence[Tried], base: Tried, fold: int, share: float, interrupt: Interrupt) -> None:
        """Run candidates on a fold, a share of their epochs, and rate them.

        Raises RnnfastError where the base diverges.
        """
        runs = [(one, fold, 0) for one in tried]
        for one, error in zip(tried, self.errors(runs, interrupt, share), strict=True):
            (one.errors if share == 1 else one.rungs).append(error)
        if not math.isfinite((base.errors if share == 1 else base.rungs)[-1]):
            raise RnnfastError(
                "the network that the preset chooses diverges on a fold of the training part, so that there is "
                "nothing to compare with; give another --lr or --scale"
            )
        for one in tried:
            one.rate(base, self._smoothing)

    def relative(self, error: float, base: float) -> float:
        """Return a mean error relative to that of the base."""
        return relative(error, base, self._smoothing)

    def _config(self, candidate: Candidate) -> Config | None:
        try:
            return self.space.config_of(candidate)
        except UsageError:
            return None

    def _needed(self) -> float:
        """Estimate the seconds of another generation and of what comes after it."""
        final = FINAL[0] + FINAL[1] * self.folds
        return self._lasted * (1 + final / max(self._runs, 1.0))


def folded(part: Sequences, config: Config, equations: Cell | None, by: str | None) -> Trials:
    """Make as many folds of the training part as there can be; by: as of Trials.

    Raises DataError where there are too few sequences, or groups.
    """
    for count in range(FOLDS, FEWEST_FOLDS, -1):
        try:
            return Trials(part, config, count, equations, by)
        except DataError:
            continue
    try:
        return Trials(part, config, FEWEST_FOLDS, equations, by)
    except DataError as error:
        if by is not None and part_column(by):
            raise DataError(f"of the rows that train, {error}") from None
        raise DataError(
            f"{', '.join(part.source)}: {counted(part.sequences, 'sequence')} that train are too few to compare "
            f"networks on {FEWEST_FOLDS} parts of them; give more sequences, a larger --split, or use rnnfast train"
        ) from None


def _repeated(config: Config, repetition: int) -> Config:
    return replace(config, train=replace(config.train, seed=config.train.seed + LATER * repetition))


def _share_before(trial: Trial) -> float:
    """Return the share of its epochs that a trial has behind it."""
    return 0.0 if trial.before is None else trial.before.record.epochs / max(trial.config.train.epochs, 1)


def _stored(error: float | None) -> float:
    return math.inf if error is None else error
