"""The step of numbers and dates that ascend in each id, where there is one; months as numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]
Dates = NDArray[np.datetime64]
Floats = NDArray[np.float64]

USUAL = 0.5  # share of the differences that are one step, at least
EXACT = 1e-6  # of a step: differences of fractions are multiples of it within this

DAY, MONTH = "datetime64[D]", "datetime64[M]"


def regular_step(ordinals: NDArray[Any], offsets: Integers) -> Floats:
    """Return (ids,) the step of numbers (rows,) that ascend in each id, NaN for none, infinite for ids of one row."""
    several = np.diff(offsets) > 1
    steps = np.where(several, np.nan, np.inf)
    if not several.any():
        return steps
    inside = np.ones(len(ordinals), dtype=bool)
    inside[offsets[:-1]] = False
    differences = np.diff(ordinals, prepend=ordinals[:1])[inside]
    count = np.diff(offsets)[several] - 1
    first = np.concatenate(([0], np.cumsum(count)[:-1]))
    least = np.minimum.reduceat(differences, first)
    whole = np.maximum(np.repeat(least, count), np.finfo(np.float64).tiny if ordinals.dtype.kind == "f" else 1)
    times = np.rint(differences / whole)
    multiple = np.abs(differences - times * whole) <= EXACT * whole
    regular = np.logical_and.reduceat(multiple, first) & (least > 0)
    regular &= np.add.reduceat(times == 1, first, dtype=np.int64) >= USUAL * count
    steps[several] = np.where(regular, least, np.nan)
    return steps


def all_rows(holds: NDArray[np.bool_], offsets: Integers) -> NDArray[np.bool_]:
    """Tell which ids have it in all rows."""
    return np.logical_and.reduceat(holds, offsets[:-1])


def months_of(days: Dates) -> tuple[Integers, Integers]:
    """Return months since 1970, and days of the month from 1."""
    months = days.astype(MONTH)
    return months.astype(np.int64), (days - months.astype(DAY)).astype(np.int64) + 1


def days_of_months(months: Integers) -> Integers:
    """Return the days that months since 1970 have."""
    first, next_first = months.astype(MONTH).astype(DAY), (months + 1).astype(MONTH).astype(DAY)
    return np.asarray((next_first - first).astype(np.int64))
