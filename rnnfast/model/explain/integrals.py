"""Integrated gradients over time (Sundararajan, Taly, Yan 2017, equation 1).

    attribution_i = (x_i - b_i) * integral over a from 0 to 1 of d f(b + a (x - b)) / d x_i        i: a step's input

f is one output at one step, x all inputs of the sequence, b a baseline that stands at each step. The integral is a sum
by the rule of Gauss and Legendre, and complete: attributions sum to f(x) - f(b). How far they do not is the error of
the sum; where it is too large more points are taken.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnfast.data.sequences.spans import ends
from rnnfast.network.architecture import Architecture
from rnnfast.network.layout import Layout

Floats = NDArray[np.floating[Any]]

POINTS = 50
MOST_POINTS = 1600  # where a front or a maximum makes the output bend sharply
PANEL = 50  # points of a rule: more are several panels of them, side by side
TOLERANCE = 1e-3  # of the change of the output
# Of the sum of all magnitudes: a smaller change of the output is what attributions leave of each other.
LEAST_CHANGE = 1e-2
ROWS = 1 << 15  # that are computed at once


class Path(NamedTuple):
    """A sequence and one of its outputs. inputs: (T, F) encoded; step: its place; output: its number."""

    inputs: Floats
    step: int
    output: int


class Integral(NamedTuple):
    """attribution: (T, F) of each input; start, end: the output for the baseline and for the inputs themselves.

    error: what attributions lack of their difference, as a share of it; points: of the sum.
    """

    attribution: NDArray[np.float64]
    start: float
    end: float
    error: float
    points: int


class Slopes:
    """Outputs of several networks and their gradients, mean over the networks.

    The mean of logits, not of probabilities: so attributions of an ensemble are the means of those of its networks.
    """

    def __init__(
        self, architecture: Architecture, members: Sequence[Mapping[str, NDArray[Any]]], threads: int = 1
    ) -> None:
        from rnnfast.kernels.run.sensitivity import Sensitivity

        layout, dtype = Layout(architecture), architecture.dtype
        self.outputs = architecture.outputs
        self.networks = [Sensitivity(architecture, layout.flatten(tensors, dtype), threads) for tensors in members]

    def __call__(self, x: Floats, offsets: NDArray[np.int64], seeds: Floats) -> tuple[Any, Any]:
        """Return the outputs (rows, O), and the gradient (rows, F) of the sum of seeds * outputs."""
        pairs = [network.gradients(x, offsets, seeds) for network in self.networks]
        outputs, gradients = (
            values[0] if len(values) == 1 else np.mean(values, 0, np.float64) for values in zip(*pairs, strict=True)
        )
        return outputs, gradients


def integrals(slopes: Slopes, paths: Sequence[Path], baseline: Floats, points: int = POINTS) -> Iterator[Integral]:
    """Yield the integral of each path; baseline: (F,)."""
    for group in _groups(paths, points):
        results = dict(enumerate(_sums(slopes, group, baseline, points)))
        more = points
        while more < MOST_POINTS and (poor := [k for k, one in results.items() if one.error > TOLERANCE]):
            more = min(2 * more, MOST_POINTS)
            again = (one for k in poor for one in _sums(slopes, [group[k]], baseline, more))
            results |= dict(zip(poor, again, strict=True))
        yield from results.values()


def _groups(paths: Sequence[Path], points: int) -> Iterator[list[Path]]:
    """Yield so many paths as are computed at once."""
    group: list[Path] = []
    for path in paths:
        if group and sum(len(one.inputs) for one in (*group, path)) * points > ROWS:
            yield group
            group = []
        group.append(path)
    if group:
        yield group


@cache
def _rule(points: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Places on the path from 0 to 1 and their weights; both ends are looked at, and weigh nothing."""
    panels = -(-points // PANEL)
    places, weights = np.polynomial.legendre.leggauss(-(-points // panels))
    inner = (np.arange(panels)[:, None] + (places + 1) / 2).ravel() / panels
    return np.concatenate(([0.0], inner, [1.0])), np.concatenate(([0.0], np.tile(weights / 2 / panels, panels), [0.0]))


def _sums(slopes: Slopes, paths: Sequence[Path], baseline: Floats, points: int) -> list[Integral]:
    """Integrate some paths by so many points, and those of a long one in portions."""
    places, weights = _rule(points)
    lengths = np.array([len(path.inputs) for path in paths])
    portion = max(1, ROWS // int(lengths.sum()))
    gradients = [np.zeros(path.inputs.shape) for path in paths]
    outputs = np.empty((len(paths), len(places)))
    for first in range(0, len(places), portion):
        some = slice(first, first + portion)
        count = len(places[some])
        moved = [(baseline + places[some, None, None] * (path.inputs - baseline)) for path in paths]
        x = np.concatenate([one.reshape(-1, len(baseline)) for one in moved])
        offsets = ends(np.repeat(lengths, count))
        rows = offsets[:-1] + np.repeat([path.step for path in paths], count)
        columns = np.repeat([path.output for path in paths], count)
        seeds = np.zeros((len(x), slopes.outputs))
        seeds[rows, columns] = 1.0
        values, slope = slopes(x, offsets, seeds)
        outputs[:, some] = values[rows, columns].reshape(len(paths), count)
        for sums, one in zip(gradients, np.split(slope, offsets[count:-1:count]), strict=True):
            sums += np.tensordot(weights[some], one.reshape(count, *sums.shape), 1)
    return [
        _integral(sums * (path.inputs - baseline), float(values[0]), float(values[-1]), points)
        for sums, path, values in zip(gradients, paths, outputs, strict=True)
    ]


def _integral(attribution: NDArray[np.float64], start: float, end: float, points: int) -> Integral:
    change = max(abs(end - start), LEAST_CHANGE * float(np.abs(attribution).sum()))
    error = abs(float(attribution.sum()) - (end - start)) / change if change else 0.0
    return Integral(attribution, start, end, error, points)
