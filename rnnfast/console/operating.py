"""Operating points, probabilities beside shares, and events, as a person sees them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.text import Text

from rnnfast.catalogue import TASKS
from rnnfast.console.screen import FAINT, LABEL, WIDE, Screen, fields, table
from rnnfast.console.text import counted, number, percent
from rnnfast.display import amount
from rnnfast.metrics.evaluation import Evaluation
from rnnfast.records import UNSET

if TYPE_CHECKING:
    from rnnfast.metrics.events import EventScores
    from rnnfast.model.operating import ThresholdReport
    from rnnfast.tasks.operating import OperatingPoint


def probabilities(evaluation: Evaluation, width: int, reliability: bool) -> Iterator[RenderableType]:
    """Yield how far probabilities are from shares; reliability: bin by bin."""
    scores = evaluation.calibration
    if scores is None:
        return
    several = not TASKS[evaluation.task].threshold
    what = "right" if several else "positive"
    text = f"Probabilities: {percent(scores.probability)} on average, {percent(scores.share)} are {what}"
    yield Text()
    yield Text(f"{text}; ECE {number(scores.ece, 3)}.")
    if not reliability:
        return
    rows = [[f"{one.rows:,}", number(one.probability, 3), number(one.share, 3)] for one in scores.bins]
    gap = 3 if width >= WIDE else 1
    yield table(
        ["", "rows", "probability", f"share {what}"], [[f"{j}", *row] for j, row in enumerate(rows, 1)], gap=gap
    )


def events(scores: EventScores | None, width: int) -> Iterator[RenderableType]:
    """Yield how events are caught, and false alarms."""
    if scores is None:
        return
    yield Text()
    yield Text(f"Events (threshold {number(scores.threshold, 3)})", LABEL)
    share = "" if scores.recall is None else f" ({percent(scores.recall)})"
    rows: list[tuple[str, str]] = [("Caught", f"{scores.caught:,} of {counted(scores.events, 'event')}{share}")]
    if scores.mean_lead is not None:
        rows.append(("Lead", f"{_steps(scores.mean_lead)} on average, median {_steps(scores.median_lead)}"))
    elif scores.mean_delay is not None:
        rows.append(("Delay", f"{_steps(scores.mean_delay)} on average, median {_steps(scores.median_delay)}"))
    false = f"{scores.false_alarms:,}, {number(scores.per_1000_steps, 3)} per 1,000 steps"
    if scores.per_day is not None and scores.days is not None:
        false += f", {number(scores.per_day, 3)} per day of {number(scores.days, 3)}"
    rows.append(("False", false))
    yield fields(rows)


def _steps(value: float | None) -> str:
    return f"{number(value, 3)} step{'' if value == 1 else 's'}"


def show_threshold(screen: Screen, report: ThresholdReport) -> None:
    """Print the points to choose from, the confusion at the chosen one, and what was written."""
    screen.result(_points(report, screen.out.width >= WIDE), Text())
    (negatives, false), (missed, hits) = report.confusion
    screen.result(
        Text(
            f"At {number(report.threshold, 4)}: found {amount(hits)} of {amount(hits + missed)}; "
            f"{counted(false, 'false alarm')} among {amount(false + negatives)} others."
        )
    )
    if report.events is not UNSET:
        screen.result(*events(report.events, screen.out.width))
    if report.written:
        screen.result(
            Text(),
            fields([("Written", f"{', '.join(report.written)}; before, the threshold was {number(report.before, 4)}")]),
        )
    else:
        screen.progress(
            Text(f"nothing is written (--dry-run); the threshold is still {number(report.before, 4)}", FAINT)
        )


def _points(report: ThresholdReport, wide: bool) -> RenderableType:
    """Lay out the points to choose from, one in a line; narrow: without alarms, cost and events."""
    columns = {"threshold": "threshold", "precision": "precision", "recall": "recall"}
    if wide:
        columns |= {"alarms_per_1000": "alarms/1,000", "cost": "cost", "caught": "caught", "false_alarms": "false"}
    first = next(iter(report.points.values()))
    columns = {name: title for name, title in columns.items() if getattr(first, name) is not UNSET}
    rows = [
        [Text(cell, LABEL if name == "chosen" else "") for cell in (name, *(_cell(key, point) for key in columns))]
        for name, point in report.points.items()
    ]
    return table(["point", *columns.values()], rows, gap=3 if wide else 1)


def _cell(name: str, point: OperatingPoint) -> str:
    """Text of a figure of a point."""
    value = getattr(point, name)
    if name in ("precision", "recall"):
        return percent(value)
    return f"{value:,}" if isinstance(value, int) else number(value, 4 if name in ("threshold", "cost") else 3)
