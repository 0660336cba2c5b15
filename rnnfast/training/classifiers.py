"""What the linear part of classes at every row is fitted to: inputs and their changes, by logistic regression, of more
than two classes by softmax.

Of many rows some are drawn, as many of each class where there are.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from rnnfast.catalogue import TASKS
from rnnfast.data import SequenceData, Sequences
from rnnfast.data.encoding.differences import changes
from rnnfast.data.sequences.base import TRAINED
from rnnfast.model import Model
from rnnfast.model.linear_part import LinearPart, with_changes
from rnnfast.tasks.linear import LEAST_PENALTY, Steps, logistic
from rnnfast.training.ridge import units

Floats = NDArray[np.float64]

PENALTY = 10.0  # for inputs with a standard deviation of 1
MOST_ROWS = 20_000  # whose equations are summed again and again; as many of each class are drawn
MOST_NUMBERS = 1 << 22  # in these rows, once for each pair of outputs: fewer rows of many inputs or classes


def classification(model: Model, train: Sequences) -> LinearPart:
    """Fit a linear part that answers with the logits of classes all by itself."""
    features, columns = len(model.encoder.names), _weights(model, train).T.tolist()
    level, change = (tuple(tuple(column[at : at + features]) for column in columns) for at in (0, features))
    return LinearPart(0.0, level, change, tuple(column[-1] for column in columns))


def _weights(model: Model, train: Sequences) -> Floats:
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
