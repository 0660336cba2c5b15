"""The outcome of a search: its trials, the best of them again, and the network that came out."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnfast.config.resolve import Config
from rnnfast.display import Displayed, counted
from rnnfast.metrics.evaluation import brief
from rnnfast.records import Record, versioned
from rnnfast.training.finals import Finalist
from rnnfast.training.journal import TrialRecord
from rnnfast.training.result import TrainReport, TrainResult

if TYPE_CHECKING:
    from rnnfast.model import Model


class TuneReport(Record, frozen=True, kw_only=True):
    """What `tune --json` prints.

    stopped: trials, max_time or interrupted. searched: values of each option that is searched, the base's first; of
    the learning rate the least and the highest. best: the finalist that was chosen; finalists: all, the best first;
    errors of trials are relative to the base. train: of the network that came out, as `train --json`.
    """

    task: str
    model: str | None
    config: str | None
    count: int
    generations: int
    stopped: str
    folds: int
    searched: dict[str, Any]
    base: dict[str, Any]
    best: Finalist
    finalists: tuple[Finalist, ...]
    trials: tuple[TrialRecord, ...]
    seconds: float
    train: TrainReport


@dataclass(repr=False, eq=False)
class TuneResult(Displayed):
    """A search and the network that came out. result: of its training; config: the configuration that was chosen."""

    trials: list[TrialRecord]
    finalists: list[Finalist]
    stopped: str
    folds: int
    searched: dict[str, Any]
    base: dict[str, Any]
    result: TrainResult
    seconds: float = 0.0
    files: dict[str, Path] = field(default_factory=dict)

    @property
    def model(self) -> Model:
        """The network that came out."""
        return self.result.model

    @property
    def config(self) -> Config:
        """The configuration that was chosen, with all its values."""
        return self.result.model.config

    @property
    def best(self) -> Finalist:
        """The trial that was chosen."""
        return self.finalists[0]

    @property
    def task(self) -> str:
        """Name of the task."""
        return self.result.task

    @property
    def generations(self) -> int:
        """Generations that are complete."""
        return self.trials[-1].generation

    def display(self) -> tuple[str, dict[str, str]]:
        """Return how many trials there were, what was chosen, and the scores of the network."""
        changes = ", ".join(f"{name}={value}" for name, value in self.best.trial.changes.items())
        lines = {
            "chosen": f"trial {self.best.trial.trial}: {changes or 'what the preset chooses'}",
            "error": f"{self.best.mean:.3g} of the preset's, {counted(self.best.seeds, 'seed')}",
        }
        lines |= {part: brief(metrics) for part, metrics in list(self.result.metrics.items())[-2:]}
        return f"{counted(len(self.trials), 'trial')} in {counted(self.generations, 'generation')}", lines

    def to_json(self) -> dict[str, Any]:
        """Return the object that `tune --json` prints."""
        return versioned(self.report())

    def report(self) -> TuneReport:
        """Return the same as a record."""
        return TuneReport(
            task=self.task,
            model=str(self.files["model"]) if "model" in self.files else None,
            config=str(self.files["config"]) if "config" in self.files else None,
            count=len(self.trials),
            generations=self.generations,
            stopped=self.stopped,
            folds=self.folds,
            searched=self.searched,
            base=self.base,
            best=self.best,
            finalists=tuple(self.finalists),
            trials=tuple(self.trials),
            seconds=self.seconds,
            train=self.result.report(),
        )
