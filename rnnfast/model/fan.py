"""Intervals of forecasts: as wide as errors are for the steps that a model sees ahead, wider beyond them.

Steps of the first round have bounds of their own (metrics/conformal.py). Later rounds begin with answers that err
themselves: PATHS courses are drawn, in which each answer is moved by an error of the model before it is fed back, and
the interval is between quantiles of the courses. Errors are drawn from the bounds of all levels, linearly between them;
where these follow the deviation of an ensemble's networks, its median is taken.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnfast.metrics.conformal import LEVELS, Conformal, Region
from rnnfast.model.answers import Answers
from rnnfast.model.intervals import bounds_of
from rnnfast.model.model import Model
from rnnfast.model.rollout import Ends, course, reach

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]

PATHS = 200
TOGETHER = 2000  # courses at most that are computed at a time


def fan(model: Model, ids: Ends, answers: Answers, level: int) -> Region:
    """Return the bounds (ids, steps, O) around the answers (ids, steps, O) of a `rollout`."""
    bounds, schema = bounds_of(model.intervals, level), model.schema
    values = answers.values
    steps, width = values.shape[1:]
    span = reach(model, steps)
    ahead = np.arange(steps) % span + 1
    number = np.searchsorted(schema.ahead, ahead) if schema.horizon else np.zeros(steps, np.int64)
    columns = number[:, None] * width + np.arange(width)
    sides = bounds.region(level, answers.spread, columns)
    region = Region(*(np.broadcast_to(side, values.shape).copy() for side in sides))
    if not schema.classes and steps > span:
        together = max(1, TOGETHER // PATHS)
        for first in range(0, len(values), together):
            part = slice(first, first + together)
            low, high = _quantiles(model, ids, part, bounds, level)
            region.low[part, span:] = (low - values[part])[:, span:]
            region.high[part, span:] = (high - values[part])[:, span:]
    return bounds.within(region, values, columns)


def _quantiles(model: Model, ids: Ends, part: slice, bounds: Conformal, level: int) -> tuple[Floats, Floats]:
    """Return the quantiles (ids, steps, O) of courses whose answers err as the model does, of some of the ids.

    Each network of an ensemble draws as many courses of its own.
    """
    generator = np.random.default_rng([model.config.train.seed, part.start])
    shares, errors = _distribution(bounds)
    width = len(model.schema.targets)

    def disturb(answers: NDArray[Any], number: Integers) -> NDArray[Any]:
        uniform = generator.random(answers.shape)
        values = np.asarray(answers, np.float64).copy()
        for j in np.unique(number).tolist():
            rows = number == j
            for k in range(width):
                at = j * width + k
                values[rows, k] += np.interp(uniform[rows, k], shares[at], errors[at])
        return values

    networks = model.networks
    paths = max(1, PATHS // len(networks))
    several = _repeated(ids, part, paths)
    courses = [course(network, several, disturb)[0] for network in networks]
    whole = np.concatenate([values.reshape(-1, paths, *values.shape[1:]) for values in courses], axis=1)
    tail = (100 - level) / 200
    low, high = np.quantile(whole, (tail, 1 - tail), axis=1)
    return low, high


def _repeated(ids: Ends, part: slice, times: int) -> Ends:
    """Return some of the ids, each several times."""
    repeats = np.repeat(np.arange(len(ids.history))[part], times)
    return replace(ids, block=ids.block.take(repeats), history=ids.history[repeats], steps=ids.steps[repeats])


def _distribution(bounds: Conformal) -> tuple[list[Floats], list[Floats]]:
    """Return for each answer shares, ascending, and the errors that so many are not above."""
    shares, errors = [], []
    units = 2 * bounds.soft if bounds.follows else np.full(len(bounds.upper), np.nan)
    for lower, upper, unit in zip(bounds.lower, bounds.upper, np.nan_to_num(units, nan=1.0), strict=True):
        points = [
            (share, value * unit)
            for level, low, high in zip(LEVELS, lower, upper, strict=True)
            for share, value in (((100 - level) / 200, low), ((100 + level) / 200, high))
            if value is not None
        ]
        by_share, values = zip(*sorted(points), strict=True)
        shares.append(np.array(by_share))
        errors.append(np.array(values))
    return shares, errors
