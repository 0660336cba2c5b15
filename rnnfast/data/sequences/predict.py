"""Whether each step is predicted or only the last one of a sequence, where the labels decide (`--predict auto`)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from rnnfast.data.columns.schema import Schema

LAST = "the target is constant within every sequence: only its last step is predicted (--predict every changes it)"
EVERY = "the target is not one per sequence: every step is predicted (--predict last changes it)"
LAG = "the target is one per sequence, so its value of the step before gives the answer away (--lag-target)"


PIECE = 4096  # sequences that are looked at in one go: the first ones answer mostly


def pieces(
    y: NDArray[np.float64], offsets: NDArray[np.int64]
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.int64]]]:
    """Cut y (rows, O), grouped by offsets (sequences + 1,), between sequences."""
    for first in range(0, len(offsets) - 1, PIECE):
        of_piece = offsets[first : first + PIECE + 1]
        yield y[of_piece[0] : of_piece[-1]], of_piece - of_piece[0]


class Constancy:
    """Whether the labels of sequences are one each, gathered over blocks.

    every: whether some sequence has labels that differ, or none at its last step; values: (n, O) up to two that differ,
    of the last steps of sequences of several steps: all that counts.
    """

    def __init__(self) -> None:
        self.every = False
        self.values = np.empty((0, 0))

    def add(self, y: NDArray[np.float64], offsets: NDArray[np.int64]) -> None:
        """Look at y (rows, O), grouped by offsets (sequences + 1,), NaN where unlabelled."""
        lengths, last = np.diff(offsets), offsets[1:] - 1
        has_label: NDArray[np.bool_] = np.logical_not(np.isnan(y).any(axis=1))
        labelled = np.add.reduceat(has_label, offsets[:-1], dtype=np.int64) > 0
        values = y[last]
        self.every |= bool((labelled & ~has_label[last]).any())
        self.every |= bool((has_label[:, None] & (y != np.repeat(values, lengths, axis=0))).any())
        several = values[labelled & (lengths > 1)]
        if len(several):
            self._see(several)

    def merge(self, other: Constancy) -> Constancy:
        """Take what another part of the table shows into account; returns itself."""
        self.every |= other.every
        if len(other.values):
            self._see(other.values)
        return self

    def _see(self, values: NDArray[np.float64]) -> None:
        every = np.concatenate((self.values.reshape(-1, values.shape[1]), values))
        other = every[(every != every[0]).any(axis=1)][:1]
        self.values = np.concatenate((every[:1], other))

    @property
    def rule(self) -> str:
        """Either "last", where each sequence has one label, or "every", where each step has its own.

        "last" needs evidence: sequences of several steps, whose last step is labelled wherever any step is, each with
        one target value, and not the same value in all of them (a rare class that happens to be absent proves nothing).
        """
        return "last" if len(self.values) > 1 and not self.every else "every"


def constancy(blocks: Iterable[tuple[NDArray[np.float64], NDArray[np.int64]]]) -> Constancy:
    """Look at blocks of labels, as of `Constancy.add`, until the answer is known."""
    labels = Constancy()
    for y, offsets in blocks:
        labels.add(y, offsets)
        if labels.every:
            break
    return labels


def predict_notes(schema: Schema, rows: int, sequences: int) -> list[str]:
    """Say which steps are predicted, where the labels decided it."""
    if schema.horizon:
        return []
    if schema.lag_target and schema.predict == "last":
        return [LAG]
    if sequences == rows:
        return []
    return [LAST if schema.predict == "last" else EVERY]
