"""What a model decides on from answers beside their labels: the threshold of two classes, the temperature of logits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rnnfast.config.rules import COST, DAY, Rule
from rnnfast.data.columns.steps import numbers_of_times
from rnnfast.errors import DataError, UsageError
from rnnfast.metrics.calibration import temperature
from rnnfast.metrics.events import EventPoints, Steps, event_points
from rnnfast.metrics.thresholds import Choice, Points, choose, points
from rnnfast.records import UNSET, Record, UnsetType
from rnnfast.tasks.base import Task
from rnnfast.tasks.outcomes import Outcomes, Rival


class OperatingPoint(Record, frozen=True):
    """What a threshold does. alarms: rows that are predicted positive, of 1,000; cost: where the rule has one.

    caught, false_alarms: events, where the rule is of events.
    """

    threshold: float
    precision: float
    recall: float
    f1: float
    alarms_per_1000: float
    cost: float | UnsetType = UNSET
    caught: int | UnsetType = UNSET
    false_alarms: int | UnsetType = UNSET


@dataclass(frozen=True, eq=False)
class Decision:
    """The operating points of some answers, and the one that a rule chooses. events: where the rule is of events."""

    rule: Rule
    curve: Points
    choice: Choice
    events: EventPoints | None

    @property
    def threshold(self) -> float:
        """The threshold: that of a fixed rule as it is."""
        return self.rule.goal if self.rule.fixed else float(self.curve.threshold[self.choice.point])

    def point(self, number: int, threshold: float | None = None) -> OperatingPoint:
        """Return what a point does; threshold: another one than its own with the same rows predicted positive."""
        curve, events = self.curve, self.events
        return OperatingPoint(
            threshold=float(curve.threshold[number]) if threshold is None else threshold,
            precision=float(curve.precision[number]),
            recall=float(curve.recall[number]),
            f1=float(curve.f1[number]),
            alarms_per_1000=1000 * int(curve.alarms[number]) / max(curve.rows, 1),
            cost=float(curve.cost(self.rule)[number]) if self.rule.measure == COST else UNSET,
            caught=UNSET if events is None else int(events.caught[number]),
            false_alarms=UNSET if events is None else int(events.false_alarms[number]),
        )

    @property
    def chosen(self) -> OperatingPoint:
        """What the chosen threshold does."""
        return self.point(self.choice.point, self.threshold)

    def sentence(self, where: str) -> str:
        """Say what was chosen, on which rows, and what it does there; or that the rule cannot be met."""
        shown, rule = self.chosen, self.rule
        number = self.choice.point
        does = f"{int(self.curve.alarms[number]):,} of {self.curve.rows:,} answers are alarms"
        does += f", precision {shown.precision:.3g}, recall {shown.recall:.3g}"
        if self.events is not None:
            does += f"; {shown.caught} of {self.events.events:,} events caught, {shown.false_alarms} false alarms"
        if rule.measure == COST:
            does += f", cost {shown.cost:g}"
        if self.choice.met:
            by = "" if rule.fixed else f" by {rule.text}"
            return f"threshold {self.threshold:.6g}{by} on {where}: {does}"
        return f"no threshold has {rule.text} on {where}; the nearest, {self.threshold:.6g}, is taken: {does}"


def check_threshold(task: Task, option: str) -> None:
    """Raise UsageError where a task has no threshold; option: names it."""
    if task.threshold() is None:
        what = "the most probable class is predicted" if task.facts.classes else "a quantity has no probability"
        raise UsageError(f"{option}: {task.facts.what}, and {what}; a threshold is for a target of two classes")


def check_labels_of_both(outcomes: Outcomes, option: str, where: str) -> None:
    """Raise DataError where labels are of one class alone, by which no probability can be judged."""
    y = outcomes.counted.y
    if len(y) and (y == y.flat[0]).all():
        only = outcomes.task.target.classes[int(y.flat[0])]
        raise DataError(f"{option}: all labels of {where} are {only!r}; use another table or --split, or leave it out")


def check_calibration(task: Task, option: str) -> None:
    """Raise UsageError where outputs are no logits; option: names it."""
    if not task.facts.classes:
        raise UsageError(f"{option}: {task.facts.what}; probabilities alone can be calibrated, leave it out")
    if not task.logits:
        raise UsageError(f"{option}: --loss {task.target.loss} gives no logits; use --loss {task.facts.loss}")


def decide(rule: Rule, outcomes: Outcomes, where: str, option: str = "--threshold") -> Decision:
    """Choose a threshold; of several horizons, one for all of their answers together. A row of weight 0 is no row.

    where: names the answers; option: asks for the rule. Raises DataError where they cannot be chosen by: no label of a
    class that the rule needs, no dates for alarms per day, several horizons for events.
    """
    outcomes = outcomes.counted
    positive, weight = outcomes.y.ravel() == 1, outcomes.weight
    if weight is not None:
        weight = np.repeat(weight, outcomes.y.shape[1]).astype(np.float64)
    curve = points(positive, outcomes.answers.ravel(), weight)
    _check_labels(f"{option} {rule.text!r}: {where}", rule, curve, outcomes)
    events = None
    if rule.of_events:
        steps = steps_of(outcomes)
        if rule.per == DAY and steps.days is None:
            raise DataError(
                f"{option} {rule.text!r}: {where} has no two rows with dates as times (those of a table that "
                "--memory keeps on disk are not read), so that no day can be counted; write 'events:alarms<=5/1000'"
            )
        events = event_points(steps, curve.threshold)
    return Decision(rule, curve, choose(rule, curve, events), events)


def baseline_threshold(rule: Rule, outcomes: Outcomes, rival: Rival | None, where: str) -> float:
    """Return the threshold of a baseline by the rule of its model on the same answers; 0.5 by a number, or without it.

    Raises DataError as `decide`.
    """
    if rival is None or rule.fixed:
        return 0.5
    task = outcomes.task.of_baseline(rival.threshold)
    return decide(rule, outcomes.by(task).answered(rival.raw), where).threshold


def _check_labels(where: str, rule: Rule, curve: Points, outcomes: Outcomes) -> None:
    """Raise DataError, beginning with where, if a rule has nothing to be chosen by."""
    if rule.fixed:
        return
    absent = outcomes.task.target.classes[1] if not curve.positives else None
    if absent is None and not curve.negatives:
        absent = outcomes.task.target.classes[0]
    if absent is not None:
        raise DataError(
            f"{where} has no label {absent!r} that counts, so nothing can be chosen there; "
            "use another table or --split, or give a number"
        )


def check_events(task: Task) -> None:
    """Raise UsageError for a task whose answers are no series of events."""
    if task.threshold() is None:
        raise UsageError(f"events: {task.facts.what}; events are runs of the second of two classes")
    if len(task.target.names) > 1:
        raise UsageError(
            "events: the model has several horizons, and so several answers for a step; train one with a single "
            "--horizon"
        )


def steps_of(outcomes: Outcomes) -> Steps:
    """Return answers as a series of alarms, those of weight 0 passed over. Raises UsageError as `check_events`."""
    check_events(outcomes.task)
    outcomes = outcomes.counted
    data, index, seconds = outcomes.data, outcomes.data.index, None
    gap = (index.owner[1:] != index.owner[:-1]) | (index.start[1:] < index.start[:-1])
    gap |= index.start[1:] > (index.start + index.length)[:-1]
    stretch = np.append(0, np.cumsum(gap))[: len(index.start)]
    if data.time is not None:
        times = numbers_of_times(np.asarray(data.time[outcomes.rows], object), True, data.schema.dayfirst)
        seconds = None if np.isnan(times).any() else times
    return Steps(
        positive=outcomes.y[:, 0] == 1,
        score=outcomes.answers[:, 0],
        stretch=stretch[outcomes.sequence],
        seconds=seconds,
        horizon=data.schema.horizon,
    )


def fitted_temperature(outcomes: Outcomes) -> float:
    """Return the temperature of least log loss of answers, 1 where there are none."""
    if not len(outcomes.y):
        return 1.0
    weight, y = outcomes.weight, np.asarray(outcomes.y, np.float64)
    return temperature(outcomes.raw, y, None if weight is None or not weight.any() else weight)
