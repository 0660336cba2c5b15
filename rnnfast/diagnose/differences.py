"""A gradient beside central differences of the loss.

    dL/dw ~ (L(w + e) - L(w - e)) / 2e                         error O(e^2), and rounding O(1e-16 / e)

A small step has a large rounding error, a large one crosses kinks: the largest that gives a small error is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

TOLERANCE = 1e-6  # of an error: far above that of differences, far below that of any wrong term
# Where a step crosses the kink of a relu or of |p - y|, a difference is wrong; a smaller step does not cross it.
STEPS = (1e-5, 1e-6, 1e-7)
# Of the loss: a tensor whose gradient is smaller than that is compared with it, as rounding of the loss decides there.
SMALLEST = 1e-4


def relative_errors(
    loss: Callable[[Mapping[str, Floats]], float],
    tensors: Mapping[str, Floats],
    gradients: Mapping[str, Floats],
    *,
    probes: int,
    generator: np.random.Generator,
    enough: float = TOLERANCE,
) -> dict[str, Floats]:
    """Return the errors of some entries of each gradient, relative to the largest entry of its tensor, or to SMALLEST.

    loss: function of the tensors. tensors: float64 arrays by name; they are moved in place and put back. gradients:
    of the loss at the tensors; others than these are not looked at. probes: entries of a tensor that are looked at, at
    most. enough: an error this small needs no smaller step. An error is NaN where a loss is.
    """
    errors = {}
    smallest = SMALLEST * abs(loss(tensors)) or 1.0
    for name, gradient in gradients.items():
        entries = generator.permutation(gradient.size)[:probes]
        scale = max(float(np.abs(gradient).max()), smallest)

        def difference(entry: int, step: float, place: Floats = tensors[name]) -> float:
            value, losses = place.flat[entry], []
            for moved in (value + step, value - step):
                place.flat[entry] = moved
                losses.append(loss(tensors))
            place.flat[entry] = value
            return (losses[0] - losses[1]) / (2.0 * step)

        errors[name] = np.full(len(entries), np.inf)
        for k, entry in enumerate(entries):
            for step in STEPS:
                error = abs(difference(entry, step) - gradient.flat[entry]) / scale
                errors[name][k] = error if np.isnan(error) else min(errors[name][k], error)
                if errors[name][k] <= enough:
                    break
    return errors
