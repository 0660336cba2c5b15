"""Levels that training shifts, so that no answer hangs on those of the few sequences that train (--augment shift).

In each epoch an amount of one number for each sequence and numeric column is added to all steps of the sequence,

    amount s r N(0, 1)        s^2 = B    r = B / (B + W)

where B is the variance of the means of sequences, and W the mean variance inside them: a column whose level differs
from sequence to sequence moves by about as much, one whose level is the same in all stays. Categories and constant
columns stay. A draw is a function of seed, epoch and the number of the sequence in the training part: blocks and
threads do not matter.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnfast.config.forms import augmentations
from rnnfast.data import Encoder, SequenceData, Sequences
from rnnfast.data.sequences.base import TRAINED
from rnnfast.model import Model
from rnnfast.training.hiding import Hidden

SHIFTING_STREAM = 16  # of the random numbers
MOST_ROWS = 1 << 17  # that levels are measured on, of sequences spread evenly

Floats = NDArray[np.float64]


class Shifter:
    """Shifts the levels of the inputs of a network. amount: of how far levels differ; 0: nothing is shifted."""

    def __init__(self, model: Model, part: Sequences) -> None:
        self.amount = augmentations(model.config.train.augment).get("shift", 0.0)
        self._seed = model.config.train.seed
        if self.amount:
            self._deviation = self.amount * deviations(model.encoder, part)
            self._columns = np.flatnonzero(self._deviation)

    def shift(self, inputs: NDArray[Any], offsets: NDArray[np.int64], epoch: int, first: int = 0) -> Hidden:
        """Shift levels for an epoch. Writes: inputs (rows, F), of the sequences first, first + 1, ...

        offsets: (sequences + 1,) first row of each. Returns: what `show` undoes.
        """
        if not self.amount or not len(self._columns):
            return []
        columns, sequences = self._columns, len(offsets) - 1
        stream = np.random.PCG64([self._seed, SHIFTING_STREAM, epoch]).advance(2 * first * len(columns))
        draw = np.random.Generator(stream).random((sequences, len(columns), 2))
        # Two uniform numbers make a normal one (Box, Muller 1958): a fixed count of them for each sequence.
        normal = np.sqrt(-2 * np.log1p(-draw[..., 0])) * np.cos(2 * np.pi * draw[..., 1])
        shifts = (normal * self._deviation[columns]).astype(inputs.dtype)
        rows = np.arange(len(inputs))[:, None]
        before = inputs[:, columns]
        inputs[:, columns] += np.repeat(shifts, np.diff(offsets), axis=0)
        return [(rows, columns, before)]


def deviations(encoder: Encoder, train: Sequences) -> Floats:
    """Return (F,) how far each numeric input is shifted, 0 for others and where there are less than two sequences."""
    share = max(1, -(-train.rows // MOST_ROWS))
    sequences, level, level2, within = np.sum(train.each_shard(moments, encoder, share), axis=0)
    spread = np.zeros(len(encoder.names))
    if sequences[0] < 2:
        return spread
    between = np.maximum(level2 - level**2 / sequences, 0) / (sequences - 1)
    total = between + within / sequences
    numeric = np.isin(encoder.names, encoder.scaler.names) & (np.arange(len(spread)) < encoder.numeric_inputs)
    at = numeric & (total > 0)
    spread[at] = np.sqrt(between[at]) * between[at] / total[at]
    return spread


def moments(train: Sequences, encoder: Encoder, share: int) -> Floats:
    """Return sums (4, F) over one sequence in `share`: how many, their means, squares of these, variances inside."""
    some = train.take(np.arange(0, train.sequences, share)) if share > 1 else train
    total = np.zeros((4, len(encoder.names)))
    for block in some.blocks(TRAINED):
        assert isinstance(block, SequenceData)
        inputs, lengths = encoder.transform(block).astype(np.float64), np.diff(block.offsets)
        starts, lengths = block.offsets[:-1][lengths > 0], lengths[lengths > 0, None]
        mean = np.add.reduceat(inputs, starts, axis=0) / lengths
        variance = np.add.reduceat((inputs - np.repeat(mean, lengths[:, 0], axis=0)) ** 2, starts, axis=0) / lengths
        of_sequences = np.stack([np.ones_like(mean), mean, mean**2, variance], axis=1)
        # One sequence after the other, so that blocks do not change a bit.
        total = np.cumsum(np.concatenate([total[None], of_sequences]), axis=0)[-1]
    return total
