"""Metrics beside the naive baseline, and histograms of residuals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from rnnfast.catalogue import TASKS, lower_is_better
from rnnfast.console.confusion import confusion_matrix
from rnnfast.console.screen import BAD, CAUTION, GOOD, LABEL, WIDE, table
from rnnfast.console.text import counted, number, shortened
from rnnfast.metrics.evaluation import Evaluation

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

PART_NAMES = {"train": "train", "valid": "valid", "test": "test", "all": "model"}
NOT_SCORES = ("threshold", "per_target")
BINS = 9
LONGEST_BAR = 48  # cells
TAILS = 0.5  # percent of the residuals at either end that the outermost bins gather
MOST_TARGETS = 12  # listed one by one
TARGET_METRICS = ("rmse", "mae", "r2", "f1", "auprc", "accuracy")  # of each target, where there are several
EIGHTHS = " ▏▎▍▌▋▊▉"
LEVELS = "▁▂▃▄▅▆▇█"


def metric_tables(evaluations: Mapping[str, Evaluation], width: int) -> Iterator[RenderableType]:
    """Yield tables, one where it fits, with a column for each part and for the baseline of the last one."""
    part, evaluation = list(evaluations.items())[-1]
    columns: dict[str, Mapping[str, Any]] = {}
    for name, scores in evaluations.items():
        columns[PART_NAMES.get(name, name)] = scores.metrics
    if evaluation.baseline is not None:
        columns["baseline"] = evaluation.baseline
        if naive := evaluation.baseline.naive:
            columns[naive_name(naive.season)] = naive
    names = [name for name in evaluation.metrics if name not in NOT_SCORES]
    label_width = max(len("metric"), *map(len, names))
    gap = 3 if width >= WIDE else 1
    texts = {title: [number(values.get(name)) for name in names] for title, values in columns.items()}
    group: dict[str, list[str]] = {}
    taken = label_width
    for title, column in texts.items():
        needed = gap + max(len(title), *map(len, column))
        if group and taken + needed > width:
            yield _metric_table(names, group, gap)
            yield Text()
            group, taken = {}, label_width
        group[title] = column
        taken += needed
    yield _metric_table(names, group, gap)
    if evaluation.baseline is not None:
        answer = f"always answering {TASKS[evaluation.task].naive} ({PART_NAMES.get(part, part)})"
        yield _comparison(evaluation, evaluation.baseline, answer)
    for name, scores in evaluations.items():
        if scores.baseline is not None and (naive := scores.baseline.naive):
            steps = f"{naive.labelled_steps:,} of {scores.labelled_steps:,} steps"
            what = f"repeating the {naive_name(naive.season)} ({PART_NAMES.get(name, name)}, {steps})"
            yield _comparison(scores, naive, what)


def _metric_table(names: Sequence[str], columns: Mapping[str, Sequence[str]], gap: int) -> Table:
    rows = [[name, *(column[i] for column in columns.values())] for i, name in enumerate(names)]
    return table(["metric", *columns], rows, gap=gap)


def naive_name(season: int) -> str:
    """What the naive forecast repeats: "last value" or "season of 24 ago"."""
    return "last value" if season == 1 else f"season of {season:,} ago"


def _comparison(evaluation: Evaluation, baseline: Mapping[str, Any], against: str) -> Text:
    """Say in words where the model beats a naive answer and where it does not."""
    better: list[str] = []
    others: list[str] = []
    for name, value in evaluation.metrics.items():
        naive = baseline.get(name)
        if name in NOT_SCORES or value is None or naive is None:
            continue
        wins = value < naive if lower_is_better(name) else value > naive
        (better if wins else others).append(name)
    text = Text(f"Against {against}: ")
    text.append(f"better in {', '.join(better) or 'nothing'}", GOOD if better else BAD)
    if others:
        text.append("; ").append(f"not in {', '.join(others)}", CAUTION)
    return text.append(".")


def residuals(evaluation: Evaluation, targets: Sequence[str], width: int) -> Iterator[RenderableType]:
    """Yield the distribution of the residuals of a regression: bars for one target, a line each for several."""
    import numpy as np

    if evaluation.residuals is None or evaluation.residuals.size == 0:
        return
    values = np.asarray(evaluation.residuals, dtype=np.float64)
    values = values.reshape(len(values), -1)
    yield Text("Residuals (actual - predicted)", LABEL)
    if values.shape[1] == 1:
        yield _bars(values[:, 0], width)
        return
    rows = []
    for j in range(min(values.shape[1], MOST_TARGETS)):
        counts, edges = _binned(values[:, j])
        sketch = "".join(LEVELS[round((len(LEVELS) - 1) * n / counts.max())] for n in counts.tolist())
        name = targets[j] if j < len(targets) else str(j + 1)
        rows.append([shortened(name, 12), sketch, number(edges[0], 3), number(edges[-1], 3)])
    yield table(["target", "", "from", "to"], rows, left=2, gap=2 if width >= WIDE else 1)
    if values.shape[1] > MOST_TARGETS:
        yield Text(f"and {counted(values.shape[1] - MOST_TARGETS, 'target')} more")


def _binned(values: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Count residuals in equal bins; the outermost gather the tails, so that one outlier cannot flatten the rest."""
    import numpy as np

    values = values[np.isfinite(values)]
    if len(values) == 0:
        return np.zeros(BINS, np.int64), np.linspace(-1.0, 1.0, BINS + 1)
    low, high = np.percentile(values, [TAILS, 100 - TAILS])
    counts, edges = np.histogram(np.clip(values, low, high), bins=BINS, range=(low, high))
    return counts.astype(np.int64), edges


