"""Losses of a run as a row of blocks, small enough for one line."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

BLOCKS = "▁▂▃▄▅▆▇█"


def means(values: Sequence[float], cells: int) -> list[float]:
    """Return the mean of each of so many equal stretches of the values, or the values where they are fewer."""
    count = min(cells, len(values))
    bounds = [cell * len(values) // count for cell in range(count + 1)]
    return [sum(values[i:j]) / (j - i) for i, j in pairwise(bounds)]


def blocks(values: Sequence[float], scale: Sequence[float]) -> str:
    """Return a block for each value, the lowest for the least of `scale` and the highest for its largest.

    Heights are logarithmic where all of `scale` is above 0, as losses fall by factors; a value that is not finite is a
    space.
    """
    finite = [value for value in scale if math.isfinite(value)]
    height = math.log if finite and min(finite) > 0 else float
    low, high = (height(min(finite)), height(max(finite))) if finite else (0.0, 0.0)
    steps = (len(BLOCKS) - 1) / (high - low) if high > low else 0.0
    return "".join(BLOCKS[round((height(value) - low) * steps)] if math.isfinite(value) else " " for value in values)
