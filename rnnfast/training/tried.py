"""A candidate of a search, and how it did so far."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from rnnfast.checkpoint.record import Network
from rnnfast.config.resolve import Config
from rnnfast.training.space import Candidate

RUNGS = (0.25, 0.5)  # shares of the epochs on the first fold, after which the better half goes on
LEAST_ERROR = 1e-9  # of the base, by which errors are divided


@dataclass(eq=False)
class Tried:
    """A candidate with its errors: rungs, on the first fold after each share of its epochs; errors, after all, by fold.

    error: relative to the base, after as many. state: where its training on the first fold paused.
    """

    number: int  # from 1
    generation: int  # from 1
    candidate: Candidate
    config: Config | None  # None: its options exclude each other
    rungs: list[float] = field(default_factory=list)
    errors: list[float] = field(default_factory=list)
    error: float = math.inf
    state: Network | None = None

    @property
    def whole(self) -> bool:
        """Whether it has run all epochs on a fold."""
        return bool(self.errors)

    def rate(self, base: Tried, smoothing: float) -> None:
        """Compare it with the base, on the same folds after the same epochs; smoothing: as of `relative`."""
        own, others = (self.errors, base.errors) if self.whole else (self.rungs[-1:], base.rungs[len(self.rungs) - 1 :])
        count = len(own)
        self.error = relative(sum(own) / count, sum(others[:count]) / count, smoothing)


def relative(error: float, base: float, smoothing: float) -> float:
    """Return a mean error relative to that of the base, with what is added to both."""
    return (error + smoothing) / max(base + smoothing, LEAST_ERROR)


def rank(one: Tried) -> tuple[float, int]:
    """Order candidates that have run as long: the best one first, of equal ones the earlier one."""
    return one.error, one.number


def better_half(tried: Sequence[Tried], base: Tried) -> list[Tried]:
    """Return the better half of some candidates, and the base where it is among them, in their order."""
    best = sorted(tried, key=rank)[: -(-len(tried) // 2)]
    return [one for one in tried if one in best or one is base]