def _bars(values: npt.NDArray[np.float64], width: int) -> Table:
    """Return a horizontal histogram: the middle of each bin, a bar, the count."""
    counts, edges = _binned(values)
    middles = [number((low + high) / 2, 3) for low, high in pairwise(edges.tolist())]
    totals = [f"{n:,}" for n in counts.tolist()]
    room = width - max(map(len, middles)) - max(map(len, totals)) - 4
    longest = max(min(room, LONGEST_BAR), 1)
    most = max(int(counts.max()), 1)
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(justify="right", no_wrap=True)
    grid.add_column(no_wrap=True)
    grid.add_column(justify="right", no_wrap=True)
    for middle, n, total in zip(middles, counts.tolist(), totals, strict=True):
        whole, rest = divmod(round(8 * longest * n / most), 8)
        grid.add_row(middle, Text("█" * whole + (EIGHTHS[rest] if rest else "")), total)
    return grid


def per_target(evaluation: Evaluation, width: int) -> Iterator[RenderableType]:
    """Yield the scores of each target where there are several."""
    scores = evaluation.metrics.per_target
    if len(scores) < 2:
        return
    keys = [key for key in TARGET_METRICS if key in next(iter(scores.values()))]
    naive = evaluation.baseline.naive if evaluation.baseline is not None else None
    repeated = naive.per_target if naive is not None else {}
    rows = []
    for name, values in list(scores.items())[:MOST_TARGETS]:
        row = [shortened(name, 16), *(number(values.get(key)) for key in keys)]
        rows.append([*row, number(repeated[name].get(keys[0]))] if repeated else row)
    titles = [f"{keys[0]} of {naive_name(naive.season)}"] if naive is not None and repeated else []
    yield table(["target", *keys, *titles], rows, gap=3 if width >= WIDE else 1)
    if len(scores) > MOST_TARGETS:
        yield Text(f"and {counted(len(scores) - MOST_TARGETS, 'target')} more")


def score_sheet(
    evaluations: Mapping[str, Evaluation], classes: Sequence[Any], targets: Sequence[str], width: int
) -> Iterator[RenderableType]:
    """Yield everything that is said about the scores; details are those of the last part."""
    last = list(evaluations.values())[-1]
    yield from metric_tables(evaluations, width)
    for section in (
        per_target(last, width),
        confusion_matrix(last, classes, targets[0] if len(targets) == 1 else "target", width),
        residuals(last, targets, width),
    ):
        for j, part in enumerate(section):
            if j == 0:
                yield Text()
            yield part
