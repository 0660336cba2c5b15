"""Integrated gradients over time (Sundararajan, Taly, Yan 2017, equation 1).

    attribution_i = (x_i - b_i) * integral over a from 0 to 1 of d f(b + a (x - b)) / d x_i        i: a step's input

f is one output at one step, x all that the network sees of the sequence, b a baseline that stands at each step. The
integral is a sum by the rule of Gauss and Legendre, and complete: attributions sum to f(x) - f(b). How far they do not
is the error of the sum; the same is true of each stretch of the path, so that more points go where they are needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnfast.data.sequences.spans import ends
from rnnfast.model.convolutions import Convolutions
from rnnfast.model.explain.seen import Baseline, Seen
from rnnfast.model.linear_part import LinearPart
from rnnfast.network.architecture import Architecture
from rnnfast.network.layout import Layout
from rnnfast.records import UNSET, replace

Floats = NDArray[np.floating[Any]]

POINTS = 50
TOLERANCE = 1e-3  # of the change of the output
# Of the sum of all magnitudes: a smaller change of the output is what attributions leave of each other.
LEAST_CHANGE = 1e-2
ROWS = 1 << 15  # that are computed at once
# A path on which the output bends, as with a front or a maximum, is cut into so many panels, and those in halves
# that lack more than their share: a bend stays in one of them, of half the width each time.
PANELS, PANEL_POINTS, SHARE = 8, 8, 64
MOST_POINTS = 4000


class Path(NamedTuple):
    """A sequence and one of its outputs.

    inputs: (T, F) encoded, or what is seen of them; step: its place; output: its number.
    """

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


class Network(NamedTuple):
    """One of the networks of a model.

    seen: what it sees of inputs; sensitivity: its outputs and their gradients with respect to that.
    """

    seen: Seen
    sensitivity: Any


class Both:
    """What a network and the linear part beside it answer together, in the place of the Sensitivity of the network.

    Convolutions are left out: a threshold has no gradient where it is not passed.
    """

    def __init__(self, sensitivity: Any, linear_part: LinearPart) -> None:
        self.sensitivity, self.linear_part = sensitivity, replace(linear_part, convolutions=UNSET)
        self.architecture, self.kernels = sensitivity.architecture, sensitivity.kernels

    def gradients(self, x: Floats, offsets: NDArray[np.int64], seeds: Floats) -> tuple[Any, Any]:
        """Return the outputs (rows, O), and the gradient (rows, F) of the sum of seeds * outputs."""
        outputs, gradients = self.sensitivity.gradients(x, offsets, seeds)
        share, linear = self.linear_part.factor, self.linear_part.outputs(x, offsets)
        return share * outputs + linear, share * gradients + self.linear_part.gradient(seeds, offsets)


class Slopes:
    """The networks of a model, of which the mean is explained.

    The mean of logits, not of probabilities: so attributions of an ensemble are the means of those of its networks.
    linear_part: what answers beside them.
    """

    def __init__(
        self,
        architecture: Architecture,
        members: Sequence[Mapping[str, NDArray[Any]]],
        threads: int = 1,
        linear_part: LinearPart | None = None,
    ) -> None:
        from rnnfast.kernels.run.sensitivity import Sensitivity

        alone, dtype = architecture.without_embeddings, architecture.dtype
        layout = Layout(alone)
        every = [Sensitivity(alone, layout.flatten(tensors, dtype), threads) for tensors in members]
        self.networks = [
            Network(Seen(architecture, tensors), one if linear_part is None else Both(one, linear_part))
            for tensors, one in zip(members, every, strict=True)
        ]
        self.convolutions = linear_part.convolutions if linear_part else UNSET

    def prepare(self, processes: int, compiling: Callable[[], None]) -> None:
        """Compile what is not in the cache, in so many processes; compiling: is called where there is something."""
        from rnnfast.kernels.run.ahead import prepare

        kernels = list(self.networks[0].sensitivity.kernels())
        if not all(kernel.cached for kernel in kernels):
            compiling()
            prepare(kernels, processes)


class Stretch(NamedTuple):
    """A part of the way from the baseline, 0, to the inputs, 1."""

    path: Path
    first: float
    last: float


def integrals(slopes: Slopes, paths: Sequence[Path], baseline: Baseline, points: int = POINTS) -> Iterator[Integral]:
    """Yield the integral of each path."""
    whole = [Stretch(path, 0.0, 1.0) for path in paths]
    for group in _groups(whole, points):
        some = [stretch.path for stretch in group]
        every = [_of_network(network, some, baseline, points) for network in slopes.networks]
        for path, one in zip(some, map(_mean, zip(*every, strict=True)), strict=True):
            yield _with_convolutions(slopes.convolutions, path, baseline, one) if slopes.convolutions else one


def _of_network(network: Network, paths: Sequence[Path], baseline: Baseline, points: int) -> list[Integral]:
    """Integrate some paths through one network, by more points where these are too few."""
    seen, sensitivity = network
    ways = [path._replace(inputs=seen.of(path.inputs)) for path in paths]
    start = seen.of_baseline(baseline)
    rough = _sums(sensitivity, [Stretch(way, 0.0, 1.0) for way in ways], start, points)
    fine = [
        one if one.error <= TOLERANCE else _refined(sensitivity, way, start, one)
        for way, one in zip(ways, rough, strict=True)
    ]
    return [one._replace(attribution=seen.summed(one.attribution)) for one in fine]


def _mean(ones: Sequence[Integral]) -> Integral:
    """Return the mean of the integrals of one path through several networks; points: the most of any."""
    if len(ones) == 1:
        return ones[0]
    attribution = np.mean([one.attribution for one in ones], axis=0)
    start, end = (float(np.mean([getattr(one, name) for one in ones])) for name in ("start", "end"))
    return _integral(attribution, start, end, max(one.points for one in ones))


def _with_convolutions(convolutions: Convolutions, path: Path, baseline: Baseline, one: Integral) -> Integral:
    """Add what convolutions answer, which is known exactly, to the integral of a path; they answer its last row."""
    if path.step < len(path.inputs) - 1:
        return one
    attribution, start, end = convolutions.integral(path.inputs, baseline.inputs, path.output)
    return _integral(one.attribution + attribution, one.start + start, one.end + end, one.points)


def _refined(sensitivity: Any, path: Path, baseline: Floats, rough: Integral) -> Integral:
    """Integrate a path by panels, cut where it bends; rough: the integral that is not complete."""
    edges = np.linspace(0.0, 1.0, PANELS + 1).tolist()
    stretches = [Stretch(path, first, last) for first, last in pairwise(edges)]
    attribution, points = np.zeros(path.inputs.shape), 0
    # What rounding leaves of the difference of two outputs no panel can be without.
    rounding = 4 * float(np.finfo(path.inputs.dtype).eps) * max(abs(rough.start), abs(rough.end))
    limit = max(TOLERANCE / SHARE * _change(rough), rounding)
    while stretches:
        pieces = [
            one
            for group in _groups(stretches, PANEL_POINTS)
            for one in _sums(sensitivity, group, baseline, PANEL_POINTS)
        ]
        points += PANEL_POINTS * len(pieces)
        halves = []
        for stretch, one in zip(stretches, pieces, strict=True):
            if points < MOST_POINTS and abs(float(one.attribution.sum()) - (one.end - one.start)) > limit:
                middle = (stretch.first + stretch.last) / 2
                halves += [stretch._replace(last=middle), stretch._replace(first=middle)]
            else:
                attribution += one.attribution
        stretches = halves
    return _integral(attribution, rough.start, rough.end, points)


def _groups(stretches: Sequence[Stretch], points: int) -> Iterator[list[Stretch]]:
    """Yield so many as are computed at once."""
    group: list[Stretch] = []
    rows = 0
    for stretch in stretches:
        own = len(stretch.path.inputs) * points
        if group and rows + own > ROWS:
            yield group
            group, rows = [], 0
        group.append(stretch)
        rows += own
    if group:
        yield group


@cache
def _rule(points: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Places on the way from 0 to 1 and their weights; both ends are looked at, and weigh nothing."""
    places, weights = np.polynomial.legendre.leggauss(points)
    return np.concatenate(([0.0], (places + 1) / 2, [1.0])), np.concatenate(([0.0], weights / 2, [0.0]))


