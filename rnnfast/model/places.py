"""All values of a sequence as inputs of a linear part: each place, a row by its number, has weights of its own.

    s_t = s_{t-1} + W_t x_t + w_t

Places that training did not have weigh nothing. w_t is chosen so that a place counts 0 where its inputs are at their
means: a sequence that is shorter is answered as if the rest of it were as usual.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnfast.data.sequences.spans import steps
from rnnfast.model.averages import decayed, firsts
from rnnfast.records import Record, Size

Floats = NDArray[np.floating[Any]]
Doubles = NDArray[np.float64]
Integers = NDArray[np.int64]

MOST_VALUES = 500  # of a sequence; the time of the equations grows with their cube
CHUNK_ROWS = 1 << 11  # that are computed at once, with weights for each


def common_length(lengths: Integers, features: int) -> int:
    """Return how many rows all sequences have; 0 where they differ, or have too many values."""
    longest = int(lengths.max(initial=0))
    return longest if longest * features <= MOST_VALUES and (lengths == longest).all() else 0


def values_of(inputs: Floats, length: int) -> Doubles:
    """Return all values of each sequence side by side, (sequences, T F), for inputs (rows, F) of T rows each."""
    return np.asarray(inputs, np.float64).reshape(-1, length * inputs.shape[1])


class Places(Record, frozen=True):
    """length: T; weights: (O, T (F + 1)) W_t and w_t of each place, in the unit of the outputs."""

    length: Size
    weights: tuple[tuple[float, ...], ...]

    @classmethod
    def of(cls, weights: Doubles, means: Doubles, length: int) -> Places:
        """Return those with weights (O, T F) of values with such means (T F,)."""
        outputs = len(weights)
        by_place = weights.reshape(outputs, length, -1)
        usual = np.einsum("otf,tf->ot", by_place, means.reshape(length, -1))
        both = np.concatenate([by_place, -usual[:, :, None]], axis=2)
        return cls(length, tuple(map(tuple, both.reshape(outputs, -1).tolist())))

    def fits(self, features: int, outputs: int) -> bool:
        """Whether it is of so many inputs and outputs."""
        return [len(row) for row in self.weights] == [self.length * (features + 1)] * outputs

    def times(self, factor: float) -> Places:
        """Return the same with other weights."""
        return Places(self.length, tuple(tuple(factor * weight for weight in row) for row in self.weights))

    @property
    def table(self) -> Doubles:
        """(O, T + 1, F + 1) W_t and w_t; zeros stand for what comes after the last place."""
        weights = np.array(self.weights).reshape(len(self.weights), self.length, -1)
        return np.pad(weights, ((0, 0), (0, 1), (0, 0)))

    def sums(self, inputs: Floats, offsets: Integers, before: tuple[Integers, Doubles] | None = None) -> Doubles:
        """Return s (rows, O) for inputs (rows, F) of sequences, with the same bits however these come in pieces.

        before: (sequences with rows,) places and (.., O) sums in front of the first rows; None where all begin.
        """
        place, first = steps(np.diff(offsets)), firsts(offsets)
        if before is not None:
            lengths = np.diff(offsets)
            place = place + np.repeat(before[0], lengths[lengths > 0])
        table, terms = self.table, np.empty((len(inputs), len(self.weights)))
        for start in range(0, len(inputs), CHUNK_ROWS):
            rows = slice(start, start + CHUNK_ROWS)
            weights = table[:, np.minimum(place[rows], self.length)]
            seen = np.asarray(inputs[rows], np.float64)
            terms[rows] = np.einsum("nf,onf->no", seen, weights[:, :, :-1]) + weights[:, :, -1].T
        if before is not None:
            terms[first] += before[1]
        return _summed(terms, offsets, self.length)

    def gradient(self, seeds: Floats, offsets: Integers) -> Doubles:
        """Return the gradient (rows, F) of the sum of seeds (rows, O) times `sums`."""
        ones = np.ones(len(self.weights))
        later = decayed(np.asarray(seeds, np.float64)[::-1], len(seeds) - np.asarray(offsets)[::-1], ones)[::-1]
        weights = self.table[:, np.minimum(steps(np.diff(offsets)), self.length), :-1]
        return np.asarray(np.einsum("no,onf->nf", later, weights))


def _summed(terms: Doubles, offsets: Integers, most: int) -> Doubles:
    """Return the sums (rows, O) of the terms of a row and of those before it in its sequence, added one by one.

    most: rows of a sequence that add something.
    """
    sums, first, lengths = terms.copy(), firsts(offsets), np.diff(offsets)
    lengths = lengths[lengths > 0]
    for step in range(1, min(most, int(lengths.max(initial=0)))):
        rows = first[lengths > step] + step
        sums[rows] += sums[rows - 1]
    beyond = np.maximum(steps(lengths) - most + 1, 0)
    return np.asarray(sums[np.arange(len(sums)) - beyond])
