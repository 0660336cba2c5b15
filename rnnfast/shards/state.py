"""What a network is between two rounds, and how those of several shards become one.

    average    theta' = sum over shards of w_s theta_s      w_s: share of the labelled steps of the round
    nesterov   g = theta - average    u = 0.9 u + g    theta' = theta - 0.7 (g + 0.9 u)

The outer step is that of DiLoCo (Douillard et al. 2023). Sums run in the order of the shards, in float64.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

OUTER_RATE, OUTER_MOMENTUM = 0.7, 0.9


class State(NamedTuple):
    """Flat spans in the layout of the kernels, in the precision of the run.

    parameters: (P,); m, v: (P,) moments of the optimizer, (1,) where it has none.
    """

    parameters: NDArray[Any]
    m: NDArray[Any]
    v: NDArray[Any]


def averaged(states: Sequence[State], weights: Sequence[float]) -> State:
    """Return the weighted mean; states without weight have no say. A single state is returned bit by bit."""
    total = sum(weights)
    parts = [(state, weight / total) for state, weight in zip(states, weights, strict=True) if weight > 0]
    fields = []
    for name in State._fields:
        first, share = getattr(parts[0][0], name), parts[0][1]
        mean = first.astype(np.float64) * share
        for state, share in parts[1:]:
            mean += getattr(state, name).astype(np.float64) * share
        fields.append(mean.astype(first.dtype))
    return State(*fields)


class Outer:
    """What becomes of the parameters once the shards are averaged; rule: "average" or "nesterov"."""

    def __init__(self, rule: str, size: int) -> None:
        self.rule, self.velocity = rule, np.zeros(size)

    def step(self, before: NDArray[Any], mean: NDArray[Any]) -> NDArray[Any]:
        """Return the parameters after a round that began with `before`. Writes: velocity."""
        if self.rule == "average":
            return mean
        change = before.astype(np.float64) - mean
        self.velocity = OUTER_MOMENTUM * self.velocity + change
        step = OUTER_RATE * (change + OUTER_MOMENTUM * self.velocity)
        return np.asarray((before - step).astype(mean.dtype))
