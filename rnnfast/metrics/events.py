"""Events: runs of positive rows, and what alarms for them are worth.

    event          a run of labelled positive rows of one id that follow each other
    caught         where one of its rows is predicted positive: one alarm, however many rows that are
    delay          rows from its first row to the first of these; a model that looks H rows ahead has the lead H - delay
    false alarm    a run of negative rows that are predicted positive: one, however long

Rows without a label are passed over; a run ends where rows of the table are left out, and at the end of an id. At a
threshold t, with negative rows i and pairs of them that follow each other,

    caught(t) = events whose highest answer >= t
    false alarms(t) = rows i with answer >= t, less pairs with both answers >= t

so that one sort of each gives all thresholds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rnnfast.records import Record

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
DAY = 86_400.0  # s


@dataclass(frozen=True, eq=False)
class Steps:
    """The n labelled steps of a table in the order of their ids and times.

    positive: (n,) labels; score: (n,) answers; stretch: (n,) number of the rows that follow each other without a gap;
    seconds: (n,) time of each step, None where times are no dates. horizon: rows that the model looks ahead.
    """

    positive: NDArray[np.bool_]
    score: Floats
    stretch: Integers
    seconds: Floats | None = None
    horizon: int = 0

    @property
    def follows(self) -> NDArray[np.bool_]:
        """(n,) whether the step before belongs to the same stretch."""
        return np.append(False, self.stretch[1:] == self.stretch[:-1])[: len(self.stretch)]

    @property
    def starts(self) -> Integers:
        """(events,) first step of each event."""
        return np.flatnonzero(self.positive & ~(self.follows & np.append(False, self.positive[:-1])))

    @property
    def event(self) -> Integers:
        """(positives,) the event of each positive step."""
        steps = np.flatnonzero(self.positive)
        return np.asarray(np.searchsorted(self.starts, steps, side="right") - 1, np.int64)

    @property
    def days(self) -> float | None:
        """Days that the steps cover, summed over stretches; each step stands for the mean time between two of its own.

        None where there are no dates, or no two steps.
        """
        if self.seconds is None or not len(self.seconds):
            return None
        first = np.flatnonzero(~self.follows)
        last = np.append(first[1:], len(self.stretch)) - 1
        count = last - first + 1
        several = count > 1
        span = (self.seconds[last] - self.seconds[first])[several]
        days = float((span * count[several] / (count[several] - 1)).sum()) / DAY
        return days if days > 0 else None


@dataclass(frozen=True, eq=False)
class EventPoints:
    """Events at several thresholds.

    caught, false_alarms: (k,) of each threshold; events, steps: how many there are; days: that they cover, or NaN.
    """

    caught: Integers
    false_alarms: Integers
    events: int
    steps: int
    days: float


def event_points(steps: Steps, thresholds: Floats) -> EventPoints:
    """Count caught events and false alarms at each threshold, (k,) in any order."""
    score = np.where(np.isnan(steps.score), -np.inf, steps.score)
    highest = np.full(len(steps.starts), -np.inf)
    np.maximum.at(highest, steps.event, score[steps.positive])
    negative = ~steps.positive
    pairs = np.flatnonzero(steps.follows & negative & np.append(False, negative[:-1])[: len(negative)])
    both = np.minimum(score[pairs], score[pairs - 1])
    days = steps.days
    return EventPoints(
        caught=_reaching(highest, thresholds),
        false_alarms=_reaching(score[negative], thresholds) - _reaching(both, thresholds),
        events=len(highest),
        steps=len(score),
        days=float("nan") if days is None else days,
    )


def _reaching(values: Floats, thresholds: Floats) -> Integers:
    """Count the values that are at each threshold or above it."""
    return np.asarray(len(values) - np.searchsorted(np.sort(values), thresholds, side="left"), np.int64)


def first_alarms(steps: Steps, threshold: float) -> Integers:
    """Return for each event (events,) the rows from its first row to its first alarm, -1 where there is none."""
    rows, event = np.flatnonzero(steps.positive), steps.event
    alarmed = steps.score[rows] >= threshold
    caught, first = np.unique(event[alarmed], return_index=True)
    delays = np.full(len(steps.starts), -1, np.int64)
    delays[caught] = rows[alarmed][first] - steps.starts[caught]
    return delays


class EventScores(Record, frozen=True):
    """What alarms are worth, event by event.

    caught: events with an alarm; recall: their share, None without events. mean_delay, median_delay: rows from the
    first row of a caught event to its first alarm, None where none is caught; mean_lead, median_lead: rows from that
    alarm to the event itself, of a model with a horizon, negative where it comes late, else None.
    false_alarms: runs of false positives; per_1000_steps, per_day: how many of them, per_day None without dates.
    """

    events: int
    caught: int
    recall: float | None
    mean_delay: float | None
    median_delay: float | None
    mean_lead: float | None
    median_lead: float | None
    false_alarms: int
    per_1000_steps: float
    per_day: float | None
    days: float | None
    steps: int
    horizon: int
    threshold: float


def event_scores(steps: Steps, threshold: float) -> EventScores:
    """Score the alarms at a threshold."""
    counts, days = event_points(steps, np.array([threshold])), steps.days
    caught, false = int(counts.caught[0]), int(counts.false_alarms[0])
    delays = first_alarms(steps, threshold)
    delays = delays[delays >= 0]
    mean, median = (float(np.mean(delays)), float(np.median(delays))) if caught else (None, None)
    ahead = caught and steps.horizon
    return EventScores(
        events=counts.events,
        caught=caught,
        recall=caught / counts.events if counts.events else None,
        mean_delay=mean,
        median_delay=median,
        mean_lead=steps.horizon - mean if ahead and mean is not None else None,
        median_lead=steps.horizon - median if ahead and median is not None else None,
        false_alarms=false,
        per_1000_steps=1000 * false / max(counts.steps, 1),
        per_day=None if days is None else false / days,
        days=days,
        steps=counts.steps,
        horizon=steps.horizon,
        threshold=threshold,
    )
