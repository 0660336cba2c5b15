"""Sequences that training mixes with others, and their labels (--augment mixup; Zhang et al. 2018).

    x = a x1 + (1 - a) x2       q = a q1 + (1 - a) q2       a = max(b, 1 - b), b from Beta(P, P)

In each epoch every sequence is mixed with another one, step by step from their first on as far as both go, and the
share of each class with that of its partner. Codes of embeddings and constant columns, and the weight in the loss,
stay. A draw is a function of seed and epoch: threads do not matter.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnfast.catalogue import LOSSES
from rnnfast.config.forms import augmentations
from rnnfast.data import Schema, SequenceData, Sequences
from rnnfast.data.sequences.spans import spans
from rnnfast.errors import UsageError
from rnnfast.model import Model
from rnnfast.network.alignment import aligned

MIXING_STREAM = 15  # of the random numbers


class Mixer:
    """Mixes sequences of a table. amount: P of the shares; 0: nothing is mixed."""

    def __init__(self, model: Model) -> None:
        self.amount = augmentations(model.config.train.augment).get("mixup", 0.0)
        self._seed, self._columns = model.config.train.seed, model.encoder.numeric_inputs
        self._buffers: tuple[NDArray[Any], NDArray[Any]] | None = None

    def mixed(self, data: Any, targets: int, epoch: int) -> Any:
        """Return tensors of a kernel with mixed sequences, in memory that the next call writes to again.

        data: the tensors, which stay as they are; targets: of a step.
        """
        if not self.amount:
            return data
        if self._buffers is None:
            self._buffers = aligned(len(data.x), data.x.dtype), aligned(len(data.y), data.y.dtype)
        for buffer, values in zip(self._buffers, (data.x, data.y), strict=True):
            buffer[:] = values
        first, lengths, last = data.offsets[:-1], np.diff(data.offsets), data.offsets[1:] - 1
        rows = int(data.offsets[-1])
        generator = np.random.default_rng([self._seed, MIXING_STREAM, epoch])
        partner, draw = generator.permutation(len(first)), generator.beta(self.amount, self.amount, len(first))
        labelled = data.weight[: rows * targets : targets][last] > 0
        share = np.where(labelled[partner], np.maximum(draw, 1 - draw), 1.0).astype(data.x.dtype)
        steps = np.minimum(lengths, lengths[partner])
        own, others = spans(first, steps), spans(first[partner], steps)
        of_row = np.repeat(share, steps)[:, None]
        x, mixed = (array.reshape(rows, -1)[:, : self._columns] for array in (data.x, self._buffers[0]))
        mixed[own] = of_row * x[own] + (1 - of_row) * x[others]
        y, mixed = (array[: rows * targets].reshape(rows, -1) for array in (data.y, self._buffers[1]))
        mixed[last] = share[:, None] * y[last] + (1 - share[:, None]) * y[last[partner]]
        return data._replace(x=self._buffers[0], y=self._buffers[1])


class Shares:
    """Labels of several classes as shares of each, which can be mixed."""

    def __init__(self, model: Model) -> None:
        self.model = model

    def labels(self, data: SequenceData) -> NDArray[Any]:
        """Return (rows, O), 1 for the class of a row."""
        shares = np.zeros((data.rows, self.model.schema.outputs))
        rows = np.flatnonzero(data.labelled)
        shares[rows, self.model.task.labels(data.y)[rows, 0].astype(np.int64)] = 1
        return shares


def shares_of(model: Model) -> Shares | None:
    """Return what has labels that can be mixed, where that is asked for and they are numbers of classes."""
    mixes = "mixup" in augmentations(model.config.train.augment)
    return Shares(model) if mixes and LOSSES[model.loss].per_step else None


def check_mixing(augment: tuple[str, ...], schema: Schema, train: Sequences) -> None:
    """Raise UsageError for a table whose sequences cannot be mixed."""
    if "mixup" not in augmentations(augment):
        return
    reason = None
    if schema.predict != "last" or not schema.classes:
        reason = "mixes whole sequences with a class each, and these have none"
    elif train.room is not None:
        reason = "mixes any two sequences, and --memory holds a part of them at a time"
    if reason is not None:
        raise UsageError(f"--augment {','.join(augment)}: mixup {reason}; leave it out")
