"""Histograms of residuals, with bins at round numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from rnnfast.console.screen import LABEL, WIDE, table
from rnnfast.console.text import aligned, counted, cut_inside, number, title
from rnnfast.metrics.evaluation import Evaluation

if TYPE_CHECKING:
    import numpy.typing as npt

BINS = 9  # about so many
STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)  # widths of bins, times a power of ten
LONGEST_BAR = 48  # cells
TAILS = 0.5  # percent of the residuals at either end that the outermost bins gather
MOST_TARGETS = 12  # listed one by one
EIGHTHS = " ▏▎▍▌▋▊▉"
LEVELS = "▁▂▃▄▅▆▇█"


def residuals(evaluation: Evaluation, targets: Sequence[str], width: int, part: str = "") -> Iterator[RenderableType]:
    """Yield the distribution of the residuals of a regression: bars for one target, a line each for several."""
    if evaluation.residuals is None or evaluation.residuals.size == 0:
        return
    values = np.asarray(evaluation.residuals, dtype=np.float64)
    values = values.reshape(len(values), -1)
    yield Text(f"{title('Residuals', part)} (actual - predicted)", LABEL)
    if values.shape[1] == 1:
        yield _bars(values[:, 0], width)
        return
    rows = []
    for j in range(min(values.shape[1], MOST_TARGETS)):
        middles, counts = binned(values[:, j])
        sketch = "".join(LEVELS[round((len(LEVELS) - 1) * n / max(counts.max(), 1))] for n in counts.tolist())
        name = targets[j] if j < len(targets) else str(j + 1)
        rows.append(
            [cut_inside(name, 24 if width >= WIDE else 12), sketch, number(middles[0], 3), number(middles[-1], 3)]
        )
    yield table(["target", "", "from", "to"], rows, left=2, gap=2 if width >= WIDE else 1)
    if values.shape[1] > MOST_TARGETS:
        yield Text(f"and {counted(values.shape[1] - MOST_TARGETS, 'target')} more")


def binned(values: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Count residuals in bins around round numbers; return the middles (bins,) and the counts (bins,).

    The outermost bins gather the tails, so that one outlier cannot flatten the rest.
    """
    values = values[np.isfinite(values)]
    if len(values) == 0:
        return np.zeros(1), np.zeros(1, np.int64)
    low, high = np.quantile(values, [TAILS / 100, (100 - TAILS) / 100])
    step = _round_step((high / BINS) - (low / BINS))
    first, last = (round(float(end) / step) for end in (low, high))
    places = np.clip(np.rint(values / step), first, last) - first
    counts = np.bincount(places.astype(np.int64), minlength=last - first + 1)
    return step * np.arange(first, last + 1, dtype=np.float64), counts


def _round_step(width: float) -> float:
    """Return the round number that is nearest to a width, by their ratio; 1 for no width."""
    if not 1e-300 < width < 1e300:
        return 1.0 if width <= 1e-300 else 1e300
    power = 10.0 ** math.floor(math.log10(width))
    return min((step * power for step in STEPS), key=lambda step: abs(math.log(step / width)))


def _bars(values: npt.NDArray[np.float64], width: int) -> Table:
    """Return a horizontal histogram: the middle of each bin, a bar, the count."""
    middles, counts = binned(values)
    labels = aligned([f"{middle:,.10g}" for middle in middles.tolist()])
    totals = [f"{n:,}" for n in counts.tolist()]
    room = width - max(map(len, labels)) - max(map(len, totals)) - 4
    longest = max(min(room, LONGEST_BAR), 1)
    most = max(int(counts.max()), 1)
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(no_wrap=True)
    grid.add_column(justify="right", no_wrap=True)
    for label, n, total in zip(labels, counts.tolist(), totals, strict=True):
        whole, rest = divmod(round(8 * longest * n / most), 8)
        grid.add_row(label, Text("█" * whole + (EIGHTHS[rest] if rest else "")), total)
    return grid
