"""Intervals, and sets of classes, that hold the truth in a promised share of cases: split conformal prediction.

n steps that did not train tell how far answers p are from labels y. The next one is at most as far as the k-th nearest
of them with probability k / (n + 1) or more, whatever the distribution, where all are drawn alike:

    quantities   s = y - p                     p + s_(k) .. p + s_(n + 1 - k),      k = floor((n + 1) (1 - level) / 2)
                 s = (y - p) / (d + d_0)       the same with s (d + d_0) for an ensemble whose networks deviate by d
    classes      s = 1 - p of the true class   all classes with 1 - p <= s_(k),     k = ceil((n + 1) level)

with the level as a share, and s_(k) the k-th smallest. d_0 is the median deviation; the second line is taken where its
intervals are narrower. Each answer has scores of its own, so that each horizon has its width. Vovk, Gammerman, Shafer:
Algorithmic Learning in a Random World, 2005; Lei et al.: Distribution-Free Predictive Inference for Regression, JASA
2018.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnfast.records import Count, Record

Floats = NDArray[np.float64]

LEVELS = (50, 60, 70, 80, 85, 90, 95, 98, 99)  # per cent that a model file has bounds for
COMPARED = 90  # level at which widths are compared, and the usual one

Bounds = tuple[float | None, ...]  # at LEVELS; None where there are too few steps


class Conformal(Record, frozen=True, kw_only=True):
    """Bounds of the scores s, and where they come from.

    part: whose steps they are of; steps: how many. lower, upper: for each answer; lower is empty for classes.
    softening: d_0 of each answer whose intervals follow the deviation of the networks, None of others. from_zero:
    whether 0 is the least target that each answer was trained on: its intervals end there.
    """

    part: str
    steps: Count
    lower: tuple[Bounds, ...] = ()
    upper: tuple[Bounds, ...]
    softening: tuple[float | None, ...] = ()
    from_zero: tuple[bool, ...] = ()

    @property
    def levels(self) -> tuple[int, ...]:
        """The levels that there are bounds for."""
        return tuple(level for level, bound in zip(LEVELS, self.upper[0], strict=True) if bound is not None)

    def fits(self, answers: int, classes: bool) -> bool:
        """Whether there are bounds for so many answers, of classes or quantities, as `fitted` makes them."""
        sides = (self.upper,) if classes else (self.lower, self.upper)
        values = [bounds for side in (self.lower, self.upper) for bounds in side]
        return (
            all(len(side) == answers for side in sides)
            and not (classes and self.lower)
            and len(self.softening) in (0, answers)
            and len(self.from_zero) in (0, answers)
            and all(len(bounds) == len(LEVELS) for bounds in values)
            and all(value is None or math.isfinite(value) for bounds in values for value in bounds)
            and all(
                (low is None) == (high is None) for low, high in zip(sum(sides[0], ()), sum(sides[-1], ()), strict=True)
            )
        )

    def region(
        self, level: int, spread: NDArray[Any] | None, columns: NDArray[np.int64] | slice = slice(None)
    ) -> Region:
        """Return the bounds of s at a level of `levels`.

        spread: (..., answers) of the networks of an ensemble, None of a single one. columns: which of the answers the
        last axes of spread are, and of the bounds.
        """
        at = LEVELS.index(level)
        high = np.array([bounds[at] for bounds in self.upper], np.float64)[columns]
        low = np.full_like(high, -np.inf)
        if self.lower:
            low = np.array([bounds[at] for bounds in self.lower], np.float64)[columns]
        if not self.follows or spread is None:
            return Region(low, high)
        soft = self.soft[columns]
        unit = np.where(np.isnan(soft), 1.0, spread + np.nan_to_num(soft))
        return Region(low * unit, high * unit)

    def within(self, region: Region, values: NDArray[Any], columns: NDArray[np.int64] | slice = slice(None)) -> Region:
        """Return bounds around answers, none of which is below 0 where targets begin there.

        values: (..., answers) in original units; columns: as of `region`.
        """
        if not any(self.from_zero):
            return region
        begins = np.array(self.from_zero)[columns]
        return Region(*(np.where(begins, np.maximum(side, -values), side) for side in region))

    @property
    def follows(self) -> bool:
        """Whether any interval follows the deviation of the networks."""
        return any(value is not None for value in self.softening)

    @property
    def soft(self) -> Floats:
        """(answers,) d_0, NaN where intervals do not follow the deviation."""
        return np.array([np.nan if value is None else value for value in self.softening], np.float64)


class Region(NamedTuple):
    """Bounds of the scores s of answers, that broadcast to (n, answers)."""

    low: Floats
    high: Floats


class Coverage(Record, frozen=True, kw_only=True):
    """How intervals or sets did on labelled steps.

    level: per cent that they promise; coverage: share of labels that they hold; width: mean width in the unit of the
    target, of sets the mean number of classes. per_answer: the same of each answer, where there are several.
    """

    level: int
    coverage: float
    width: float
    per_answer: dict[str, dict[str, float]] = {}  # noqa: RUF012 - msgspec copies it


def fitted(scores: Floats, part: str, *, two_sided: bool, spread: NDArray[Any] | None = None) -> Conformal | None:
    """Order the scores s (n, answers) of quantities (two_sided) or classes; None where n is too small for any level.

    spread: (n, answers) deviation of the networks of an ensemble, which intervals follow where they become narrower.
    """
    columns = [
        _column(scores[:, j], two_sided, None if spread is None else spread[:, j]) for j in range(scores.shape[1])
    ]
    if not columns or columns[0][1][0] is None:
        return None
    return Conformal(
        part=part,
        steps=len(scores),
        lower=tuple(lower for lower, _, _ in columns) if two_sided else (),
        upper=tuple(upper for _, upper, _ in columns),
        softening=tuple(soft for _, _, soft in columns) if spread is not None else (),
    )


def level_of(bounds: Conformal) -> int:
    """Return the level of intervals where nobody names one: the usual one, or the next lower one with bounds."""
    return max((level for level in bounds.levels if level <= COMPARED), default=bounds.levels[0])


def _column(scores: Floats, two_sided: bool, spread: NDArray[Any] | None) -> tuple[Bounds, Bounds, float | None]:
    """Return the bounds of one answer, and d_0 where they follow the deviation."""
    lower, upper = _bounds(np.sort(scores), two_sided)
    if not two_sided or spread is None or not np.isfinite(spread).all():
        return lower, upper, None
    soft = float(np.median(spread))
    at = LEVELS.index(COMPARED)
    if soft <= 0 or lower[at] is None:
        return lower, upper, None
    unit = spread + soft
    by_spread = _bounds(np.sort(scores / unit), two_sided)
    narrower = _width(by_spread, at) * float(unit.mean()) < _width((lower, upper), at)
    return (*by_spread, soft) if narrower else (lower, upper, None)


def _width(bounds: tuple[Bounds, Bounds], at: int) -> float:
    low, high = bounds[0][at], bounds[1][at]
    assert low is not None
    assert high is not None
    return high - low


def _bounds(ordered: Floats, two_sided: bool) -> tuple[Bounds, Bounds]:
    """Return the lower and upper bounds at each level of ordered scores (n,)."""
    places = [_place(len(ordered), level, two_sided) for level in LEVELS]
    lower = tuple(None if k is None else float(ordered[-k]) for k in places)
    upper = tuple(None if k is None else float(ordered[k - 1]) for k in places)
    return lower, upper


def _place(n: int, level: int, two_sided: bool) -> int | None:
    """Return k of the upper bound, the k-th smallest of n scores; None where n is too small."""
    if two_sided:
        k = n + 1 - (n + 1) * (100 - level) // 200
    else:
        k = -(-(n + 1) * level // 100)
    return k if k <= n else None


def coverage(level: int, held: NDArray[np.bool_], widths: Floats, names: Sequence[str]) -> Coverage:
    """Summarise which labels are held, (n, answers), and how wide intervals are, the same shape."""
    several = {
        name: {"coverage": float(held[:, j].mean()), "width": float(widths[:, j].mean())}
        for j, name in enumerate(names)
    }
    return Coverage(
        level=level,
        coverage=float(held.mean()),
        width=float(widths.mean()),
        per_answer=several if len(names) > 1 else {},
    )
