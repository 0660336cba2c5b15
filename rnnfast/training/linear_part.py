"""Fitting the linear part that answers beside a network (model/linear_part.py), once the network is trained.

Of quantities it is a ridge regression (regressors.py, ridge.py), of classes at every row a logistic one
(classifiers.py), of a class of a sequence one of its shape (shapes.py). The network has a share of

    L^2 / (L^2 + N^2)        L, N: errors of the linear part and of the network on the rows that validate

in the answer, mean squared errors or log losses: of two forecasts each counts by how good it was (Bates, Granger 1969,
who weigh by L and N). Least squares would give the network more, whose epoch was chosen by just these rows; on later
ones that loses. The fewer labels they have the more they flatter it: of n labels N counts 1 + 10 / n times.

Sequences are fewer than rows. So with n of them the share is as if 20 more said that both are as good. The network has
learned few sequences by heart: its logits are divided by a temperature above 1 where that lowers their log loss (Guo
et al. 2017).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from rnnfast.catalogue import LOSSES, TASKS
from rnnfast.config.effects import check_beside_linear_part
from rnnfast.config.resolve import Config
from rnnfast.data import Schema, SequenceData, Sequences
from rnnfast.errors import UsageError
from rnnfast.metrics.loss import mean_loss
from rnnfast.model import Model
from rnnfast.model.linear_part import LinearPart
from rnnfast.model.questions import scored_rows
from rnnfast.reporter import Reporter
from rnnfast.tasks.operating import fitted_temperature
from rnnfast.training.classifiers import classification
from rnnfast.training.regressors import regression, weighty_labels
from rnnfast.training.shapes import shapes

HALF = 0.5  # share of the network where nothing says how good it is
FLATTERING = 10  # labels by which an epoch is chosen: of as many the error of the network is twice what they say
DOUBT = 20  # sequences by which both are as good
MOST_INPUTS = 500  # of the network; the time of the equations grows with their cube
MOST_WEIGHTS = 1000  # of more than two classes, whose equations are those of all together


def check_linear_part(config: Config, schema: Schema) -> None:
    """Raise UsageError for a linear part where there is nothing that it could be fitted to."""
    if not config.model.linear_part:
        return
    check_beside_linear_part(config.model, of_shape(schema))
    task, loss = TASKS[schema.task], config.train.loss
    if task.classes and not goes_with(loss):
        raise UsageError(
            f"--linear-part: its answers are logits, and those of --loss {loss} are not; use --loss {task.loss}, or "
            "leave one of them out"
        )
    if schema.window == 1 and not of_shape(schema):
        raise UsageError("--linear-part looks at the row before, which --window 1 has not; give longer windows")


def goes_with(loss: str) -> bool:
    """Whether the outputs that a loss trains are logits, as those of a linear part of classes are."""
    return loss == "auto" or LOSSES[loss].logits


def set_linear_part(model: Model, train: Sequences, valid: SequenceData | None, reporter: Reporter) -> None:
    """Give a trained model its linear part, where it is to have one; valid: the sample of the validation part."""
    if not model.config.model.linear_part:
        return
    inputs, outputs = len(model.encoder.names), model.schema.outputs
    several = TASKS[model.schema.task].output_per_class
    several = several and not of_shape(model.schema)
    if inputs > (most := min(MOST_INPUTS, MOST_WEIGHTS // outputs // 2) if several else MOST_INPUTS):
        beside = f" and {outputs:,} classes" if several else ""
        reporter.notice(f"no linear part (--linear-part): {inputs:,} inputs{beside}; it takes {most}")
        return
    linear = fitted(model, train)
    share, heat = HALF, 1.0
    if valid is not None:
        rows = scored_rows(valid)
        labels = max(weighty_labels(rows), 1)
        network, other = error_of(model, rows), error_of(replace(model, linear_part=linear), rows)
        share = share_of((1 + FLATTERING / labels) * network, other)
        if of_shape(model.schema):
            share = (labels * share + DOUBT * HALF) / (labels + DOUBT)
            heat = max(1.0, fitted_temperature(model.outcomes(rows)))
    model.linear_part = linear.beside(share, heat)
    reporter.notice(
        f"a linear part answers beside the network, whose share is {share:.2f} (--linear-part); epochs are scored "
        "without it"
    )


def of_shape(schema: Schema) -> bool:
    """Whether a linear part sees the shape of whole sequences, of which each has a class."""
    return bool(schema.classes) and schema.predict == "last"


def share_of(network: float, linear: float) -> float:
    """Return the share of a network by the errors of both; half where they are no numbers, or both 0."""
    total = network**2 + linear**2
    return linear**2 / total if np.isfinite(total) and total > 0 else HALF


def error_of(model: Model, data: SequenceData) -> float:
    """Return the mean squared error of scaled answers, or the log loss, at the labelled rows; NaN for none."""
    outcomes = model.outcomes(data).counted
    if not len(outcomes.y):
        return float("nan")
    return mean_loss(TASKS[model.schema.task].loss, outcomes.raw, model.task.labels(outcomes.y), outcomes.weight)


def fitted(model: Model, train: Sequences) -> LinearPart:
    """Fit a linear part that answers all by itself."""
    if not model.schema.classes:
        return regression(model, train)
    return shapes(model, train) if of_shape(model.schema) else classification(model, train)
