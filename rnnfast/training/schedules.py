"""The course of the learning rate; formulas and defaults are torch.optim.lr_scheduler's. One entry of RATES each.

constant     lr
step         lr gamma^(e // lr_step)                          e: epoch from 0
exponential  lr gamma^e
cosine       lr (1 + cos(pi e / epochs)) / 2                  (Loshchilov, Hutter 2017, without restarts)
onecycle     per update: from lr / 25 up to lr within 30 % of them, then down to lr / 250,000, both along
a cosine (Smith, Topin 2018)
plateau      lr gamma^(drops); after more than lr_step evaluations that are not 0.01 % better (--monitor)
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from rnnfast.catalogue import SCHEDULES, implementation
from rnnfast.config.sections import TrainConfig

Rates = NDArray[np.float64]
Indices = NDArray[np.int64]

ONECYCLE_RISE, ONECYCLE_START, ONECYCLE_END = 0.3, 25.0, 1e4
PLATEAU_THRESHOLD = 1e-4  # relative


class Schedule:
    """Learning rates of a run with `updates` updates per epoch."""

    def __init__(self, config: TrainConfig, updates: int) -> None:
        assert config.lr is not None
        self.lr, self.epochs, self.updates = config.lr, config.epochs, updates
        self.facts, self.step = SCHEDULES[config.schedule], config.lr_step
        self.gamma = self.facts.gamma if config.lr_gamma is None else config.lr_gamma
        self.factor, self.best, self.waited = 1.0, math.inf, 0

    @property
    def per_update(self) -> bool:
        """Whether every update has a rate of its own, else every epoch."""
        return self.facts.per_update

    def rates(self, first: int, count: int) -> Rates:
        """Rates of the epochs first .. first + count - 1, from 0: (count,), or (count * updates,) where per update."""
        if self.per_update:
            return self.at(np.arange(first * self.updates, (first + count) * self.updates))
        return self.at(np.arange(first, first + count))

    def at(self, indices: Indices) -> Rates:
        """Rates of some epochs, or where per update of some updates, from 0: (n,)."""
        rate = implementation("schedule", self.facts.name, RATES)
        return np.array([rate(self, int(index)) for index in indices])

    def evaluated(self, cost: float) -> None:
        """Tell the cost of an evaluation, for a schedule that watches it."""
        least = PLATEAU_THRESHOLD * abs(self.best) if math.isfinite(self.best) else 0.0
        if cost < self.best - least:  # which a NaN is not
            self.best, self.waited = cost, 0
        else:
            self.waited += 1
        if self.facts.watches and self.waited > self.step:
            self.factor, self.waited = self.factor * self.gamma, 0


def _cosine(begin: float, end: float, share: float) -> float:
    return end + (begin - end) / 2.0 * (1.0 + math.cos(math.pi * share))


def _onecycle(schedule: Schedule, update: int) -> float:
    total = schedule.epochs * schedule.updates
    start = schedule.lr / ONECYCLE_START
    top = ONECYCLE_RISE * total - 1
    if update <= top or total == 1:
        return _cosine(start, schedule.lr, update / top if top > 0 else 0.0)
    return _cosine(schedule.lr, start / ONECYCLE_END, (update - top) / (total - 1 - top))


# The rate of an epoch, from 0, or of an update where each has one of its own.
RATES: dict[str, Callable[[Schedule, int], float]] = {
    "constant": lambda s, epoch: s.lr,
    "step": lambda s, epoch: s.lr * s.gamma ** (epoch // s.step),
    "exponential": lambda s, epoch: s.lr * s.gamma**epoch,
    "cosine": lambda s, epoch: s.lr * (1.0 + math.cos(math.pi * epoch / s.epochs)) / 2.0,
    "onecycle": _onecycle,
    "plateau": lambda s, epoch: s.lr * s.factor,
}
