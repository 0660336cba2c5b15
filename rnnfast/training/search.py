"""A search: generations of candidates, each trained on folds of the training part, the better half on one fold more.

    error of a candidate  =  (sum of its errors on the folds that it ran on + s) / (the same of the base)

where s, for classes, is a part of what one wrong answer costs: without it, of two networks that make no mistake one
would be many times as good as the other. For quantities it is 0.

The base runs on all folds. A generation is proposed, run and told as a whole, so that neither the number of threads nor
the clock has a say in what is proposed; the clock decides how many generations there are.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from threading import Lock

from rnnfast.config.forms import part_column
from rnnfast.config.resolve import Config
from rnnfast.config.tuning import TuneConfig
from rnnfast.data import Sequences
from rnnfast.display import counted
from rnnfast.equations.cell import Cell
from rnnfast.errors import DataError, RnnfastError, UsageError
from rnnfast.records import UNSET, UnsetType
from rnnfast.reporter import Reporter
from rnnfast.training.journal import Journal, Repetition, TrialRecord
from rnnfast.training.sampler import Sampler
from rnnfast.training.space import Candidate, Space
from rnnfast.training.stopping import Interrupt
from rnnfast.training.trial import Trial, Trials

SIZE = 8  # candidates of a generation
FOLDS, FEWEST_FOLDS = 3, 2
FEW_SEQUENCES = 2000  # that train: from there on the first fold alone tells candidates apart
STARTUP = 2  # generations that are drawn at random where nothing is planned
LEAST_ERROR = 1e-9  # of the base, by which errors are divided
HALF = 0.5  # of a Brier score, in which a wrong answer costs 1, of several classes 2; divided by the labels
LATER = 100  # between the seeds of a trial and of its repetition: folds take seeds of their own in between
FINAL = 24, 15  # trainings after the last generation: the networks themselves, and repetitions on each fold


@dataclass
class Tried:
    """A candidate and its errors on the folds that it ran on."""

    number: int  # from 1
    generation: int  # from 1
    candidate: Candidate
    config: Config | None  # None: its options exclude each other
    errors: list[float] = field(default_factory=list)
    error: float = math.inf  # relative to the base


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
        self._cache: dict[tuple[str, int, int], float] = {}  # candidate, fold, repetition -> error
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
        self, runs: Sequence[Run], interrupt: Interrupt, again: bool = False, valid: str | UnsetType = UNSET
    ) -> list[float]:
        """Return the errors of candidates, each on a fold, with the seed of a repetition, 0 for that of the trial.

        again: they are of the best ones again, which the journal has. valid: digest of the validation part, where that
        is the fold.
        """
        if again:
            self._remember(valid)
        keys = [(self.space.key(one.candidate), fold, repetition) for one, fold, repetition in runs]
        work = {
            key: Trial(_repeated(one.config, repetition), fold)
            for key, (one, fold, repetition) in zip(keys, runs, strict=True)
            if key not in self._cache and one.config is not None
        }
        self._reporter.trials(0, len(work))
        places = {key: (one.number, fold, repetition) for key, (one, fold, repetition) in zip(keys, runs, strict=True)}
        done = _Watch(self._reporter, [places[key] for key in work], self._journal if again else None, valid)
        try:
            errors = self.trials.run(list(work.values()), interrupt, done)
        except DataError as error:
            raise DataError(f"on a part of the rows that train: {error}; rnnfast train needs no such parts") from None
        self._cache.update(zip(work, errors, strict=True))
        self._runs += len(work)
        return [self._cache.get(key, math.inf) for key in keys]

    def _remember(self, valid: str | UnsetType) -> None:
        """Take the trainings of the best ones again of an earlier run."""
        for one in self._journal.repetitions:
            if one.valid == valid and one.trial <= len(self.tried):
                key = self.space.key(self.tried[one.trial - 1].candidate), one.fold - 1, one.repetition
                self._cache[key] = math.inf if one.error is None else one.error

    def complete(self) -> list[Tried]:
        """Return the candidates that ran on all folds, the best one first, equal ones once."""
        ranked = sorted((one for one in self.tried if len(one.errors) == self.folds), key=_rank)
        unique = {self.space.key(one.candidate): one for one in reversed(ranked)}
        return sorted(unique.values(), key=_rank)

    def record(self, one: Tried, seconds: float = 0.0) -> TrialRecord:
        """Return a candidate as the journal has it."""
        return TrialRecord(
            trial=one.number,
            generation=one.generation,
            options=one.candidate,
            changes=self.space.changes(one.candidate),
            errors=tuple(error if math.isfinite(error) else None for error in one.errors),
            error=one.error if math.isfinite(one.error) else None,
            seconds=seconds,
        )

    def _generation(self, generation: int, count: int, recorded: Sequence[TrialRecord], interrupt: Interrupt) -> None:
        """Propose, run and tell one generation."""
        start, self._runs = time.perf_counter(), 0
        scored = [
            [(one.candidate, one.error) for one in self.tried if one.generation == number + 1]
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
        self._sampler.tell([one.error for one in tried])
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
            one.errors = [math.inf if error is None else error for error in record.errors]
            self._cache.update(
                {(self.space.key(one.candidate), fold, 0): error for fold, error in enumerate(one.errors)}
            )
            self._rate(one, tried[0])

    def _halve(self, tried: Sequence[Tried], interrupt: Interrupt) -> None:
        """Run all candidates on the first fold, the better half of them on the next one, and so on."""
        base = self.tried[0] if self.tried else tried[0]
        stay = list(tried)
        for fold in range(self.folds):
            for one, error in zip(stay, self.errors([(one, fold, 0) for one in stay], interrupt), strict=True):
                one.errors.append(error)
            if not math.isfinite(base.errors[fold]):
                raise RnnfastError(
                    "the network that the preset chooses diverges on a fold of the training part, so that there is "
                    "nothing to compare with; give another --lr or --scale"
                )
            for one in stay:
                self._rate(one, base)
            best = sorted(stay, key=_rank)[: -(-len(stay) // 2)]
            stay = [one for one in stay if one in best or one is base]

    def _rate(self, one: Tried, first: Tried) -> None:
        """Set the error of a candidate relative to the base; first: of the first generation, while it runs."""
        base = (self.tried[0] if self.tried else first).errors[: len(one.errors)]
        one.error = self.relative(sum(one.errors) / len(base), sum(base) / len(base))

    def relative(self, error: float, base: float) -> float:
        """Return a mean error relative to that of the base."""
        return (error + self._smoothing) / max(base + self._smoothing, LEAST_ERROR)

    def _config(self, candidate: Candidate) -> Config | None:
        try:
            return self.space.config_of(candidate)
        except UsageError:
            return None

    def _needed(self) -> float:
        """Estimate the seconds of another generation and of what comes after it."""
        final = FINAL[0] + FINAL[1] * self.folds
        return self._lasted * (1 + final / max(self._runs, self.size))


class _Watch:
    """Tells how many trainings are finished, and writes them into a journal; called from several threads.

    runs: trial, fold and repetition of each. journal: None where nothing is written; valid: as of Repetition.
    """

    def __init__(
        self, reporter: Reporter, runs: Sequence[tuple[int, int, int]], journal: Journal | None, valid: str | UnsetType
    ) -> None:
        self._reporter, self._runs, self._journal, self._valid = reporter, runs, journal, valid
        self._done, self._lock = 0, Lock()

    def __call__(self, place: int, error: float) -> None:
        with self._lock:
            self._done += 1
            self._reporter.trials(self._done, len(self._runs))
            if self._journal is not None:
                trial, fold, repetition = self._runs[place]
                stored = error if math.isfinite(error) else None
                self._journal.repetitions.append(
                    Repetition(trial=trial, fold=fold + 1, repetition=repetition, error=stored, valid=self._valid)
                )
                self._journal.write()


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


def _rank(one: Tried) -> tuple[float, int]:
    return one.error, one.number
