"""In which share of its rows fixed convolutions of a sequence exceed thresholds: what a linear part sees of its shape.

    c_t = sum_j w_j x_{t-(8-j)d}        s_p = mean over t of [c_t > threshold_p]

x is one input, 0 before the sequence begins. Three of the nine weights w are 2, the others -1, which there are 84 ways
to choose; d is the dilation. Each input and each dilation looks for shapes of another width, wherever they stand.
Dempster, Schmidt, Webb 2021 (MiniRocket), whose convolutions are centred: these look back alone, so that a row needs
none that comes later.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnfast.data.sequences.spans import steps
from rnnfast.records import Count, Record, Size

Floats = NDArray[np.floating[Any]]
Doubles = NDArray[np.float64]
Integers = NDArray[np.int64]

TAPS = 9  # rows that a convolution sees
KERNELS = np.array(list(combinations(range(TAPS), 3)))  # (84, 3) taps whose weight is 2
WEIGHTS = np.where((np.arange(TAPS) == KERNELS[:, :, None]).any(axis=1), 2.0, -1.0)  # (84, 9)
CHUNK_ROWS = 1 << 10  # that are computed at once: the values of all kernels stay in a cache


class Convolutions(Record, frozen=True):
    """dilations: (D,); inputs: (D, 84) which one each kernel sees; thresholds: (D, 84, B); weights: (O, D 84 B) of the
    shares, in the unit of the outputs.
    """

    dilations: tuple[Size, ...]
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
        thresholds, lengths = np.array(self.thresholds), np.diff(offsets)
        lengths = lengths[lengths > 0]
        step, sequence = steps(lengths), np.repeat(np.arange(len(lengths)), lengths)
        counts = np.zeros((len(self.dilations), len(lengths), *thresholds.shape[1:]))
        for first in range(0, len(step), CHUNK_ROWS):
            rows = np.arange(first, min(first + CHUNK_ROWS, len(step)))
            starts = np.flatnonzero(np.diff(sequence[rows], prepend=-1))
            of_chunk = slice(sequence[first], sequence[rows[-1]] + 1)
            for count, limits, values in zip(counts, thresholds, self.values(inputs, rows, step[rows]), strict=True):
                above = values[:, None] > limits[:, :, None]
                count[of_chunk] += np.moveaxis(np.add.reduceat(above, starts, axis=-1, dtype=np.int64), -1, 0)
        return np.asarray(np.moveaxis(counts, 0, 1).reshape(len(lengths), -1) / lengths[:, None])

    def values(self, inputs: Floats, rows: Integers, step: Integers) -> Iterator[Doubles]:
        """Yield c (84, n) of each dilation at rows (n,), in their order, of inputs (rows, F).

        step: (n,) how many rows before each are of its sequence.
        """
        start, lowest = max(0, int(rows[0]) - self.reach), int(step.min())
        columns = np.ascontiguousarray(inputs[start : rows[-1] + 1].T, np.float64)
        for dilation, places in zip(self.dilations, np.array(self.inputs), strict=True):
            taps = np.empty((TAPS, len(columns), len(rows)))
            for j, tap in enumerate(taps):
                back = (TAPS - 1 - j) * dilation
                np.take(columns, np.maximum(rows - (back + start), 0), axis=1, out=tap)
                if lowest < back:
                    tap[:, step < back] = 0
            yield convolved(taps, places)

    def outputs(self, inputs: Floats, offsets: Integers) -> Doubles:
        """Return what is added to the outputs, (rows, O), for inputs (rows, F) of sequences; 0 but in their last rows.

        A row has the same bits beside any other.
        """
        added = np.zeros((len(inputs), len(self.weights)))
        last = offsets[1:][np.diff(offsets) > 0] - 1
        added[last] = np.einsum("np,op->no", self.shares(inputs, offsets), np.array(self.weights))
        return added

    def integral(self, inputs: Floats, baseline: Floats, output: int) -> tuple[Doubles, float, float]:
        """Return how much each input (T, F) of a sequence adds to one output, with what it is at the baseline and here.

        On a straight way from the baseline (F,) each convolution passes each threshold once at most; where it does, the
        integral of the gradient is the step, divided as its inputs share in the change of the convolution.
        """
        length, places, rows = len(inputs), np.array(self.inputs), np.arange(len(inputs))
        weights = np.reshape(self.weights[output], np.shape(self.thresholds)) / length
        start = np.broadcast_to(baseline, inputs.shape)
        way, attribution = np.asarray(inputs - start, np.float64), np.zeros(inputs.shape)
        ends = np.zeros(2)
        both = zip(self.values(start, rows, rows), self.values(inputs, rows, rows), strict=True)
        for k, (before, after) in enumerate(both):
            above = [one[:, None] > np.array(self.thresholds[k])[:, :, None] for one in (before, after)]
            ends += [np.einsum("kb,kbn->", weights[k], one) for one in above]
            passed = np.einsum("kb,kbn->kn", weights[k], above[1].astype(float) - above[0])
            slope = np.divide(passed, after - before, out=np.zeros(passed.shape), where=passed != 0)
            for j in range(TAPS):
                back = (TAPS - 1 - j) * self.dilations[k]
                by_input = np.zeros(inputs.T.shape)
                np.add.at(by_input, places[k], slope * WEIGHTS[:, j, None])
                attribution[: max(length - back, 0)] += by_input[:, back:].T
        return attribution * way, float(ends[0]), float(ends[1])


def convolved(taps: Doubles, places: Integers) -> Doubles:
    """Return c (84, n) for what is seen by each tap (9, F, n), and the input (84,) of each kernel."""
    alike = taps[0].copy()
    for tap in taps[1:]:
        alike += tap
    first, second, third = KERNELS.T
    extra = taps[first, places] + taps[second, places]
    extra += taps[third, places]
    extra *= 3
    extra -= alike[places]
    return np.asarray(extra)
