"""How many labels the intervals of a model hold, as `eval --interval` shows it."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType

from rnnfast.console.screen import table
from rnnfast.console.text import cut_inside, number, percent
from rnnfast.metrics.evaluation import Evaluation

MOST_ANSWERS = 24


def intervals(evaluation: Evaluation, width: int) -> Iterator[RenderableType]:
    """Yield the coverage of each answer, or of the only one, beside what was promised."""
    record = evaluation.interval
    if record is None:
        return
    what = "mean width" if evaluation.residuals is not None else "mean classes"
    title = f"intervals of {record.level} %" if evaluation.residuals is not None else f"sets of {record.level} %"
    rows = [["all", percent(record.coverage), number(record.width)]]
    rows += [
        [cut_inside(name, 24), percent(one["coverage"]), number(one["width"])]
        for name, one in list(record.per_answer.items())[:MOST_ANSWERS]
    ]
    yield table([title, "hold", what], rows, gap=3)
