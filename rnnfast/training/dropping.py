"""Values that training drops, so that no answer hangs on a few of them (--augment drop).

In each epoch a share of the inputs, drawn one by one, is the mean of its column over the rows that train, in a shard
over its own, as answers are explained beside. Codes of embeddings and constant columns, which are in each step or in
none, stay. A draw is a function of seed, epoch and the number of the row in the training part: blocks and threads do
not matter.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnfast.config.forms import augmentations
from rnnfast.data import Sequences
from rnnfast.data.sequences.spans import ends
from rnnfast.model import Model
from rnnfast.model.explain.features import input_means
from rnnfast.training.hiding import Hidden

DROPPING_STREAM = 14  # of the random numbers
ROWS = 1 << 12  # that are drawn for at a time


class Dropper:
    """Drops values of the inputs of a network. share: of them; 0: nothing is dropped."""

    def __init__(self, model: Model, part: Sequences) -> None:
        self.share = augmentations(model.config.train.augment).get("drop", 0.0)
        self._seed = model.config.train.seed
        if self.share:
            self._means = np.array(input_means(model.encoder, part).inputs)[: model.encoder.numeric_inputs]
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
