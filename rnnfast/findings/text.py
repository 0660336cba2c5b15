"""Figures and names in the sentences of findings."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rnnfast.display import on_one_line

SHOWN = 30  # characters of a name
SMALLEST, LARGEST = 1e-4, 1e7  # of the numbers that need no exponent


def number(value: float, digits: int = 3) -> str:
    """Return a number with so many significant digits, without an exponent where it is of usual size."""
    if value and not SMALLEST <= abs(value) < LARGEST:
        return f"{value:.{digits}g}"
    places = digits - 1 - math.floor(math.log10(abs(value))) if value else 0
    return f"{value:,.{max(places, 0)}f}"


def percent(share: float) -> str:
    """Return a share as "12 %"."""
    return f"{number(100 * share, 2 if share < 0.995 else 3)} %"


def name(text: object) -> str:
    """Return the name of a column, a class or an id as it may be shown."""
    shown = on_one_line(str(text))
    return shown if len(shown) <= SHOWN else f"{shown[: SHOWN - 3]}..."


def names(items: Sequence[object], most: int = 3) -> str:
    """Return "a, b and 3 more"."""
    shown = ", ".join(name(item) for item in items[:most])
    return shown if len(items) <= most else f"{shown} and {len(items) - most:,} more"
