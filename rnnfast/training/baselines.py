"""Fitting the baselines that are asked for (tasks/linear.py, tasks/trees.py) to the training part."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from rnnfast.data import Sequences
from rnnfast.data.sequences.base import TRAINED
from rnnfast.model import Model
from rnnfast.tasks.linear import Linear, Steps, fit_linear
from rnnfast.tasks.trees import MOST_ROWS, Trees, fit_trees, past


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


def trees_baseline(model: Model, train: Sequences) -> Trees:
    """Fit the trees of a model that has its encoder and scaler, to so many labelled steps as they take.

    Raises RnnfastError where scikit-learn is not installed.
    """
    generator, share = np.random.default_rng(model.config.train.seed), MOST_ROWS / max(train.labelled_steps, 1)

    def blocks() -> Iterator[Steps]:
        for data in train.blocks(TRAINED):
            chosen = data.labelled
            if share < 1:
                chosen &= generator.random(len(chosen)) < share
            if chosen.any():
                y = np.asarray(model.task.labels(data.y[chosen]), np.float64)
                weight = model.scorer.step_weights(data.y, data.labelled, data.weight)[chosen]
                yield Steps(past(model.encoder.transform(data), data.offsets)[chosen], y, weight)

    return fit_trees(blocks(), model.loss, bool(model.schema.classes), model.schema.outputs)
