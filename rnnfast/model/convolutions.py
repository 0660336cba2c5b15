"""In which share of its rows fixed convolutions of a sequence exceed thresholds: what a linear part sees of its shape.

    c_t = sum_j w_j x_{t-(8-j)d}        s_p = mean over t of [c_t > threshold_p]

x is one input, 0 before the sequence begins. Three of the nine weights w are 2, the others -1, which there are 84 ways
to choose; d is the dilation. Each input and each dilation looks for shapes of another width, wherever they stand.
Dempster, Schmidt, Webb 2021 (MiniRocket), whose convolutions are centred: these look back alone, so that a row needs
none that comes later.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from itertools import combinations
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from rnnfast.data.sequences.spans import steps
from rnnfast.records import Count, Meta, Record

Floats = NDArray[np.floating[Any]]
Doubles = NDArray[np.float64]
Integers = NDArray[np.int64]

TAPS = 9  # rows that a convolution sees
KERNELS = np.array(list(combinations(range(TAPS), 3)))  # (84, 3) taps whose weight is 2
WEIGHTS = np.where((np.arange(TAPS) == KERNELS[:, :, None]).any(axis=1), 2.0, -1.0)  # (84, 9)
MOST_DILATION = 1 << 12  # a stream remembers eight times as many rows of each id
CHUNK_ROWS = 1 << 10  # that are computed at once: the values of all kernels stay in a cache
CHUNK_SEQUENCES = 1 << 8  # whose shares are held at once, with thousands of numbers each


class Convolutions(Record, frozen=True, dict=True):
    """dilations: (D,); inputs: (D, 84) which one each kernel sees; thresholds: (D, 84, B); weights: (O, D 84 B) of the
    shares, in the unit of the outputs.
    """

    dilations: tuple[Annotated[int, Meta(ge=1, le=MOST_DILATION)], ...]
    inputs: tuple[tuple[Count, ...], ...]
    thresholds: tuple[tuple[tuple[float, ...], ...], ...]
    weights: tuple[tuple[float, ...], ...]

    def fits(self, features: int, outputs: int) -> bool:
        """Whether it is of so many inputs and outputs."""
        each = [thresholds for of_dilation in self.thresholds for thresholds in of_dilation]
        count, kernels = len(self.dilations), len(KERNELS)
        return (
            count > 0
            and [len(row) for row in self.inputs] == [kernels] * count == [len(row) for row in self.thresholds]
            and all(place < features for row in self.inputs for place in row)
            and len({len(thresholds) for thresholds in each}) == 1
            and [len(row) for row in self.weights] == [sum(map(len, each))] * outputs
        )

    def times(self, factor: float) -> Convolutions:
        """Return the same with other weights."""
        weights = tuple(tuple(factor * weight for weight in row) for row in self.weights)
        return Convolutions(self.dilations, self.inputs, self.thresholds, weights)

    @cached_property
    def seen(self) -> Integers:
        """(D, 84) `inputs`."""
        return np.array(self.inputs)

    @cached_property
    def limits(self) -> Doubles:
        """(D, 84, B) `thresholds`."""
        return np.array(self.thresholds)

    @cached_property
    def scales(self) -> Doubles:
        """(O, D 84 B) `weights`."""
        return np.array(self.weights)

    @property
    def count(self) -> int:
        """How many shares there are."""
        return len(self.weights[0])

    @property
    def reach(self) -> int:
        """Rows before a row that it sees."""
        return (TAPS - 1) * max(self.dilations)

    def shares(self, inputs: Floats, offsets: Integers) -> Doubles:
        """Return s (sequences with rows, D 84 B) for inputs (rows, F) of sequences."""
        lengths = np.diff(offsets)
        lengths = lengths[lengths > 0]
        step, sequence = steps(lengths), np.repeat(np.arange(len(lengths)), lengths)
        counts = np.zeros((*self.limits.shape, len(lengths)))
        for first in range(0, len(step), CHUNK_ROWS):
            rows = np.arange(first, min(first + CHUNK_ROWS, len(step)))
            starts = np.flatnonzero(np.diff(sequence[rows], prepend=-1))
            of_chunk = slice(sequence[first], sequence[rows[-1]] + 1)
            for some, values in self.values(inputs, rows, step[rows]):
                above = values[:, :, None] > self.limits[some, :, :, None]
                counts[some, ..., of_chunk] += np.add.reduceat(above, starts, axis=-1, dtype=np.int64)
        return np.ascontiguousarray(counts.reshape(-1, len(lengths)).T) / lengths[:, None]

    def values(self, inputs: Floats, rows: Integers, step: Integers) -> Iterator[tuple[slice, Doubles]]:
        """Yield c (D', 84, n) at rows (n,), in their order, of inputs (rows, F), of some dilations, and of which.

        step: (n,) how many rows before each are of its sequence.
        """
        start, lowest = max(0, int(rows[0]) - self.reach), int(step.min())
        columns = np.ascontiguousarray(inputs[start : rows[-1] + 1].T, np.float64)
        several = max(1, CHUNK_ROWS // len(rows))  # dilations: few rows are computed at once with all of them
        for first in range(0, len(self.dilations), several):
            some = slice(first, first + several)
            back = np.arange(TAPS)[::-1, None, None] * np.array(self.dilations[some])[:, None]
            taps = np.take(columns, np.maximum(rows - start - back, 0), axis=1)
            if lowest < back.max():
                taps[:, step < back] = 0
            yield some, convolved(taps, self.seen[some])

    def sums(self, inputs: Floats, rows: Integers) -> Doubles:
        """Return what rows (n,) of inputs (rows, F) add to the outputs before their mean is taken: (n, O).

        Rows that are seen before them must be there, zeros where a sequence begins. A row has the same bits beside any
        other.
        """
        sums = np.empty((len(rows), len(self.weights)))
        for first in range(0, len(rows), CHUNK_ROWS):
            some = rows[first : first + CHUNK_ROWS]
            values = np.concatenate([values for _, values in self.values(inputs, some, some)])
            above = (np.moveaxis(values, -1, 0)[..., None] > self.limits).reshape(len(some), -1).astype(np.float64)
            sums[first : first + len(some)] = np.einsum("np,op->no", above, self.scales)
        return sums

    def outputs(self, inputs: Floats, offsets: Integers) -> Doubles:
        """Return what is added to the outputs, (rows, O), for inputs (rows, F) of sequences; 0 but in their last rows.

        A row has the same bits beside any other.
        """
        added, borders = np.zeros((len(inputs), len(self.weights))), np.unique(offsets)
        for first in range(0, len(borders) - 1, CHUNK_SEQUENCES):
            some = borders[first : first + CHUNK_SEQUENCES + 1]
            shares = self.shares(inputs[some[0] : some[-1]], some - some[0])
            added[some[1:] - 1] = np.einsum("np,op->no", shares, self.scales)
        return added

    def integral(self, inputs: Floats, baseline: Floats, output: int) -> tuple[Doubles, float, float]:
        """Return how much each input (T, F) of a sequence adds to one output, with what it is at the baseline and here.

        On a straight way from the baseline (F,) each convolution passes each threshold once at most; where it does, the
        integral of the gradient is the step, divided as its inputs share in the change of the convolution.
        """
        length, rows = len(inputs), np.arange(len(inputs))
        weights = self.scales[output].reshape(self.limits.shape) / length
        start = np.broadcast_to(baseline, inputs.shape)
        way, attribution = np.asarray(inputs - start, np.float64), np.zeros(inputs.shape)
        ends = np.zeros(2)
        both = zip(self.values(start, rows, rows), self.values(inputs, rows, rows), strict=True)
        for some, before, after in ((some, before, after) for (some, before), (_, after) in both):
            above = [one[:, :, None] > self.limits[some, :, :, None] for one in (before, after)]
            ends += [np.einsum("dkb,dkbn->", weights[some], one) for one in above]
            passed = np.einsum("dkb,dkbn->dkn", weights[some], above[1].astype(float) - above[0])
            slope = np.divide(passed, after - before, out=np.zeros(passed.shape), where=passed != 0)
            for dilation, places, own in zip(self.dilations[some], self.seen[some], slope, strict=True):
                for j in range(TAPS):
                    back = (TAPS - 1 - j) * dilation
                    by_input = np.where(places == np.arange(inputs.shape[1])[:, None], WEIGHTS[:, j], 0) @ own
                    attribution[: max(length - back, 0)] += by_input[:, back:].T
        return attribution * way, float(ends[0]), float(ends[1])


def convolved(taps: Doubles, places: Integers) -> Doubles:
    """Return c (D, 84, n) for what is seen by each tap (F, 9, D, n), and the input (D, 84) of each kernel."""
    alike = taps[:, 0].copy()
    for tap in range(1, TAPS):
        alike += taps[:, tap]
    dilation = np.arange(len(places))[:, None]
    first, second, third = KERNELS.T
    extra = taps[places, first, dilation] + taps[places, second, dilation]
    extra += taps[places, third, dilation]
    extra *= 3
    extra -= alike[places, dilation]
    return np.asarray(extra)
