"""Intervals of a trained model, by its answers to the validation part."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rnnfast.data import Sequences
from rnnfast.model import Model
from rnnfast.model.intervals import fit_intervals
from rnnfast.records import replace as changed
from rnnfast.training.replies import Replies


def set_intervals(model: Model, train: Sequences, valid: Replies | None) -> None:
    """Give a trained model the bounds of its errors by its answers to the validation part, where there is one.

    Whether they end at 0 is asked of the training part alone.
    """
    if valid is None:
        return
    outcomes = valid.outcomes()
    bounds = fit_intervals(outcomes, "valid") if len(outcomes.y) else None
    if bounds is not None and not model.schema.classes:
        least = np.fmin.reduce(train.each_shard(least_labels))
        bounds = changed(bounds, from_zero=tuple((least == 0).tolist()))
    model.intervals = bounds


def least_labels(part: Sequences) -> NDArray[np.float64]:
    """Return (answers,) the least label of each, NaN without any."""
    least = np.full(len(part.schema.answers), np.nan)
    for block in part.blocks(("y",)):
        least = np.fmin(least, np.fmin.reduce(block.y, axis=0))
    return least
