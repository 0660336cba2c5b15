"""What a model scores on a table: records, which also read as mappings from the name of a metric to its figure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rnnfast.catalogue import METRICS, headline
from rnnfast.display import Plotted, counted
from rnnfast.metrics.conformal import Coverage
from rnnfast.metrics.figures import Counts, Figures
from rnnfast.records import UNSET, Record, UnsetType

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from rnnfast.metrics.calibration import Calibration
    from rnnfast.metrics.events import EventScores


class Readable(Mapping[str, Any]):
    """A record that reads as the mapping which JSON shows of it."""

    def entries(self) -> dict[str, Any]:
        """Return what the mapping holds, in order."""
        raise NotImplementedError

    def __getitem__(self, name: str) -> Any:
        return self.entries()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries())

    def __len__(self) -> int:
        return len(self.entries())


@dataclass(frozen=True, eq=False)
class Scores(Readable):
    """Figures of a model, or of a naive answer, on labelled steps.

    figures: metric -> value, None where it is undefined. threshold: of the probability, for two classes.
    per_target: target -> its own figures, where there are several; the figures are then their means.
    """

    loss: float
    figures: Figures
    threshold: float | None = None
    per_target: Mapping[str, Figures] = field(default_factory=dict)

    def entries(self) -> dict[str, Any]:
        """Return the loss, the figures, and what goes with them."""
        entries: dict[str, Any] = {"loss": self.loss, **self.figures}
        if self.threshold is not None:
            entries["threshold"] = self.threshold
        if self.per_target:
            entries["per_target"] = dict(self.per_target)
        return entries


@dataclass(frozen=True, eq=False)
class Repeated(Readable):
    """Figures of repeating the target of one season before, on the steps where that is known.

    season: steps; labelled_steps: so many are scored. loss: of quantities alone; None without such steps.
    per_target: as of `Scores`.
    """

    season: int
    figures: Figures
    labelled_steps: int
    loss: float | UnsetType | None = UNSET
    per_target: Mapping[str, Figures] = field(default_factory=dict)

    def entries(self) -> dict[str, Any]:
        """Return the season, the loss where there is one, the figures, the number of steps, and each target's."""
        loss = {} if self.loss is UNSET else {"loss": self.loss}
        entries = {"season": self.season, **loss, **self.figures, "labelled_steps": self.labelled_steps}
        return entries | ({"per_target": dict(self.per_target)} if self.per_target else {})


@dataclass(frozen=True, eq=False)
class Baseline(Readable):
    """Figures of naive answers: always the majority class or the mean, and with a horizon also the repeated target.

    linear: of a regression on the inputs of the current step; trees: of gradient boosting on what a person computes of
    the past. Both where they were asked for.
    """

    scores: Scores
    naive: Repeated | None = None
    linear: Scores | None = None
    trees: Scores | None = None

    def entries(self) -> dict[str, Any]:
        """Return the scores, under "naive" those of repeating, and those of other baselines by their names."""
        others = {"naive": self.naive, "linear": self.linear, "trees": self.trees}
        return self.scores.entries() | {name: scores for name, scores in others.items() if scores is not None}


def naive_name(season: int) -> str:
    """What the naive forecast repeats: "last value" or "season of 24 ago"."""
    return "last value" if season == 1 else f"season of {season:,} ago"


def telling(figures: Mapping[str, Any]) -> list[str]:
    """Return the few metrics that say most, the one that says most first."""
    return sorted((name for name in figures if headline([name])), key=lambda name: -METRICS[name].headline)


def deciding(figures: Mapping[str, Any]) -> str | None:
    """Return the metric that says most of those that are defined, None where none is.

    f1 is passed over where labels are of one class, as auprc tells: without positives it is 0 whatever is answered.
    """
    one_class = "auprc" in figures and figures["auprc"] is None
    named = (name for name in telling(figures) if not (one_class and name == "f1"))
    return next((name for name in named if figures[name] is not None), None)


def brief(figures: Mapping[str, Any]) -> str:
    """Return the loss and the few metrics that say most, in words."""
    shown = ((name, figures.get(name)) for name in ("loss", *telling(figures)))
    return ", ".join(f"{name} {value:.4g}" for name, value in shown if value is not None)