def _sums(sensitivity: Any, stretches: Sequence[Stretch], baseline: Floats, points: int) -> list[Integral]:
    """Integrate some stretches by so many points each, and those of a long sequence in portions."""
    places, weights = _rule(points)
    paths = [stretch.path for stretch in stretches]
    lengths = np.array([len(path.inputs) for path in paths])
    portion = max(1, ROWS // int(lengths.sum()))
    gradients = [np.zeros(path.inputs.shape) for path in paths]
    outputs = np.empty((len(paths), len(places)))
    for begin in range(0, len(places), portion):
        some = slice(begin, begin + portion)
        count = len(places[some])
        moved = [
            baseline + (first + (last - first) * places[some, None, None]) * (path.inputs - baseline)
            for path, first, last in stretches
        ]
        offsets = ends(np.repeat(lengths, count))
        rows = offsets[:-1] + np.repeat([path.step for path in paths], count)
        columns = np.repeat([path.output for path in paths], count)
        seeds = np.zeros((int(offsets[-1]), sensitivity.architecture.outputs))
        seeds[rows, columns] = 1.0
        x = np.concatenate([one.reshape(-1, len(baseline)) for one in moved])
        values, slope = sensitivity.gradients(x, offsets, seeds)
        outputs[:, some] = values[rows, columns].reshape(len(paths), count)
        for sums, one in zip(gradients, np.split(slope, offsets[count:-1:count]), strict=True):
            sums += np.tensordot(weights[some], one.reshape(count, *sums.shape), 1)
    return [
        _integral(sums * (last - first) * (path.inputs - baseline), float(values[0]), float(values[-1]), points)
        for sums, (path, first, last), values in zip(gradients, stretches, outputs, strict=True)
    ]


def _integral(attribution: NDArray[np.float64], start: float, end: float, points: int) -> Integral:
    one = Integral(attribution, start, end, 0.0, points)
    lack = abs(float(attribution.sum()) - (end - start))
    return one._replace(error=lack / _change(one) if lack else 0.0)


def _change(one: Integral) -> float:
    """Return what the lack of an integral is compared with."""
    return max(abs(one.end - one.start), LEAST_CHANGE * float(np.abs(one.attribution).sum()))
