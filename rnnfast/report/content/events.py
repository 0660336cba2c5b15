"""Early warning: answers and alarms over the rows before and in an event, of all events and of single ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from rnnfast.display import counted
from rnnfast.metrics.events import EventScores, Steps, event_scores, first_alarms
from rnnfast.report.content.panel import Panel, Table, numbers, shown, word, words
from rnnfast.report.content.sequences import title_of
from rnnfast.tasks.operating import steps_of
from rnnfast.tasks.outcomes import Outcomes

AROUND = 60  # rows before the first row of an event, and from there on, that are drawn
LEAST = 0.1  # share of the events that must have such a row

Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Warnings:
    """The events of an answer of two classes.

    outcomes: those that count; threshold: from which on there is an alarm.
    """

    outcomes: Outcomes
    steps: Steps
    threshold: float

    @classmethod
    def of(cls, outcomes: Outcomes, threshold: float) -> Warnings:
        """Look at answers as a series of alarms. Raises UsageError as `steps_of`."""
        return cls(outcomes.counted, steps_of(outcomes), threshold)

    @cached_property
    def delays(self) -> Integers:
        """(events,) rows from the first row to the first alarm, -1 where there is none."""
        return first_alarms(self.steps, self.threshold)

    @cached_property
    def scores(self) -> EventScores:
        """What the alarms are worth."""
        return event_scores(self.steps, self.threshold)

    @cached_property
    def length(self) -> Integers:
        """(events,) rows of each event."""
        return np.bincount(self.steps.event, minlength=len(self.steps.starts)).astype(np.int64)

    @cached_property
    def before(self) -> Integers:
        """(events,) negative rows that lead up to each event without a gap."""
        steps = self.steps
        breaks = ~steps.follows | np.append(False, steps.positive[:-1])
        latest = np.maximum.accumulate(np.where(breaks, np.arange(len(breaks)), 0))
        return np.asarray(steps.starts - latest[steps.starts], np.int64)

    def table(self) -> Table:
        """Say what alarms are worth, event by event."""
        scores = self.scores
        share = shown(None if scores.recall is None else 100 * scores.recall, 3)
        rows = [
            ("Events", shown(scores.events)),
            ("With an alarm", f"{shown(scores.caught)} ({share} %)"),
            ("Median delay, rows", shown(scores.median_delay)),
            *([("Median lead, rows", shown(scores.median_lead))] if scores.horizon else []),
            ("False alarms", shown(scores.false_alarms)),
            ("False alarms in 1,000 rows", shown(scores.per_1000_steps)),
            *([("False alarms a day", shown(scores.per_day))] if scores.per_day is not None else []),
        ]
        return Table("Runs of positive rows, each one event", ("", "Model"), tuple(rows))

    def panels(self) -> Iterator[Panel]:
        """Yield all events over each other, one that is caught with the usual delay, one that is missed; or nothing."""
        if not len(self.delays):
            return
        yield self.over_time()
        caught, missed = np.flatnonzero(self.delays >= 0), np.flatnonzero(self.delays < 0)
        if len(caught):
            far = np.abs(self.delays[caught] - np.median(self.delays[caught]))
            calm = np.minimum(self.before[caught], AROUND)
            yield self.course(int(caught[np.lexsort((-self.length[caught], -calm, far))[0]]), "caught")
        if len(missed):
            yield self.course(int(missed[np.argmax(self.length[missed])]), "missed")

    def over_time(self) -> Panel:
        """Return answers and alarms of all events by the rows from their first row."""
        first, most = self._span()
        steps, starts, rows = self.steps, self.steps.starts, []
        for row in range(first, most + 1):
            score = steps.score[starts[self.length > row if row >= 0 else self.before >= -row] + row]
            caught = float(((self.delays >= 0) & (self.delays <= row)).mean()) if row >= 0 else np.nan
            alarms = float((score >= self.threshold).mean())
            rows.append((row, *np.nanquantile(score, (0.1, 0.5, 0.9)), alarms, caught, len(score)))
        columns = list(zip(*rows, strict=True))
        names = ("row", "low", "middle", "high", "alarms", "caught", "events")
        return Panel(
            kind="warning",
            name="events",
            title="Answers before and in events",
            caption=self._said(),
            columns={name: numbers(column, 4) for name, column in zip(names, columns, strict=True)},
            headings={
                "row": "Rows from the first row of an event",
                "low": "Lowest tenth below",
                "middle": "Median probability",
                "high": "Highest tenth above",
                "alarms": "Events with an alarm in this row",
                "caught": "Events with an alarm so far",
                "events": "Events with such a row",
            },
            facts={"threshold": self.threshold, "horizon": self.steps.horizon},
        )

    def _span(self) -> tuple[int, int]:
        """Return the first and the last row, counted from the first of an event, that enough events have."""
        enough = max(1, int(LEAST * len(self.length)))
        before, after = np.sort(self.before)[-enough], np.sort(self.length)[-enough]
        return -int(min(before, AROUND)), int(min(after, AROUND)) - 1

    def _said(self) -> str:
        scores = self.scores
        text = f"{counted(scores.events, 'event')} laid over each other, each from its first row (0) to its last. "
        text += f"The band holds 8 in 10 probabilities; the dashed line is the threshold {self.threshold:.4g}. "
        if scores.median_delay is None:
            return f"{text}None has an alarm."
        late = f"at most {_rows(scores.median_delay)} after row 0" if scores.median_delay else "in row 0"
        text += f"{scores.caught:,} have an alarm, half of them {late}"
        if scores.median_lead is None:
            return f"{text}."
        return f"{text}: {_rows(scores.median_lead)} before what is foretold, at row {scores.horizon:,}."

    def course(self, event: int, mark: str) -> Panel:
        """Return one event row by row: answers, alarms and the truth."""
        steps, start = self.steps, int(self.steps.starts[event])
        own = np.flatnonzero(steps.stretch == steps.stretch[start])
        rows = own[(own >= start - AROUND) & (own < start + AROUND)]
        data, places = self.outcomes.data, self.outcomes.rows[rows]
        score = steps.score[rows]
        time, headings = {}, {"row": "Rows from the first row of the event"}
        if data.time is not None and data.schema.time is not None:
            time["time"], headings["time"] = words(np.asarray(data.time[places], object)), word(data.schema.time)
        delay, ahead = int(self.delays[event]), steps.horizon
        when = f"{counted(delay, 'row')} after its first row" if delay else "in its first row"
        alarm = "No alarm." if delay < 0 else f"The first alarm comes {when}"
        if delay >= 0:
            alarm += f", {counted(ahead - delay, 'row')} before what is foretold." if ahead else "."
        return Panel(
            kind="event",
            name=f"event-{mark}",
            title=f"{title_of(data, int(self.outcomes.rows[start]))}: an event that is {mark}",
            caption=f"{counted(int(self.length[event]), 'row')} long. {alarm} Shaded rows are positive.",
            columns={
                "row": numbers(rows - start),
                **time,
                "score": numbers(score),
                "alarm": tuple(np.where(score >= self.threshold, "yes", "no").tolist()),
                "truth": numbers(steps.positive[rows]),
            },
            headings=headings | {"score": "Probability", "alarm": "Alarm", "truth": "Truth"},
            facts={"threshold": self.threshold, "horizon": ahead},
        )


def _rows(count: float) -> str:
    return f"{shown(count)} {'row' if count == 1 else 'rows'}"