@dataclass(frozen=True, repr=False, eq=False)
class Evaluation(Plotted):
    """Scores of one table or part of it.

    confusion: [[true negatives, false positives], [false negatives, true positives]] of two classes; a row per
    class and a column per prediction of several; sums of weights where rows weigh. baseline: the same metrics of the
    naive answers. classes: of the rows and columns of the confusion matrix of several classes.
    residuals: (labelled steps,) or (labelled steps, O) of quantities, label minus prediction, in original units.
    loss_title: what the loss is for people, "" where a metric is the same number. meaningless: metrics that say nothing
    on labels like these. calibration: of the probabilities of classes. events, interval (how many labels the intervals
    of the model hold): where they were asked for. weighted: whether each row counts in metrics and confusion by its
    weight. outcomes: the `Outcomes` that were scored, of which figures are drawn; None where they were let go to spare
    memory.

    Example:
        >>> import pandas as pd, rnnfast
        >>> table = pd.DataFrame({"id": [k // 4 for k in range(80)], "x": range(80), "y": [0, 1] * 40})
        >>> scores = rnnfast.train(table, id="id", target="y", hidden=4, epochs=1).model.evaluate(table)
        >>> scores.labelled_steps, sum(map(sum, scores.confusion)), sorted(scores.metrics)[:2]
        (80, 80, ['accuracy', 'auprc'])
    """

    task: str
    labelled_steps: int
    metrics: Scores
    confusion: Counts | None = None
    baseline: Baseline | None = None
    residuals: npt.NDArray[np.float64] | None = None
    classes: tuple[Any, ...] = ()
    loss_title: str = "loss"
    meaningless: tuple[str, ...] = ()
    calibration: Calibration | None = None
    events: EventScores | None = None
    interval: Coverage | None = None
    weighted: bool = False
    outcomes: Any = None

    def figures_of(self) -> tuple[Any, ...]:
        """Return what figures are drawn of."""
        return (self,)

    def display(self) -> tuple[str, dict[str, str]]:
        """Return the task, and the scores that say most beside those of the naive answer."""
        lines = {"model": brief(self.metrics)}
        if self.baseline is not None:
            lines["baseline"] = brief(self.baseline)
        return f"{self.task}, {counted(self.labelled_steps, 'labelled step')}", lines


class Sample(Record, frozen=True):
    """So many sequences of a part were scored, of all that it has."""

    sequences: int
    of: int


class EvaluationReport(Record, frozen=True, kw_only=True):
    """What `eval --json` prints.

    last: there and true where only the last labelled step of each sequence counts; substitutions: records of cells that
    the model did not take as they are, if any. ci: metric -> (low, high) or None, and how `bootstrap` made them; by:
    scores of slices of the table; shuffled: scores with the steps of each sequence shuffled. calibration: of classes;
    events: with --events. findings, verdict: as of a training run.
    """

    task: str
    labelled_steps: int
    metrics: Scores
    confusion: Counts | None
    classes: tuple[Any, ...] | UnsetType = UNSET
    baseline: Baseline | None
    part: str
    training_table: bool
    scored: Sample | UnsetType = UNSET
    last: bool | UnsetType = UNSET
    substitutions: tuple[Record, ...] | UnsetType = UNSET
    calibration: Record | UnsetType = UNSET
    events: Record | UnsetType = UNSET
    ci: Mapping[str, Any] | UnsetType = UNSET
    bootstrap: Record | UnsetType = UNSET
    by: tuple[Record, ...] | UnsetType = UNSET
    shuffled: Record | UnsetType = UNSET
    interval: Coverage | UnsetType = UNSET
    findings: tuple[Record, ...] = ()
    verdict: str = ""

    @classmethod
    def of(
        cls,
        evaluation: Evaluation,
        part: str,
        training_table: bool,
        sample: Sample | None = None,
        last: bool = False,
        substitutions: tuple[Record, ...] = (),
    ) -> EvaluationReport:
        """Return the report on a part of a table; sample: what was scored, None for all of it."""
        return cls(
            task=evaluation.task,
            labelled_steps=evaluation.labelled_steps,
            metrics=evaluation.metrics,
            confusion=evaluation.confusion,
            classes=evaluation.classes or UNSET,
            baseline=evaluation.baseline,
            part=part,
            training_table=training_table,
            scored=UNSET if sample is None else sample,
            last=last or UNSET,
            substitutions=substitutions or UNSET,
            calibration=evaluation.calibration or UNSET,
            events=evaluation.events or UNSET,
            interval=evaluation.interval or UNSET,
        )
