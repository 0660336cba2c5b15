"""What the linear part of quantities is fitted to: inputs, their changes, and how far the last known targets lie from
their exponential averages (model/averages.py); all values of a sequence (model/places.py), where each has one label and
all are equally long.

A row is seen as answers see it, with a window of rows before it: in its own window alone it would have some, and
averages would be those of a beginning.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from rnnfast.data import SequenceData, Sequences
from rnnfast.data.encoding.differences import changes
from rnnfast.data.sequences.base import TRAINED
from rnnfast.model import Model
from rnnfast.model.averages import Averages, firsts
from rnnfast.model.linear_part import LinearPart, with_changes
from rnnfast.model.places import Places, common_length, values_of
from rnnfast.records import UNSET
from rnnfast.tasks.linear import Steps
from rnnfast.training.ridge import solved

Floats = NDArray[np.float64]

HALF_LIVES = 1, 4, 16, 64  # rows of the averages
LONGEST = 2  # half-life in windows: of a longer one a row and the window before it tell next to nothing
STRETCHES = 5
CHUNK_ROWS = 1 << 13  # that are summed at once, from the first row on, however the table comes in blocks


def regression(model: Model, train: Sequences) -> LinearPart:
    """Fit a linear part that answers with quantities all by itself."""
    outputs, features = model.schema.outputs, len(model.encoder.names)
    length = common_length(train.lengths, features) if model.schema.predict == "last" else 0
    sums = reduce(np.add, train.each_shard(products_of, model, length))
    if train.weighted and (total := sums[:, -outputs - 1, -outputs - 1].sum()):
        sums *= sum(train.each_shard(weighty_labels)) / total  # in which unit weights are has no say
    solution = solved(sums, outputs)
    return _of_places(solution, sums.sum(axis=0), length) if length else _of_rows(solution, model)


def weighty_labels(part: Sequences) -> int:
    """Return how many labels weigh something."""
    return sum(
        int(np.count_nonzero(block.labelled if block.weight is None else block.weight[block.labelled]))
        for block in part.blocks(("y", "weight"))
    )


def _of_places(solution: Floats, products: Floats, length: int) -> LinearPart:
    """Return the part of all values, by their weights (T F + 1, O) and the sums (S, S) that these were solved from."""
    values, outputs = len(solution) - 1, solution.shape[1]
    weights, means = solution[:-1].T, products[values, :values] / (products[values, values] or 1)
    none = ((0.0,) * (values // length),) * outputs
    bias = solution[-1] + weights @ means
    return LinearPart(0.0, none, none, tuple(bias.tolist()), places=Places.of(weights, means, length))


def _of_rows(solution: Floats, model: Model) -> LinearPart:
    """Return the part of a row, its change and averages, by their weights (2 F + M + 1, O)."""
    features, averages = len(model.encoder.names), averages_of(model)
    level, change, course = (
        tuple(map(tuple, rows.T.tolist())) for rows in np.split(solution[:-1], [features, 2 * features])
    )
    averages = Averages(averages.inputs, averages.rates, course)
    return LinearPart(0.0, level, change, tuple(solution[-1].tolist()), averages if averages.inputs else UNSET)


def averages_of(model: Model) -> Averages:
    """Return the averages of the last known targets, without weights."""
    lags = model.encoder.columns[model.schema.first_lag :] if model.schema.lag_target else ()
    places = [model.encoder.names.index(name) for name in lags]
    window = model.schema.window
    rates = [1 - 0.5 ** (1 / rows) for rows in HALF_LIVES if window is None or rows <= LONGEST * window]
    return Averages(tuple(j for j in places for _ in rates), tuple(rates) * len(places), ())


def products_of(part: Sequences, model: Model, length: int = 0) -> Floats:
    """Return the sums (STRETCHES, S, S) of products z z' over the rows that train, or sequences of this length.

    z: the inputs, their changes, the deviations from M averages, 1 and the labels: S = 2 F + M + 1 + O; or all values
    of a sequence, 1 and its label: S = T F + 1 + O.
    """
    sums, row, count = np.zeros(()), 0, part.sequences if length else part.rows
    for z, weight in _chunks(part, model, length):
        if not row:
            sums = np.zeros((STRETCHES, z.shape[1], z.shape[1]))
        stretch = (row + np.arange(len(z))) * STRETCHES // count
        for k in np.unique(stretch):
            at = (stretch == k) & (weight > 0)
            sums[k] += z[at].T @ (z[at] * weight[at, None])
        row += len(z)
    return sums


def _chunks(part: Sequences, model: Model, length: int) -> Iterator[tuple[Floats, Floats]]:
    """Yield z (rows, S) with the weights (rows,) of so many rows at a time."""
    left: list[Floats] = []
    for steps in _steps(part, model, length):
        z = np.column_stack([steps.x, np.ones(len(steps.x)), steps.y, steps.weight])
        z = np.concatenate([*left, z])
        for first in range(0, len(z) - CHUNK_ROWS + 1, CHUNK_ROWS):
            chunk = z[first : first + CHUNK_ROWS]
            yield chunk[:, :-1], chunk[:, -1]
        left = [z[len(z) // CHUNK_ROWS * CHUNK_ROWS :]]
    for chunk in left:
        yield chunk[:, :-1], chunk[:, -1]


def _steps(part: Sequences, model: Model, length: int) -> Iterator[Steps]:
    """Yield the rows of whole sequences, of some at a time, or these as one row each where they have a length."""
    blocks = part if length else part.in_context(model.context_of(part.schema))
    for block in blocks.blocks(TRAINED):
        marks = np.append(np.arange(0, block.rows, CHUNK_ROWS), block.rows)
        borders = np.unique(np.searchsorted(block.offsets, marks))
        for first, stop in zip(borders[:-1].tolist(), borders[1:].tolist(), strict=True):
            some = block if stop - first == block.sequences else block.take(np.arange(first, stop))
            yield _whole_of(some, model, length) if length else _steps_of(some, model)


def _steps_of(data: SequenceData, model: Model) -> Steps:
    """Return what is seen of the rows, their scaled labels and weights; 0 where these or the row before are unknown."""
    x, goes_on = _seen(data, model)
    y, weight = _labels(data, model, goes_on)
    return Steps(x, y, weight)


def _whole_of(data: SequenceData, model: Model, length: int) -> Steps:
    """Return all values of each sequence, its scaled label and weight; 0 where it is unknown."""
    y, weight = _labels(data, model, np.ones(data.rows, bool))
    last = data.offsets[1:] - 1
    return Steps(values_of(model.encoder.transform(data), length), y[last], weight[last])


def _labels(data: SequenceData, model: Model, counts: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Return the scaled labels (rows, O) of rows that count, and the weights (rows,) of these; 0 for the others."""
    learned = changes(data, model.schema, model.encoder.rules)
    labelled = learned.labelled & counts
    weight = np.where(labelled, model.scorer.step_weights(learned.y, learned.labelled, learned.weight), 0.0)
    y = np.where(labelled[:, None], np.asarray(model.task.labels(learned.y), np.float64), 0.0)
    return y, np.asarray(weight, np.float64)


def _seen(data: SequenceData, model: Model) -> tuple[Floats, NDArray[np.bool_]]:
    """Return what is seen of each row, (rows, 2 F + M), and whether a row stands before it, or nothing around it."""
    averages, questions, parts = averages_of(model), model.questions(data), []
    for one in questions:
        x = one.inputs.reshape(int(one.offsets[-1]), -1)
        rows = slice(None) if one.rows is None else one.rows
        goes_on = np.ones(len(x))
        goes_on[firsts(one.offsets)] = np.diff(one.offsets)[np.diff(one.offsets) > 0] == 1
        deviations, _ = averages.deviations(x, one.offsets)
        parts.append(np.column_stack([with_changes(x, one.offsets), deviations, goes_on])[rows])
    seen = np.concatenate(parts)
    seen = seen if questions.position is None else seen[questions.position]
    return seen[:, :-1], seen[:, -1] > 0
