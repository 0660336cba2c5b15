"""Everything that is said about scores: metrics, targets, classes, residuals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from rnnfast.console.confusion import confusion_matrix
from rnnfast.console.intervals import intervals
from rnnfast.console.metrics import metric_tables
from rnnfast.console.residuals import MOST_TARGETS, residuals
from rnnfast.console.screen import WIDE, table
from rnnfast.console.text import counted, cut_inside, number
from rnnfast.metrics.evaluation import Evaluation, naive_name

TARGET_METRICS = ("rmse", "mae", "r2", "f1", "auprc", "accuracy")  # of each target, where there are several


def score_sheet(
    evaluations: Mapping[str, Evaluation], classes: Sequence[Any], targets: Sequence[str], width: int
) -> Iterator[RenderableType]:
    """Yield everything that is said about the scores; details are those of the last part, which their titles name."""
    name, last = list(evaluations.items())[-1]
    part = "" if name == "all" else name
    yield from metric_tables(evaluations, width)
    yield from details(last, classes, targets, width, part)


def details(
    evaluation: Evaluation, classes: Sequence[Any], targets: Sequence[str], width: int, part: str = ""
) -> Iterator[RenderableType]:
    """Yield what is said about scores beside the metrics, after an empty line each; part: is named in the titles."""
    for section in (
        per_target(evaluation, width, part),
        confusion_matrix(evaluation, classes, targets[0] if len(targets) == 1 else "target", width, part),
        residuals(evaluation, targets, width, part),
        intervals(evaluation, width),
    ):
        for j, item in enumerate(section):
            if j == 0:
                yield Text()
            yield item


def per_target(evaluation: Evaluation, width: int, part: str = "") -> Iterator[RenderableType]:
    """Yield the scores of each target where there are several."""
    scores = evaluation.metrics.per_target
    if len(scores) < 2:
        return
    keys = [key for key in TARGET_METRICS if key in next(iter(scores.values()))]
    naive = evaluation.baseline.naive if evaluation.baseline is not None else None
    repeated = naive.per_target if naive is not None else {}
    rows = []
    for name, values in list(scores.items())[:MOST_TARGETS]:
        row = [cut_inside(name, 24 if width >= WIDE else 12), *(number(values.get(key)) for key in keys)]
        rows.append([*row, number(repeated[name].get(keys[0]))] if repeated else row)
    titles = [f"{keys[0]} of {naive_name(naive.season)}"] if naive is not None and repeated else []
    yield table([f"target ({part})" if part else "target", *keys, *titles], rows, gap=3 if width >= WIDE else 1)
    if len(scores) > MOST_TARGETS:
        yield Text(f"and {counted(len(scores) - MOST_TARGETS, 'target')} more")
