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


def predict_rule(blocks: Iterable[tuple[NDArray[np.float64], NDArray[np.int64]]]) -> str:
    """Decide whether each sequence has one label ("last") or each step its own ("every").

    blocks: y (rows, O) grouped by offsets (sequences + 1,), NaN where unlabelled; read until the answer is known.
    "last" needs evidence: sequences of several steps, whose last step is labelled wherever any step is, each with one
    target value, and not the same value in all of them (a rare class that happens to be absent proves nothing).
    """
    different = np.empty((0, 0))  # last values of sequences of several steps: one or two are all that counts
    for y, offsets in blocks:
        lengths, last = np.diff(offsets), offsets[1:] - 1
        has_label: NDArray[np.bool_] = np.logical_not(np.isnan(y).any(axis=1))
        labelled = np.add.reduceat(has_label, offsets[:-1], dtype=np.int64) > 0
        if (labelled & ~has_label[last]).any():
            return "every"
        values = y[last]
        if (has_label[:, None] & (y != np.repeat(values, lengths, axis=0))).any():
            return "every"
        several = values[labelled & (lengths > 1)]
        if len(several):
            other = several[(several != several[0]).any(axis=1)][:1]
            different = np.unique(np.concatenate((different.reshape(-1, y.shape[1]), several[:1], other)), axis=0)[:2]
    return "last" if len(different) > 1 else "every"


def predict_notes(schema: Schema, rows: int, sequences: int) -> list[str]:
    """Say which steps are predicted, where the labels decided it."""
    if schema.horizon:
        return []
    if schema.lag_target and schema.predict == "last":
        return [LAG]
    if sequences == rows:
        return []
    return [LAST if schema.predict == "last" else EVERY]
