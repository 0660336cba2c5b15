"""Runs on the same rows, as `compare` shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from rnnfast.console.metrics import figure
from rnnfast.console.screen import FAINT, LABEL, WIDE, Screen, fields, table
from rnnfast.console.text import UNDEFINED, counted, duration, number

if TYPE_CHECKING:
    from rnnfast.model.comparison import Comparison, RunScore

LEAST_NAME = 12  # columns of the name of a run
AIRY = 100  # columns from which there are three between two figures
FIGURES = 44  # columns that the figures of a wide table take beside the metric, without those between them


def show_comparison(screen: Screen, comparison: Comparison) -> None:
    """Print what was scored, the runs, and the verdict about the first two."""
    for note in comparison.notes:
        screen.notice(note)
    part = "" if comparison.part == "all" else f"{comparison.part} of "
    rows = f"{counted(comparison.labelled_steps, 'labelled step')} of {counted(comparison.owners, comparison.of)}"
    screen.progress(fields([("Scored", f"{part}{', '.join(comparison.data)}: {rows}")]), Text())
    wide = screen.out.width >= WIDE
    gap = (3 if screen.out.width >= AIRY else 2) if wide else 1
    room = max(screen.out.width - FIGURES - 6 * gap - max(len(comparison.metric), 7), LEAST_NAME)
    several_tables = len({run.data for run in comparison.runs}) > 1
    lines = [_line(comparison, run, wide, room) for run in comparison.runs]
    if comparison.baseline is not None:
        naive = ["baseline", figure(comparison.metric, comparison.baseline)]
        lines.append([Text(cell, FAINT) for cell in (*naive, *[""] * (len(lines[0]) - 2))])
    heads = ["run", comparison.metric, "low", "high"]
    heads += ["parameters", "trained", "ms/1,000 rows"] if wide else []
    screen.result(table(heads, lines, gap=gap))
    if several_tables:
        screen.result(fields([(run.run, f"trained on {', '.join(run.data) or 'no table'}") for run in comparison.runs]))
    screen.result(Text(), Text(f"{comparison.versus.words}."))


def _line(comparison: Comparison, run: RunScore, wide: bool, room: int) -> list[Text]:
    """Return the cells of a run; narrow: without what it costs."""
    name = comparison.metric
    ends = [figure(name, end) for end in run.ci or (None, None)]
    cells = [_end_of(run.run, room), figure(name, run.metrics[name]), *ends]
    if wide:
        seconds = UNDEFINED if run.seconds is None else duration(run.seconds)
        cells += [f"{run.parameters:,}", seconds, number(run.ms_per_1000_rows, 3)]
    return [Text(cell, LABEL if run is comparison.runs[0] else "") for cell in cells]


def _end_of(name: str, room: int) -> str:
    """Cut a name to a width; its end stays, as names of runs begin alike."""
    return name if len(name) <= room else f"…{name[len(name) - room + 1 :]}"
