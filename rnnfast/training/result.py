"""The outcome of a training run."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnfast.display import Plotted, counted
from rnnfast.findings.finding import Finding
from rnnfast.findings.judge import Judgement
from rnnfast.metrics.evaluation import Baseline, Evaluation, Sample, Scores, brief
from rnnfast.model.provenance import Member, Operating
from rnnfast.records import UNSET, Record, UnsetType, versioned
from rnnfast.training.presets import Chosen

if TYPE_CHECKING:
    from rnnfast.model import Model


class TrainReport(Record, frozen=True):
    """What `train --json` prints; fields as of `TrainResult`.

    model: path of the file, None where none was written. scored: parts of which only a sample was scored. members: the
    networks of an ensemble; epochs and best_epoch are then the highest ones of any.
    preset: what it chose, where it chose anything. refitted: epochs on the training and validation part, where there
    were some; metrics of these parts are then those of the network before. operating: how threshold and temperature
    were chosen, where they were. clipped: share of the updates whose gradient was scaled down, where one can be.
    findings, verdict: what is to be known of the model, and what it is worth.
    """

    model: str | None
    task: str
    epochs: int
    best_epoch: int
    stopped: str
    parameters: int
    rows: int
    sequences: dict[str, int]
    seconds: dict[str, float]
    timesteps_per_second: float
    metrics: dict[str, Scores]
    baseline: dict[str, Baseline]
    scored: dict[str, Sample] | UnsetType = UNSET
    members: tuple[Member, ...] | UnsetType = UNSET
    preset: Chosen | UnsetType = UNSET
    refitted: int | UnsetType = UNSET
    operating: Operating | UnsetType = UNSET
    clipped: float | UnsetType = UNSET
    findings: tuple[Finding, ...] = ()
    verdict: str = ""


@dataclass(repr=False, eq=False)
class TrainResult(Plotted):
    """A trained model, how training went and what the model scores.

    Example:
        >>> import pandas as pd, rnnfast
        >>> table = pd.DataFrame({"id": [k // 4 for k in range(80)], "x": range(80), "y": [0, 1] * 40})
        >>> result = rnnfast.train(table, id="id", target="y", hidden=4, epochs=2)
        >>> result.epochs, result.stopped, sorted(result.metrics), len(result.history)
        (2, 'epochs', ['train', 'valid'], 4)
    """

    model: Model
    task: str
    history: list[dict[str, Any]]  # rows of history.csv: epoch, split, then metrics
    epochs: int  # run, not asked for
    best_epoch: int  # the epoch whose weights the model has, when validation chose it
    stopped: str  # epochs | patience | max_time | interrupted
    parameters: int
    rows: int  # of all tables
    sequences: dict[str, int]  # part -> sequences
    seconds: dict[str, float]  # load, compile, train, eval
    timesteps_per_second: float  # while training
    evaluations: dict[str, Evaluation]  # part -> scores: train, valid, test
    scored: dict[str, tuple[int, int]] = field(default_factory=dict)  # part -> sequences scored, and all: a sample
    members: tuple[Member, ...] = ()  # the networks of an ensemble
    chosen: Chosen | None = None  # by the preset
    clipped: float | None = None  # share of the updates whose gradient was scaled down; None where none can be
    files: dict[str, Path] = field(default_factory=dict)  # written: model, history, config
    resumable: bool = False  # whether the directory has a checkpoint that the run goes on from

    @property
    def refitted(self) -> int:
        """Epochs on the training and the validation part together, of which the weights are; 0: none."""
        training = self.model.provenance.training
        return 0 if training is None else training.refitted

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What is to be known of the model and its scores, warnings first."""
        return (self.model.provenance.judgement or Judgement()).findings

    @property
    def verdict(self) -> str:
        """What the model is worth, in a sentence."""
        return (self.model.provenance.judgement or Judgement()).verdict

    @property
    def metrics(self) -> dict[str, Scores]:
        """Metrics of each part."""
        return {part: evaluation.metrics for part, evaluation in self.evaluations.items()}

    @property
    def baseline(self) -> dict[str, Baseline]:
        """Metrics of the naive answer on the parts that did not train, or on the training part where it is all."""
        held_out = {part: scores for part, scores in self.evaluations.items() if part != "train"} or self.evaluations
        return {part: scores.baseline for part, scores in held_out.items() if scores.baseline is not None}

    def figures_of(self) -> tuple[Any, ...]:
        """Return what figures are drawn of: the scores of the last part, and the course of the training."""
        return next(reversed(self.evaluations.values()), None), self.history, self.best_epoch, self.model.loss

    def display(self) -> tuple[str, dict[str, str]]:
        """Return how training went, and the scores of each part."""
        course = f"{counted(self.epochs, 'epoch')} (best {self.best_epoch}, ended by {self.stopped})"
        scores = {part: brief(metrics) for part, metrics in self.metrics.items()}
        naive = {f"{part}, naive": brief(metrics) for part, metrics in list(self.baseline.items())[-1:]}
        return f"{course}, {counted(self.parameters, 'parameter')}", scores | naive

    def to_json(self) -> dict[str, Any]:
        """Return the object that `train --json` prints.
        >>> result.to_json()["sequences"]
        {'train': 16, 'valid': 4, 'test': 0}
        """
        return versioned(self.report())

    def report(self) -> TrainReport:
        """Return the same as a record.
        >>> result.report().parameters
        33
        """
        return TrainReport(
            model=str(self.files["model"]) if "model" in self.files else None,
            task=self.task,
            epochs=self.epochs,
            best_epoch=self.best_epoch,
            stopped=self.stopped,
            parameters=self.parameters,
            rows=self.rows,
            sequences=self.sequences,
            seconds=self.seconds,
            timesteps_per_second=self.timesteps_per_second,
            metrics=self.metrics,
            baseline=self.baseline,
            preset=self.chosen or UNSET,
            refitted=self.refitted or UNSET,
            operating=self.model.provenance.operating,
            clipped=UNSET if self.clipped is None else self.clipped,
            scored={part: Sample(n, of) for part, (n, of) in self.scored.items()} or UNSET,
            members=self.members or UNSET,
            findings=self.findings,
            verdict=self.verdict,
        )
