"""Fitting the linear baseline (tasks/linear.py) to the training part."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from rnnfast.data import Sequences
from rnnfast.data.sequences.base import TRAINED
from rnnfast.model import Model
from rnnfast.tasks.linear import Linear, Steps, fit_linear


def linear_baseline(model: Model, train: Sequences) -> Linear:
    """Fit the baseline of a model that has its encoder and scaler; each step weighs what it does in the loss.

    It has an input for each category of embedded columns, as a code is no quantity. A table that is in memory is
    encoded once, another one again for each step of Newton's method.
    Raises UsageError where it would have too many numbers.
    """
    encoder = model.encoder.without_codes

    def blocks() -> Iterator[Steps]:
        for data in train.blocks(TRAINED):
            at = data.labelled
            if at.any():
                y = np.asarray(model.task.labels(data.y[at]), np.float64)
                weight = model.scorer.step_weights(data.y, at, data.weight)[at]
                yield Steps(encoder.transform(data)[at], y, weight)

    steps = list(blocks()) if train.room is None else None
    features, outputs = len(encoder.names), model.schema.outputs
    return fit_linear(blocks if steps is None else lambda: steps, features, outputs, model.loss)
