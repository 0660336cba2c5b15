"""The last labelled step of each sequence: the one that is scored where only the state at the end matters."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from rnnfast.data.sequences.base import Sequences
from rnnfast.data.sequences.data import SequenceData


def with_last_labels(data: Sequences) -> Sequences:
    """Take of each id the sequence that holds its last labelled step; the windows of an id are one sequence here.

    Without id each window stands for itself. Sequences without any label are left out.
    """
    pieces, first = [np.empty(0, np.int64)], 0
    for block in data.blocks(("y",)):
        has_label = np.logical_or.reduceat(block.labelled, block.offsets[:-1])
        pieces.append(first + np.flatnonzero(has_label))
        first += block.sequences
    numbers = np.concatenate(pieces)
    if data.schema.id is not None and len(numbers):
        owner = data.index.owner[numbers]
        numbers = numbers[np.append(owner[1:] != owner[:-1], True)]
    return data.take(numbers)


def only_last_labels(data: SequenceData) -> SequenceData:
    """Copy with the labels of all steps taken away but that of the last labelled one of each sequence.

    Of windows that overlap or follow each other the last one alone is to be there: see `with_last_labels`.
    """
    steps = np.flatnonzero(data.labelled)
    sequence = np.searchsorted(data.offsets, steps, side="right")
    y = np.full_like(data.y, np.nan)
    last = steps[np.append(sequence[1:] != sequence[:-1], True)] if len(steps) else steps
    y[last] = data.y[last]
    return replace(data, y=y)
