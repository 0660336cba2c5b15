"""Losses of a run as a row of blocks, small enough for one line."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

BLOCKS = "▁▂▃▄▅▆▇█"
BELOW_TOP = 0.9  # share of the values that have a height of their own
LEAST_SPAN = 0.05  # of the least value: noise below it is not blown up to the full height


def means(values: Sequence[float], cells: int) -> list[float]:
    """Return the mean of each of so many equal stretches of the values, or the values where they are fewer."""
    count = min(cells, len(values))
    bounds = [cell * len(values) // count for cell in range(count + 1)]
    return [sum(values[i:j]) / (j - i) for i, j in pairwise(bounds)]


def blocks(values: Sequence[float]) -> str:
    """Return a block for each value, the lowest for the least of them, the highest for the upper tenth.

    So a first epoch far above all others leaves room to tell these apart. Heights are logarithmic where all values are
    above 0, as losses fall by factors. What is within 5 % of the least value does not fill the height, and a value that
    is not finite is a space.
    """
    finite = sorted(value for value in values if math.isfinite(value))
    if not finite:
        return " " * len(values)
    height = math.log if finite[0] > 0 else float
    low, high = height(finite[0]), height(finite[math.ceil(BELOW_TOP * (len(finite) - 1))])
    span = max(high - low, math.log1p(LEAST_SPAN) if finite[0] > 0 else LEAST_SPAN * abs(high))
    steps = (len(BLOCKS) - 1) / span if span else 0.0

    def block(value: float) -> str:
        return BLOCKS[round(min(height(value) - low, span) * steps)] if math.isfinite(value) else " "

    return "".join(map(block, values))
