"""Whether the whole numbers of a target are classes or a quantity, where nobody said it.

Two of them are two classes (targets.py). Three or more are classes, unless one of these says that they are a quantity:

    forecast  the target is wanted ahead (--horizon), or is an input too (--lag-target)
    many      more than 20 different values, 100 where each sequence has one value
    rare      less than 5 cases a value on the mean: a case is a sequence where each has one value, else a row; of more
              than 20 values, one that occurs once, or in less than a tenth of the mean
    measured  five or more values without a gap that begin neither at 0 nor at 1, nor lie evenly about 0
    count     five or more values, without a gap but in the last tenth of the cases, that become rarer on both sides of
              the frequent ones (half as many cases as the most frequent one), up to the largest, which has at most a
              twentieth of them, or two
    course    five or more values that move by one, in nine of ten changes inside a sequence: up and down, or after few
              steps each, as remaining lives do
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Owners = NDArray[np.int64]
Ordered = Callable[[], Iterable[tuple[Floats, Owners]]]  # as of `Course.add`, in stretches, when it is called

MOST, MOST_OF_SEQUENCES = 20, 100  # different values
LEAST_CASES = 5  # of a value, on the mean
SCALE = 5  # values from which on the order of numbers says something: of fewer, neighbours are all there is
BODY = 0.9  # share of the cases whose values have no gap in a count
FREQUENT = 0.5  # cases of the frequent values of a count, as a share of those of the most frequent one
TAIL, FEW = 0.05, 2  # cases of the largest value of a count, as such a share, and in any case
EVEN = 0.1  # cases of the rarest of many classes, as a share of the mean
STEADY = 0.9  # share of the changes of a course that are by one
BOTH_WAYS = 0.25  # share of the changes that go up, and that go down, in a level
SHORT = 5.0  # steps in which the middle one of the values of a clock changes
ROWS = 1 << 16  # that are looked at in one go


def few_whole(y: Floats) -> Floats | None:
    """Return the different values of y (rows,) in order, NaN apart; None for fractions, or for too many values."""
    values = np.empty(0)
    for first in range(0, len(y), ROWS):
        piece = y[first : first + ROWS]
        values = np.unique(np.append(values, piece[~np.isnan(piece)]))
        if len(values) > MOST_OF_SEQUENCES or not np.array_equal(values, np.floor(values)):
            return None
    return values


def recognised(name: str, values: Floats, forecast: str, ordered: Ordered) -> tuple[tuple[int, ...], str]:
    """Tell whether the whole numbers of a target are classes.

    values: the different ones in order; forecast: the option that makes it a forecast, or "". Returns: the classes, ()
    where it is a quantity, and a note.
    """
    if forecast:
        reason = f"a forecast ({forecast}) is of one"
    else:
        course = Course(values)
        for y, owner in ordered():
            course.add(y, owner)
        reason = course.quantity()
    what = f"target {name!r} has {len(values)} different whole numbers ({values[0]:g} to {values[-1]:g}) and is read as"
    if reason:
        return (), f"{what} a quantity: {reason}; if they are classes, use --task multiclass"
    cases, unit = course.cases, "sequences" if course.constant else "rows"
    often = f"each is in {cases.min():,} {unit} or more, {cases.max():,} at most"
    return tuple(map(int, values)), f"{what} classes: {often}; if they are a quantity, use --task regression"


class Course:
    """What a target does along its sequences, stretch by stretch.

    values: (K,) different ones in order. rows: (K,) labelled rows of each; sequences: (K,) that begin with it; runs:
    (K,) stays at it; rises, falls: changes by 1; changes: all of them.
    """

    def __init__(self, values: Floats) -> None:
        self.values = values
        self.rows, self.sequences, self.runs = (np.zeros(len(values), np.int64) for _ in range(3))
        self.rises = self.falls = self.changes = 0
        self._last: tuple[float, int] | None = None  # value and owner of the labelled row before

    def add(self, y: Floats, owner: Owners) -> None:
        """Go on: y (rows,) in the order of ids and times, NaN where unlabelled; owner (rows,), the number of the id."""
        labelled = ~np.isnan(y)
        y, owner = y[labelled], owner[labelled]
        if not len(y):
            return
        before, owner_before = (y[0], -1) if self._last is None else self._last
        step = np.diff(y, prepend=before)
        begins = owner != np.concatenate(([owner_before], owner[:-1]))
        place = np.searchsorted(self.values, y)
        for total, which in ((self.rows, slice(None)), (self.sequences, begins), (self.runs, begins | (step != 0))):
            total += np.bincount(place[which], minlength=len(self.values))
        self.rises += int((step[~begins] == 1).sum())
        self.falls += int((step[~begins] == -1).sum())
        self.changes += int((step[~begins] != 0).sum())
        self._last = float(y[-1]), int(owner[-1])

    @property
    def constant(self) -> bool:
        """Whether each sequence has one value."""
        return not self.changes

    @property
    def cases(self) -> NDArray[np.int64]:
        """How often each value occurs: in sequences where each has one, else in rows."""
        return self.sequences if self.constant else self.rows

    def quantity(self) -> str:
        """Say why the values are a quantity; "" where they are classes."""
        count, unit = len(self.values), "sequences" if self.constant else "rows"
        most, mean = MOST_OF_SEQUENCES if self.constant else MOST, self.cases.sum() / count
        if count > most:
            return f"they are more than {most}"
        if mean < LEAST_CASES:
            return f"each is in {mean:.2g} {unit} on the mean, less than {LEAST_CASES}"
        if count > MOST and (rarest := self.cases.min()) < max(2, EVEN * mean):
            return f"they are more than {MOST} and the rarest is in {rarest} of {self.cases.sum():,} {unit}"
        if count < SCALE:
            return ""
        if self._measured():
            return f"they begin at {self.values[0]:g} and leave out none, as measured values do"
        if self._counts():
            return "the larger ones become ever rarer, as in a count"
        return "they change by one from step to step, as a count or a remaining life does" if self._courses() else ""

    def _measured(self) -> bool:
        first, last = self.values[0], self.values[-1]
        return bool(last - first == len(self.values) - 1 and first not in (0, 1, -last))

    def _counts(self) -> bool:
        cases = self.cases
        body = int(np.searchsorted(np.cumsum(cases), BODY * cases.sum())) + 1
        if (np.diff(self.values[:body]) != 1).any():
            return False
        change = np.diff(cases)
        noise = np.sqrt(cases[1:] + cases[:-1]) + 1  # standard deviation of a difference of counts, and a case
        frequent = np.flatnonzero(cases >= FREQUENT * cases.max())
        rises, falls = change > -noise, change < noise
        single_hill = rises[: frequent[0]].all() and falls[frequent[-1] :].all()
        return bool(single_hill and cases[-1] <= max(TAIL * cases.max(), FEW))

    def _courses(self) -> bool:
        if self.constant or self.rises + self.falls < STEADY * self.changes:
            return False
        both_ways = min(self.rises, self.falls) >= BOTH_WAYS * self.changes
        return bool(both_ways or np.median(self.rows / self.runs) < SHORT)
