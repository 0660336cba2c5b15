"""Values that training drops, so that no answer hangs on a few of them (--augment drop).

In each epoch a share of the inputs, drawn one by one, is the mean of its column over the rows that train. Codes of
embeddings and constant columns, which are in each step or in none, stay. A draw is a function of seed, epoch and the
number of the row in the training part: blocks and threads do not matter.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnfast.config.forms import augmentations
from rnnfast.data import Encoder, Sequences
from rnnfast.data.sequences.base import TRAINED
from rnnfast.data.sequences.spans import ends
from rnnfast.model import Model
from rnnfast.training.hiding import Hidden

DROPPING_STREAM = 14  # of the random numbers
ROWS = 1 << 12  # that are drawn for at a time


class Dropper:
    """Drops values of the inputs of a network. share: of them; 0: nothing is dropped."""

    def __init__(self, model: Model, part: Sequences) -> None:
        self.share = augmentations(model.config.train.augment).get("drop", 0.0)
        self._seed = model.config.train.seed
        if self.share:
            self._means = means_of(model.encoder, part)
            self._before = ends(part.lengths)  # rows before each sequence

    def drop(self, inputs: NDArray[Any], epoch: int, first: int = 0) -> Hidden:
        """Drop values for an epoch. Writes: inputs (rows, F), of the sequences first, first + 1, ...

        Returns: what `show` undoes.
        """
        if not self.share:
            return []
        means, dropped = self._means.astype(inputs.dtype), list[Any]()
        stream = np.random.PCG64([self._seed, DROPPING_STREAM, epoch]).advance(int(self._before[first]) * len(means))
        generator = np.random.Generator(stream)
        for row in range(0, len(inputs), ROWS):
            draw = generator.random((min(ROWS, len(inputs) - row), len(means)))
            rows, places = np.nonzero(draw < self.share)
            rows += row
            dropped.append((rows, places, inputs[rows, places]))
            inputs[rows, places] = means[places]
        return dropped


def means_of(encoder: Encoder, part: Sequences) -> NDArray[np.float64]:
    """Return the mean of each input that may be dropped; summed by sequence, so that blocks do not change a bit."""
    columns = changeable(encoder)
    sums = [
        np.add.reduceat(encoder.transform(block)[:, :columns], block.offsets[:-1], axis=0, dtype=np.float64)
        for block in part.blocks(TRAINED)
    ]
    return np.asarray(np.concatenate(sums).sum(axis=0) / part.rows)


def changeable(encoder: Encoder) -> int:
    """Return how many of the inputs, the first ones, are numbers of a step: no codes, and no constant columns."""
    return len(encoder.names) - encoder.static_inputs - len(encoder.embedded)
