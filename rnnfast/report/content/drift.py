"""How far the inputs of a part are from those that the model learned from."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rnnfast.data import SequenceData
from rnnfast.report.content.panel import Panel, numbers, words

FEATURES = 30  # that are drawn, those that moved most first
ROWS = 1 << 17  # of each part that are looked at, evenly taken
ROUNDING = 1e-9  # of a value: the spread of a constant column
LARGE = 0.5  # standard deviations from which on a shift is worth a look


def drift(train: SequenceData, part: SequenceData) -> Panel | None:
    """Return the shift of the mean of each feature in standard deviations of the training rows; None of no feature."""
    schema = part.schema
    names = [name for name in schema.features if name not in schema.categorical and name in schema.columns]
    if not names:
        return None
    places = [schema.columns.index(name) for name in names]
    before, now = (_rows(data.x)[:, places].astype(np.float64) for data in (train, part))
    filled = [(before[:, j][~np.isnan(before[:, j])], now[:, j][~np.isnan(now[:, j])]) for j in range(len(names))]
    shift = np.array([_shift(first, second) for first, second in filled])
    empty = np.isnan(now).mean(axis=0) - np.isnan(before).mean(axis=0)
    order = np.argsort(-np.abs(np.nan_to_num(shift)), kind="stable")[:FEATURES]
    far = int((np.abs(shift) >= LARGE).sum())
    return Panel(
        kind="drift",
        name="drift",
        title="Inputs beside those that trained",
        caption=f"{far:,} of {len(names):,} numeric features have a mean that is half a standard deviation or "
        "more from that of the training rows.",
        columns={
            "feature": words(names[j] for j in order),
            "shift": numbers(shift[order], 4),
            "before": numbers([first.mean() if len(first) else np.nan for first, _ in (filled[j] for j in order)]),
            "now": numbers([second.mean() if len(second) else np.nan for _, second in (filled[j] for j in order)]),
            "empty": numbers(empty[order], 4),
        },
        headings={
            "feature": "Feature",
            "shift": "Shift of the mean, standard deviations",
            "before": "Mean of training",
            "now": "Mean here",
            "empty": "More cells empty (share)",
        },
    )


def _rows(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return at most ROWS rows, evenly taken."""
    return x[:: -(-len(x) // ROWS)] if len(x) else x


def _shift(before: NDArray[np.float64], now: NDArray[np.float64]) -> float:
    """Return how far the mean moved; 0 of a column that was constant, which has no unit to tell it in."""
    if not len(before) or not len(now):
        return float("nan")
    spread, moved = float(before.std()), float(now.mean() - before.mean())
    return moved / spread if spread > ROUNDING * float(np.abs(before).max()) else 0.0
