"""The outcome of a cross-validation: each fold, mean and spread of their scores, and the scores of all answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rnnfast.config.folding import FoldConfig
from rnnfast.config.resolve import Config
from rnnfast.data import Schema
from rnnfast.display import Displayed, counted
from rnnfast.metrics.evaluation import Baseline, Evaluation, Repeated, Scores, brief
from rnnfast.metrics.figures import Counts
from rnnfast.records import UNSET, Record, UnsetType, versioned
from rnnfast.training.pooled import pooled

if TYPE_CHECKING:
    import pandas as pd

    from rnnfast.model import Model

Floats = NDArray[np.floating[Any]]
Figures = dict[str, float | None]

NOT_FIGURES = ("threshold", "per_target", "season", "labelled_steps", "naive")  # beside them in scores


class FoldReport(Record, frozen=True, kw_only=True):
    """A fold in JSON; fields as of `FoldResult`."""

    fold: int
    repeat: int | UnsetType = UNSET
    metrics: Scores
    baseline: Baseline | None
    labelled_steps: int
    sequences: dict[str, int]
    epochs: int
    best_epoch: int
    stopped: str
    seconds: float


class CrossValidationReport(Record, frozen=True, kw_only=True):
    """What `cv --json` prints.

    mean, std: of the metrics over the folds, each over those where it is defined; std is that of a sample. pooled:
    metrics of all answers of all folds together. baseline: mean of the naive answers' metrics. untested: rows that are
    in no test part. count: of the folds that there were to be. options: values that follow from the part that trains,
    and so may differ between folds, are those of the first of `folds`.
    """

    task: str
    count: int
    folds: tuple[FoldReport, ...]
    mean: Figures
    std: Figures
    pooled: Scores
    confusion: Counts | None
    classes: tuple[Any, ...] | UnsetType = UNSET
    baseline: dict[str, Any]
    labelled_steps: int
    rows: int
    sequences: int
    untested: int
    seconds: float
    output: str | UnsetType = UNSET
    options: dict[str, Any]


@dataclass(repr=False, eq=False)
class FoldResult(Displayed):
    """One fold: its model, and the scores on what it did not train on.

    number: from 1; repeat: from 1; sequences: part -> sequences. y, answers: (labelled steps, ..) of the test part.
    seconds: that training and scoring took.
    """

    number: int
    repeat: int
    model: Model
    evaluation: Evaluation
    sequences: dict[str, int]
    epochs: int
    best_epoch: int
    stopped: str
    seconds: float
    y: Floats
    answers: Floats
    weight: Floats | None = None  # (labelled steps,) of the test part, None where all weigh the same
    of_several: bool = False  # whether there are several repeats

    @property
    def metrics(self) -> Scores:
        """Metrics of the test part."""
        return self.evaluation.metrics

    def display(self) -> tuple[str, dict[str, str]]:
        """Return how training went, and the scores."""
        return f"fold {self.number}, {counted(self.epochs, 'epoch')} (best {self.best_epoch})", {
            "test": brief(self.metrics)
        }

    def report(self) -> FoldReport:
        """Return the fold as JSON has it."""
        return FoldReport(
            fold=self.number,
            repeat=self.repeat if self.of_several else UNSET,
            metrics=self.metrics,
            baseline=self.evaluation.baseline,
            labelled_steps=self.evaluation.labelled_steps,
            sequences=self.sequences,
            epochs=self.epochs,
            best_epoch=self.best_epoch,
            stopped=self.stopped,
            seconds=self.seconds,
        )


@dataclass(repr=False, eq=False)
class CrossValidation(Displayed):
    """Models that were each trained on a part of a table and scored on another one, until all of it was scored.

    folds: those that are complete, in their order; count: how many there were to be; rule: how they were made.
    untested: rows of the table that are in no test part. lines: makes the predictions.
    """

    folds: list[FoldResult]
    count: int
    rule: str
    schema: Schema
    rows: int
    sequences: int
    untested: int
    seconds: float
    config: Config
    fold_config: FoldConfig
    lines: Callable[[], pd.DataFrame] = field(repr=False)
    files: dict[str, Path] = field(default_factory=dict)

    @property
    def task(self) -> str:
        """Name of the task."""
        return self.schema.task

    @property
    def mean(self) -> Figures:
        """Mean of each metric over the folds where it is defined."""
        return _over([fold.metrics for fold in self.folds], _mean)

    @property
    def std(self) -> Figures:
        """Standard deviation of each metric over the folds; None where fewer than two have it."""
        return _over([fold.metrics for fold in self.folds], _std)

    @property
    def baseline(self) -> Baseline | None:
        """Mean of the metrics of naive answers, each by the training part of its fold."""
        baselines = [fold.evaluation.baseline for fold in self.folds if fold.evaluation.baseline is not None]
        if not baselines:
            return None
        naive = [baseline.naive for baseline in baselines if baseline.naive is not None]
        repeated = None
        if naive:
            means = _over(naive, _mean)
            loss = UNSET if naive[0].loss is UNSET else means.pop("loss")
            repeated = Repeated(naive[0].season, means, sum(one.labelled_steps for one in naive), loss)
        others = []
        for scored in ([one.linear for one in baselines], [one.trees for one in baselines]):
            there = [scores for scores in scored if scores is not None]
            others.append(_scores(_over(there, _mean)) if there else None)
        return Baseline(_scores(_over([baseline.scores for baseline in baselines], _mean)), repeated, *others)

    @cached_property
    def pooled(self) -> Evaluation:
        """Scores of the answers of all folds together; the loss is the mean of theirs by their labelled steps."""
        return pooled(self.folds)

    @property
    def predictions(self) -> pd.DataFrame:
        """Out-of-fold predictions: id, time, fold, target and answers of each row that was tested, in input order.

        Of a DataFrame they have its index. Raises UsageError for a table that was read in blocks: --output writes it.
        """
        return self.lines()

    def summary(self) -> dict[str, Evaluation]:
        """Return mean, which stands beside the naive answers, spread and pooled scores, by name."""
        pooled = self.pooled

        def evaluation(figures: Figures, baseline: Baseline | None = None) -> Evaluation:
            return Evaluation(
                task=self.task,
                labelled_steps=pooled.labelled_steps,
                metrics=_scores(figures),
                baseline=baseline,
                loss_title=pooled.loss_title,
                meaningless=pooled.meaningless,
            )

        return {"mean": evaluation(self.mean, self.baseline), "std": evaluation(self.std), "pooled": pooled}

    def undefined(self) -> dict[tuple[int, ...], list[str]]:
        """Return the folds in which metrics have no value that have one in others: numbers of folds -> metrics."""
        gaps: dict[str, list[int]] = {name: [] for name in self.folds[0].metrics}
        for fold in self.folds:
            for name in gaps:
                gaps[name] += [fold.number] if fold.metrics.get(name) is None else []
        names: dict[tuple[int, ...], list[str]] = {}
        for name, numbers in gaps.items():
            if 0 < len(numbers) < len(self.folds):
                names.setdefault(tuple(numbers), []).append(name)
        return names

    def display(self) -> tuple[str, dict[str, str]]:
        """Return how many folds there are, and the scores."""
        done = "" if len(self.folds) == self.count else f" of {self.count}"
        lines = {"mean": brief(self.mean), "std": brief(self.std), "pooled": brief(self.pooled.metrics)}
        if self.baseline is not None:
            lines["baseline"] = brief(self.baseline)
        return f"{len(self.folds)}{done} folds, {counted(self.sequences, 'sequence')}", lines

    def to_json(self) -> dict[str, Any]:
        """Return the object that `cv --json` prints."""
        return versioned(self.report())

    def report(self) -> CrossValidationReport:
        """Return the same as a record."""
        pooled, baseline = self.pooled, self.baseline
        options = {name: asdict(section) for name, section in self.config.tables.items() if name != "output"}
        return CrossValidationReport(
            task=self.task,
            count=self.count,
            folds=tuple(fold.report() for fold in self.folds),
            mean=self.mean,
            std=self.std,
            pooled=pooled.metrics,
            confusion=pooled.confusion,
            classes=pooled.classes or UNSET,
            baseline={} if baseline is None else dict(baseline),
            labelled_steps=pooled.labelled_steps,
            rows=self.rows,
            sequences=self.sequences,
            untested=self.untested,
            seconds=self.seconds,
            output=str(self.files["output"]) if "output" in self.files else UNSET,
            options=asdict(self.fold_config) | options,
        )


def _scores(figures: Mapping[str, float | None]) -> Scores:
    """Return figures, of which one is the loss, as scores."""
    loss = figures["loss"]
    return Scores(float("nan") if loss is None else loss, {name: figures[name] for name in figures if name != "loss"})


def _over(scores: Sequence[Mapping[str, Any]], statistic: Callable[[list[float]], float | None]) -> Figures:
    """Compute a statistic of each figure over several scores, of those that have it."""
    names = [name for name in scores[0] if name not in NOT_FIGURES]
    values = {name: [one[name] for one in scores if one.get(name) is not None] for name in names}
    return {name: statistic(numbers) for name, numbers in values.items()}


def _mean(values: list[float]) -> float | None:
    return float(np.mean(values)) if values else None


def _std(values: list[float]) -> float | None:
    return float(np.std(values, ddof=1)) if len(values) > 1 else None
