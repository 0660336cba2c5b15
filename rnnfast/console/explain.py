"""What answers follow from, as a person sees it: bars of the features, and a row of blocks over the steps of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.text import Text

from rnnfast.console.screen import FAINT, LABEL, WIDE, Screen, fields, table
from rnnfast.console.text import counted, number, percent, shortened

if TYPE_CHECKING:
    from rnnfast.model.explain.importance import Importance
    from rnnfast.model.explain.report import AttributionReport

BAR = 16  # cells of the longest bar
NAME = 24  # columns of a name
STEPS = 24  # that have a block of their own
LEVELS = "▁▂▃▄▅▆▇█"
NONE = "·"  # a step that moves nothing
LEAST = 0.02  # of the largest: what is less is drawn as nothing


def show_attributions(screen: Screen, report: AttributionReport, top: int) -> None:
    """Print what moved the output, `top` features of it."""
    for note in report.notes:
        screen.notice(note)
    if report.explained == 1:
        where = "" if not isinstance(report.id, str) else f" of {report.id!r}"
        what = f"row {report.row}{where}"
    else:
        what = f"{counted(report.explained, 'answer')}, of {counted(report.sequences, 'sequence')}"
    beside = "the mean training row" if report.baseline == "mean" else "inputs of 0"
    mean = "" if report.explained == 1 else " on average"
    lacks = "less than 0.001 %" if report.error < 1e-5 else percent(report.error, 2)
    rows: list[tuple[str | Text, str | Text]] = [
        ("Explained", f"{what}: {report.answer}, beside {beside} at every step"),
        ("Output", f"{number(report.end)}{mean}, {number(report.start)} for the baseline"),
        ("Complete", f"attributions sum to the difference but for {lacks} of it at most ({report.points} points)"),
    ]
    screen.result(fields(rows), Text())
    wide = screen.out.width >= WIDE
    steps = range(len(report.steps))[-STEPS if wide else -8 :]
    if max(report.steps) > 0:  # both directions: as many after the row
        middle = report.steps.index(0)
        steps = range(max(0, middle - STEPS // 2), min(len(report.steps), middle + STEPS // 2))
    shown = report.features[:top]
    largest = max((feature.by_step[k] for feature in shown for k in steps), default=0.0)
    cells: list[list[str | Text]] = []
    for feature in shown:
        sketch = _sketch([feature.by_step[k] for k in steps], largest)
        line: list[str | Text] = [shortened(feature.feature, NAME)]
        line += [_bar(feature.share, shown[0].share)] if wide else []
        line += [sketch, percent(feature.share), f"{feature.sum:+.3g}"]
        cells.append(line)
    between = f"at {report.steps[steps[0]]} to {report.steps[steps[-1]]}" if len(steps) > 1 else "at 0"
    headers = ["feature", *([""] if wide else []), between, "share", "sum"]
    screen.result(table(headers, cells, left=len(headers) - 2, gap=2 if wide else 1))
    if len(shown) < len(report.features):
        rest = sum(feature.share for feature in report.features[top:])
        more = counted(len(report.features) - len(shown), "more feature")
        screen.result(Text(f"and {more}, {percent(rest)} together", FAINT))


def show_importance(screen: Screen, result: Importance, top: int) -> None:
    """Print what the score loses without each feature; of the features `top`, the others all."""
    rows: list[tuple[str | Text, str | Text]] = [
        ("Scored", f"{counted(result.labelled_steps, 'labelled step')}, {counted(result.sequences, 'sequence')}"),
        ("Score", f"{result.metric} {number(result.score)}"),
        ("Exchanged", f"between sequences, {counted(result.repeats, 'time')} each"),
    ]
    screen.result(fields(rows), Text())
    features = [entry for entry in result.entries if entry.kind == "feature"]
    shown = [entry for entry in result.entries if entry.kind != "feature" or entry in features[:top]]
    wide = screen.out.width >= WIDE
    largest = max((entry.drop for entry in shown), default=0.0)
    cells: list[list[str | Text]] = []
    for entry in shown:
        line: list[str | Text] = [Text(shortened(entry.feature, NAME), LABEL if entry.kind != "feature" else "")]
        line += [_bar(max(entry.drop, 0.0), largest)] if wide else []
        cells.append([*line, f"{entry.drop:+.4f}", f"{entry.spread:.4f}"])
    headers = ["without", *([""] if wide else []), "loses" if wide else "drop", "spread"]
    screen.result(table(headers, cells, left=len(headers) - 2, gap=2 if wide else 1))
    if len(features) > top:
        screen.result(Text(f"and {counted(len(features) - top, 'more feature')}", FAINT))
    for entry in result.entries:
        if entry.kind == "order" and entry.drop <= entry.spread:
            screen.result(Text(), Text("The order of the steps carries nothing that the model uses."))


def _bar(value: float, largest: float) -> str:
    return "█" * round(BAR * value / largest) if largest > 0 else ""


def _sketch(values: Sequence[float], largest: float) -> str:
    """Draw the magnitudes of values as blocks."""
    shares = [value / largest if largest else 0.0 for value in values]
    return "".join(
        NONE if share < LEAST else LEVELS[min(int(share * len(LEVELS)), len(LEVELS) - 1)] for share in shares
    )
