"""The place of a time in day, week and year, as a point on a circle: sine and cosine of each unit.

A unit is an input where it varies in the training rows: daily dates have no hour. In one series without ids it is seen
to come again, too: of a cycle that was seen once its place says which rows these are, and the weekday on which months
begin is noise. Where no unit does, all that vary are inputs.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

DAY, YEAR = 86_400.0, 31_557_600.0  # seconds
MONDAY = 3  # days from a Monday to 1 January 1970, a Thursday


def _hour(seconds: Floats) -> Floats:
    return seconds % DAY / DAY


def _weekday(seconds: Floats) -> Floats:
    return (seconds // DAY + MONDAY) % 7 / 7


def _month(seconds: Floats) -> Floats:
    return _in_units(seconds, "M").astype(np.int64) % 12 / 12


def _yearday(seconds: Floats) -> Floats:
    years = _in_units(seconds, "Y")
    days = _in_units(seconds, "D") - years.astype("datetime64[D]")
    return np.asarray(days.astype(np.int64) / 366)


# Each with the share of its circle that a time has passed, in [0, 1); times are seconds since 1970.
UNITS: dict[str, Callable[[Floats], Floats]] = {
    "hour": _hour,
    "weekday": _weekday,
    "month": _month,
    "yearday": _yearday,
}
CYCLES = {"hour": DAY, "weekday": 7 * DAY, "month": YEAR, "yearday": YEAR}  # seconds of each
SEEN = 2  # cycles at least, from the first time to the last
APART = 2  # cycles at most, from a row to the next one on average


class Variety:
    """Which units vary in a column of times that comes in blocks; series: whether they are to be seen to come again."""

    def __init__(self, series: bool = False) -> None:
        self._series = series
        self._first: dict[str, float] = {}
        self._varies = dict.fromkeys(UNITS, False)
        self._low, self._high, self._rows = np.inf, -np.inf, 0

    def add(self, seconds: Floats) -> None:
        """Take times (n,) into account."""
        if not len(seconds):
            return
        self._low, self._high = min(self._low, seconds.min()), max(self._high, seconds.max())
        self._rows += len(seconds)
        for name, varies in self._varies.items():
            if not varies:
                shares = UNITS[name](seconds)
                self._varies[name] = bool((shares != self._first.setdefault(name, float(shares[0]))).any())

    def merge(self, other: Variety) -> None:
        """Take what another part of the column shows into account."""
        self._low, self._high = min(self._low, other._low), max(self._high, other._high)
        self._rows += other._rows
        for name, share in other._first.items():
            differs = self._first.setdefault(name, share) != share
            self._varies[name] = self._varies[name] or other._varies[name] or differs

    @property
    def units(self) -> tuple[str, ...]:
        """Those that are inputs."""
        varying = tuple(name for name, varies in self._varies.items() if varies)
        span = self._high - self._low
        step = span / max(self._rows - 1, 1)
        again = tuple(name for name in varying if span >= SEEN * CYCLES[name] and step <= APART * CYCLES[name])
        return again if self._series and again else varying


def names(column: str, units: Collection[str]) -> Iterator[str]:
    """Yield the names of the inputs: "date.hour.sin", "date.hour.cos", .. of the column "date (calendar)"."""
    time = column.removesuffix(" (calendar)")
    return (f"{time}.{unit}.{wave}" for unit in units for wave in ("sin", "cos"))


def waves(seconds: Floats, units: Collection[str]) -> Floats:
    """Return the inputs, (n, 2 * len(units))."""
    angles = [2 * np.pi * UNITS[unit](seconds) for unit in units]
    columns = [wave(angle) for angle in angles for wave in (np.sin, np.cos)]
    return np.column_stack(columns) if columns else np.empty((len(seconds), 0))


def _in_units(seconds: Floats, unit: str) -> NDArray[np.datetime64]:
    return np.floor(seconds).astype("datetime64[s]").astype(f"datetime64[{unit}]")
