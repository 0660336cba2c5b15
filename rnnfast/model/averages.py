"""Exponential averages of inputs: what a linear part knows of the rows before the last two.

    d_t = x_t - e_{t-1}        e_t = e_{t-1} + r (x_t - e_{t-1})

Where a sequence begins e is x, and d is 0. Of r = 1 - 2^(-1/h) a row counts half as much h rows later.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnfast.data.sequences.spans import steps
from rnnfast.records import Count, Record, Share

Floats = NDArray[np.floating[Any]]
Doubles = NDArray[np.float64]
Integers = NDArray[np.int64]

FORGOTTEN = 1e-18  # what counts less than this has no part in an average


class Averages(Record, frozen=True):
    """inputs: (M,) places of what is averaged; rates: (M,) r; weights: (O, M) of d, in the unit of the outputs."""

    inputs: tuple[Count, ...]
    rates: tuple[Share, ...]
    weights: tuple[tuple[float, ...], ...]

    def fits(self, features: int, outputs: int) -> bool:
        """Whether it is of so many inputs and outputs."""
        count = len(self.inputs)
        return (
            all(place < features for place in self.inputs)
            and len(self.rates) == count
            and [len(row) for row in self.weights] == [count] * outputs
        )

    def times(self, factor: float) -> Averages:
        """Return the same with other weights."""
        return Averages(self.inputs, self.rates, tuple(tuple(factor * w for w in row) for row in self.weights))

    def deviations(self, inputs: Floats, offsets: Integers, before: Doubles | None = None) -> tuple[Doubles, Doubles]:
        """Return d and e, (rows, M) each, for inputs (rows, F) of sequences.

        before: (sequences with rows, M) averages in front of the first rows; NaN or None where a sequence begins.
        """
        x, rates, first = np.asarray(inputs[:, self.inputs], np.float64), np.array(self.rates), firsts(offsets)
        start = x[first] if before is None else np.where(np.isnan(before), x[first], before)
        terms = x * rates
        terms[first] += (1 - rates) * start
        after = decayed(terms, offsets, 1 - rates)
        earlier = np.roll(after, 1, axis=0)
        earlier[first] = start
        return x - earlier, after

    def added(self, deviations: Doubles) -> Doubles:
        """Return what deviations (rows, M) add to the outputs, (rows, O); a row has the same bits beside any other."""
        return np.asarray(np.einsum("nm,om->no", deviations, np.array(self.weights)))

    def outputs(self, inputs: Floats, offsets: Integers) -> Doubles:
        """Return what is added to the outputs, (rows, O), for inputs (rows, F) of sequences."""
        return self.added(self.deviations(inputs, offsets)[0])

    def gradient(self, seeds: Floats, offsets: Integers, features: int) -> Doubles:
        """Return the gradient (rows, F) of the sum of seeds (rows, O) times `outputs`."""
        rates, first, own = (
            np.array(self.rates),
            firsts(offsets),
            np.asarray(seeds, np.float64) @ np.array(self.weights),
        )
        later = decayed(own[::-1], len(own) - np.asarray(offsets)[::-1], 1 - rates)[::-1]
        later = np.roll(later, -1, axis=0)  # of the rows after a row
        later[offsets[1:][np.diff(offsets) > 0] - 1] = 0
        of_averages = own - rates * later
        of_averages[first] = -later[first]
        gradient = np.zeros((len(own), features))
        for place, column in zip(self.inputs, of_averages.T, strict=True):
            gradient[:, place] += column
        return gradient


def decayed(terms: Doubles, offsets: Integers, decay: Doubles) -> Doubles:
    """Return the sums (rows, M) of the terms of a row and of those before it in its sequence, times decay (M,) a row.

    Sums of 1, 2, 4, .. rows are made of each other, and no row costs a loop; it has the same bits beside any other.
    """
    step = steps(np.diff(offsets))
    longest, inside = int(step.max(initial=0)), dict[int, NDArray[np.bool_]]()
    sums = np.array(terms.T, order="C")
    for row, factor in zip(sums, decay.tolist(), strict=True):
        reach = 1
        while reach <= longest and factor > FORGOTTEN:
            if reach not in inside:
                inside[reach] = step[reach:] >= reach
            earlier = row[:-reach] * factor
            earlier *= inside[reach]
            row[reach:] += earlier
            factor, reach = factor * factor, 2 * reach
    return sums.T


def firsts(offsets: Integers) -> Integers:
    """Return the first row of each sequence that has one."""
    return np.asarray(offsets[:-1][np.diff(offsets) > 0])
