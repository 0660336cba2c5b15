"""Intervals of forecasts: as wide as errors are for the steps that a model sees ahead, wider beyond them.

Steps of the first round have bounds of their own (metrics/conformal.py). Later rounds begin with answers that err
themselves: PATHS courses are drawn, in which each answer is moved by an error of the model before it is fed back, and the
interval is between quantiles of the courses. Errors are drawn from the bounds of all levels, linearly between them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnfast.metrics.conformal import LEVELS, Conformal, Region
from rnnfast.model.intervals import bounds_of
from rnnfast.model.model import Model
from rnnfast.model.rollout import Ends, reach, rollout

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]

PATHS = 200
TOGETHER = 2000  # courses at most that are computed at a time


def fan(model: Model, ids: Ends, answers: NDArray[Any], level: int) -> Region:
    """Return the bounds (ids, steps, O) around the answers of a forecast, (ids, steps, O), of `rollout`."""
    bounds, schema = bounds_of(model, level), model.schema
    steps, width = answers.shape[1:]
    span = reach(model, steps)
    ahead = np.arange(steps) % span + 1
    number = np.searchsorted(schema.ahead, ahead) if schema.horizon else np.zeros(steps, np.int64)
    columns = number[:, None] * width + np.arange(width)
    plain = bounds.region(level, None)
    region = Region(*(np.broadcast_to(side[columns], answers.shape).copy() for side in plain))
    if not schema.classes and steps > span:
        for first in range(0, len(answers), max(1, TOGETHER // PATHS)):
            part = slice(first, first + max(1, TOGETHER // PATHS))
            low, high = _quantiles(model, _some(ids, part), bounds, level)
            region.low[part, span:] = (low - answers[part])[:, span:]
            region.high[part, span:] = (high - answers[part])[:, span:]
    return region


def _some(ids: Ends, part: slice) -> Ends:
    """Return some of the ids, each PATHS times."""
    chosen = np.repeat(np.arange(len(ids.history))[part], PATHS)
    return replace(ids, block=ids.block.take(chosen), history=ids.history[chosen], steps=ids.steps[chosen])


def _quantiles(model: Model, ids: Ends, bounds: Conformal, level: int) -> tuple[Floats, Floats]:
    """Return the quantiles (ids, steps, O) of courses whose answers err as the model does; ids: each PATHS times."""
    generator = np.random.default_rng([model.config.train.seed, 0])
    shares, errors = _distribution(bounds)
    outputs = len(model.schema.targets)

    def disturb(answers: NDArray[Any], number: Integers) -> NDArray[Any]:
        drawn = generator.random(answers.shape)
        moved = np.asarray(answers, np.float64).copy()
        for j in np.unique(number):
            rows = number == j
            for k in range(answers.shape[1]):
                moved[rows, k] += np.interp(drawn[rows, k], shares[j * outputs + k], errors[j * outputs + k])
        return moved

    courses, _ = rollout(model, ids, disturb)
    courses = courses.reshape(-1, PATHS, *courses.shape[1:])
    tail = (100 - level) / 200
    low, high = np.quantile(courses, (tail, 1 - tail), axis=1)
    return low, high


def _distribution(bounds: Conformal) -> tuple[list[Floats], list[Floats]]:
    """Return for each answer shares, ascending, and the errors that so many are not above."""
    shares, errors = [], []
    for lower, upper in zip(bounds.lower, bounds.upper, strict=True):
        points = [
            (share, value)
            for level, low, high in zip(LEVELS, lower, upper, strict=True)
            for share, value in (((100 - level) / 200, low), ((100 + level) / 200, high))
            if value is not None
        ]
        by_share, values = zip(*sorted(points), strict=True)
        shares.append(np.array(by_share))
        errors.append(np.array(values))
    return shares, errors
