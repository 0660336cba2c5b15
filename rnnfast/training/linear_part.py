"""Fitting the linear part that answers beside a network (model/linear_part.py), once the network is trained.

Of quantities it is a ridge regression (regressors.py, ridge.py), of classes a logistic one, of more than two a softmax.
The network has a share of

    L^2 / (L^2 + N^2)        L, N: errors of the linear part and of the network on the rows that validate

in the answer, mean squared errors or log losses: of two forecasts each counts by how good it was (Bates, Granger 1969,
who weigh by L and N). Least squares would give the network more, whose epoch was chosen by just these rows; on later
ones that loses. The fewer labels they have the more they flatter it: of n labels N counts 1 + 10 / n times.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from rnnfast.catalogue import LOSSES, TASKS
from rnnfast.config.resolve import Config
from rnnfast.data import Schema, SequenceData, Sequences
from rnnfast.data.encoding.differences import changes
from rnnfast.data.sequences.base import TRAINED
from rnnfast.errors import UsageError
from rnnfast.metrics.loss import mean_loss
from rnnfast.model import Model
from rnnfast.model.linear_part import LinearPart, with_changes
from rnnfast.model.questions import scored_rows
from rnnfast.reporter import Reporter
from rnnfast.tasks.linear import LEAST_PENALTY, Steps, logistic
from rnnfast.training.regressors import regression
from rnnfast.training.ridge import units

Floats = NDArray[np.float64]

PENALTY = 10.0  # of classes, for inputs with a standard deviation of 1
HALF = 0.5  # share of the network where nothing says how good it is
FLATTERING = 10  # labels by which an epoch is chosen: of as many the error of the network is twice what they say
MOST_INPUTS = 500  # of the network; the time of the equations grows with their cube
MOST_WEIGHTS = 1000  # of more than two classes, whose equations are those of all together
MOST_ROWS = 20_000  # of classes, whose equations are summed again and again; as many of each are drawn
MOST_NUMBERS = 1 << 22  # in these rows, once for each pair of outputs: fewer rows of many inputs or classes


def check_linear_part(config: Config, schema: Schema) -> None:
    """Raise UsageError for a linear part where there is nothing that it could be fitted to."""
    if not config.model.linear_part:
        return
    task, loss = TASKS[schema.task], config.train.loss
    if task.classes and not goes_with(loss):
        raise UsageError(
            f"--linear-part: its answers are logits, and those of --loss {loss} are not; use --loss {task.loss}, or "
            "leave one of them out"
        )
    if schema.window == 1:
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
    if inputs > (most := min(MOST_INPUTS, MOST_WEIGHTS // outputs // 2) if several else MOST_INPUTS):
        beside = f" and {outputs:,} classes" if several else ""
        reporter.notice(f"no linear part (--linear-part): {inputs:,} inputs{beside}; it takes {most}")
        return
    linear = fitted(model, train)
    share = HALF
    if valid is not None:
        rows = scored_rows(valid)
        flattered = 1 + FLATTERING / max(int(np.count_nonzero(rows.labelled)), 1)
        share = share_of(flattered * error_of(model, rows), error_of(replace(model, linear_part=linear), rows))
    model.linear_part = linear.beside(share)
    reporter.notice(
        f"a linear part answers beside the network, whose share is {share:.2f} (--linear-part); epochs are scored "
        "without it"
    )


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
    features, columns = len(model.encoder.names), _of_classes(model, train).T.tolist()
    level, change = (tuple(tuple(column[at : at + features]) for column in columns) for at in (0, features))
    return LinearPart(0.0, level, change, tuple(column[-1] for column in columns))


def _of_classes(model: Model, train: Sequences) -> Floats:
    """Return (2 F + 1, O), the weights of a logistic regression on rows that train."""
    counts = np.sum(train.each_shard(counts_of), axis=0)
    x, y, weight = joined(train.each_shard(drawn_from, model, _chances(counts, model)))
    if not weight.sum():
        return np.zeros((x.shape[1] + 1, model.schema.outputs))
    mean = np.average(x, axis=0, weights=weight)
    unit = units(mean, np.sqrt(np.average((x - mean) ** 2, axis=0, weights=weight)))
    steps = Steps((x - mean) / unit, y, weight * (counts.sum() / weight.sum()))  # in which unit weights are has no say
    penalty = np.append(np.full(len(unit), PENALTY), LEAST_PENALTY)
    softmax = TASKS[model.schema.task].output_per_class
    start = np.zeros((len(penalty), model.schema.outputs))
    start[-1] = _shares(steps, start.shape[1], softmax)
    solution = logistic(lambda: [steps], penalty, start, softmax)
    solution[:-1] /= unit[:, None]
    solution[-1] -= mean @ solution[:-1]
    return solution


def _shares(steps: Steps, outputs: int, softmax: bool) -> Floats:
    """Return the logits (O,) of the shares of classes: from there fewer steps are needed where one is rare."""
    y = steps.y == np.arange(outputs) if softmax else steps.y
    share = (steps.weight @ y + 1) / (steps.weight.sum() + 2)  # as if seen once more, so that none is 0 or 1
    return np.asarray(np.log(share) if softmax else np.log(share / (1 - share)))


def counts_of(part: Sequences) -> Floats:
    """Return how many rows (classes,) of each class are learned from."""
    classes = len(part.schema.classes)
    counts = (np.bincount(_classes(block), minlength=classes + 1) for block in part.blocks(("y", "weight")))
    return np.asarray(sum(counts, np.zeros(classes + 1))[:classes])


def _chances(counts: Floats, model: Model) -> Floats:
    """Return the chance (classes,) of a row of each class to be drawn: as many of each, where there are."""
    pairs = model.schema.outputs * (model.schema.outputs + 1) // 2
    most = min(MOST_ROWS, MOST_NUMBERS // (2 * len(model.encoder.names) * pairs))
    return np.minimum(1, most / len(counts) / np.maximum(counts, 1))


def drawn_from(part: Sequences, model: Model, chances: Floats) -> Steps:
    """Draw rows by the chances of their classes, however the table comes in blocks; weights are divided by these."""
    of_sequences, of_rows = np.random.default_rng(model.config.train.seed).spawn(2)
    return joined([_drawn(block, model, chances, of_sequences, of_rows) for block in part.blocks(TRAINED)])


def joined(some: Iterable[Steps]) -> Steps:
    """Return several steps as one."""
    return Steps(*(np.concatenate(arrays) for arrays in zip(*some, strict=True)))


def _classes(data: SequenceData) -> NDArray[np.int64]:
    """Return the class (rows,) of each row, the number of classes for a row that is not learned from."""
    return np.where(_learned(data), data.y[:, 0], len(data.schema.classes)).astype(np.int64)


def _drawn(
    block: SequenceData, model: Model, chances: Floats, of_sequences: np.random.Generator, of_rows: np.random.Generator
) -> Steps:
    """Draw rows of a block.

    A number drawn for each sequence and one for each of its rows let only those be encoded of which a row is drawn.
    """
    chance, lengths = np.append(chances, 0.0)[_classes(block)], np.diff(block.offsets)
    highest = np.zeros(len(lengths))
    if block.rows:
        highest[lengths > 0] = np.maximum.reduceat(chance, block.offsets[:-1][lengths > 0])
    sequences = of_sequences.random(len(lengths)) < highest
    chance, highest = chance[np.repeat(sequences, lengths)], np.repeat(highest[sequences], lengths[sequences])
    steps = _steps_of(block.take(np.flatnonzero(sequences)), model)
    at = (of_rows.random(len(chance)) * highest < chance) & (steps.weight > 0)
    return Steps(steps.x[at], steps.y[at], steps.weight[at] / chance[at])


def _steps_of(data: SequenceData, model: Model) -> Steps:
    """Return the rows of sequences; those that are not learned from weigh nothing."""
    learned = changes(data, model.schema, model.encoder.rules)
    labelled = _learned(learned)
    weight = np.where(labelled, model.scorer.step_weights(learned.y, learned.labelled, learned.weight), 0.0)
    y = np.where(labelled[:, None], np.asarray(model.task.labels(learned.y), np.float64), 0.0)
    return Steps(with_changes(model.encoder.transform(data), data.offsets), y, np.asarray(weight, np.float64))


def _learned(data: SequenceData) -> NDArray[np.bool_]:
    """Return which rows (rows,) have a label that counts.

    Not first ones of longer sequences, of which no change is known.
    """
    labelled = data.labelled if data.weight is None else data.labelled & (data.weight > 0)
    labelled = labelled.copy()
    labelled[data.offsets[:-1][np.diff(data.offsets) > 1]] = False
    return labelled
