"""How much better a model is than each baseline by the metric that says most, with intervals over ids.

Two classes: auprc against the shares of the classes, f1 against a repeated label, which is no probability. Several
classes: macro_f1. Quantities: rmse against the mean and, with a horizon, against the repeated target, where that is
known. All of them: also against the linear model and the trees of --baseline, where these were asked for.

Of a large table k of K owners are resampled, which costs no more than a small one; as a spread falls with the root of
the number of owners, that of all of them is sqrt(k / K) times as wide.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rnnfast.catalogue import METRICS, QUANTITIES, TASKS, TWO_CLASSES, lower_is_better
from rnnfast.metrics.bootstrap import Interval, Resamples, intervals
from rnnfast.metrics.evaluation import Evaluation, naive_name
from rnnfast.metrics.figures import Figures
from rnnfast.records import Record
from rnnfast.tasks.outcomes import Outcomes, weighty

RESAMPLES = 200  # of which an interval of 95 % needs no more for two digits
LEVEL = 95.0  # per cent
LEAST_OWNERS = 10  # of fewer an interval says nothing
MOST_STEPS = 1 << 17  # that are resampled; of more, those of some owners
LEAST_SHARE = 0.5  # of the labelled steps that a baseline must answer

Floats = NDArray[np.float64]


class Gain(Record, frozen=True):
    """A metric of the model beside that of a baseline, on the same steps.

    baseline: what it answers, in words. interval: of the model's metric, difference: of the model's less the
    baseline's, None where there are too few owners; owners: how many ids, or sequences, of: "ids" or "sequences".
    """

    metric: str
    value: float
    baseline: str
    baseline_value: float
    interval: Interval | None
    difference: Interval | None
    owners: int
    of: str

    @property
    def better(self) -> bool:
        """Whether the model's figure is the better one."""
        return self.value < self.baseline_value if lower_is_better(self.metric) else self.value > self.baseline_value

    @property
    def certain(self) -> bool:
        """Whether the interval of the difference leaves out 0; true where there is none."""
        return self.difference is None or self.difference[0] > 0 or self.difference[1] < 0


@dataclass(frozen=True, eq=False)
class _Rival:
    """A baseline: what it answers, the metric to compare by, its answers (n, O), NaN where it has none, its figure."""

    title: str
    metric: str
    answers: Floats
    figure: float | None  # of the metric, on all steps that it answers


def gains(outcomes: Outcomes, evaluation: Evaluation) -> tuple[Gain, ...]:
    """Compare with each baseline; the one that the model beats by the least stands first."""
    rivals = _rivals(outcomes, evaluation)
    every = [one for rival in rivals if (one := _gain(outcomes, rival, evaluation.metrics.figures)) is not None]
    return tuple(sorted(every, key=_margin))


def _margin(gain: Gain) -> float:
    sign = -1 if lower_is_better(gain.metric) else 1
    return sign * (gain.value - gain.baseline_value) / max(abs(gain.baseline_value), abs(gain.value), 1e-300)


def _rivals(outcomes: Outcomes, evaluation: Evaluation) -> Iterator[_Rival]:
    task, labels = outcomes.task, TASKS[evaluation.task].labels
    metric = {QUANTITIES: "rmse", TWO_CLASSES: "auprc"}.get(labels, "macro_f1")
    of_labels = {QUANTITIES: "rmse", TWO_CLASSES: "f1"}.get(labels, "macro_f1")
    naive = task.answers(np.broadcast_to(task.naive_outputs(), outcomes.raw.shape))
    baseline = evaluation.baseline
    if baseline is None:
        return
    figure = baseline.scores.figures.get(metric)
    yield _Rival(f"always answering {task.facts.naive}", metric, np.asarray(naive, np.float64), figure)
    for title, other, scores in (
        ("a linear model of the step", outcomes.linear, baseline.linear),
        ("trees on what was before", outcomes.trees, baseline.trees),
    ):
        if other is not None and scores is not None:
            answers = np.asarray(task.of_baseline(other.threshold).answers(other.raw), np.float64)
            yield _Rival(title, metric, answers, scores.figures.get(metric))
    if outcomes.data.naive is not None and baseline.naive is not None:
        repeated = np.asarray(outcomes.data.naive[outcomes.at], np.float64)
        if task.facts.output_per_class:
            unknown = np.isnan(repeated[:, :1])
            ones = (np.nan_to_num(repeated[:, :1]) == np.arange(outcomes.raw.shape[1])).astype(np.float64)
            repeated = np.where(unknown, np.nan, ones)
        yield _Rival(
            f"repeating the {naive_name(outcomes.data.schema.season)}",
            of_labels,
            repeated,
            baseline.naive.figures.get(of_labels),
        )


def _gain(outcomes: Outcomes, rival: _Rival, figures: Figures) -> Gain | None:
    """Compare on the steps that both answer; None where a figure is undefined. figures: of the model on all steps."""
    answered = np.logical_not(np.isnan(rival.answers).any(axis=1))
    if answered.mean() < LEAST_SHARE:
        return None
    part = outcomes if answered.all() else outcomes.of(answered)
    say, weight = weighty(part.weight)
    task, y, owner = part.task, part.y[say], part.owner[say]
    pair, metrics = (part.answers[say], rival.answers[answered][say]), (METRICS[rival.metric],)
    value = figures.get(rival.metric)
    if not answered.all():
        value = task.figures(y, pair[0], metrics, weight)[rival.metric]
    if value is None or rival.figure is None:
        return None
    owners, interval, difference = len(np.unique(owner)), None, None
    if owners >= LEAST_OWNERS:
        some, share = _some_owners(owner, owners)
        over = Resamples.of(owner[some], None if weight is None else weight[some], RESAMPLES)
        model, other = (task.measures(y[some], one[some], over, metrics)[rival.metric] for one in pair)
        spread = float(np.sqrt(share))
        interval = _interval(value + spread * (model - np.nanmean(model)) if share < 1 else model)
        less = model - other
        difference = _interval(value - rival.figure + spread * (less - np.nanmean(less)) if share < 1 else less)
    of = "ids" if part.data.schema.id is not None else "sequences"
    return Gain(rival.metric, value, rival.title, rival.figure, interval, difference, owners, of)


def _some_owners(owner: NDArray[np.int64], owners: int) -> tuple[NDArray[np.bool_] | slice, float]:
    """Return the steps (n,) of as many owners as are resampled, evenly taken, and the share of all owners."""
    every = -(-len(owner) // MOST_STEPS)
    if every == 1 or owners < every * LEAST_OWNERS:
        return slice(None), 1.0
    code = np.unique(owner, return_inverse=True)[1]
    return code % every == 0, (-(-owners // every)) / owners


def _interval(values: Floats) -> Interval | None:
    """Return the interval of resampled figures (R,)."""
    return intervals({"": values}, LEVEL)[""]
