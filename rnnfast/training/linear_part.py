"""Fitting the linear part that answers beside a network (model/linear_part.py), once the network is trained.

Ridge regression by the normal equations of the rows that train, in five stretches of them, one after the other: the
penalty is that with the least error on each stretch by what the others give. The network has a share of

    L^2 / (L^2 + N^2)        L, N: mean squared errors of the linear part and of the network on the rows that validate

in the answer: of two forecasts each counts by how good it was (Bates, Granger 1969, who weigh by L and N). Least
squares would give the network more, whose epoch was chosen by just these rows; on later ones that loses.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from rnnfast.catalogue import TASKS
from rnnfast.config.resolve import Config
from rnnfast.data import Schema, SequenceData, Sequences
from rnnfast.data.encoding.differences import changes
from rnnfast.data.sequences.base import TRAINED
from rnnfast.errors import UsageError
from rnnfast.model import Model
from rnnfast.model.linear_part import LinearPart, with_changes
from rnnfast.model.questions import scored_rows
from rnnfast.reporter import Reporter

Floats = NDArray[np.float64]

STRETCHES = 5
PENALTIES = np.logspace(-2, 4, 13)  # of inputs with a standard deviation of 1
HALF = 0.5  # share of the network where nothing says how good it is
MOST_INPUTS = 500  # of the network; the time of the equations grows with their cube
LEAST = 1e-9  # deviation of what is not constant, as a share of its level
CHUNK_ROWS = 1 << 13  # that are summed at once, from the first row on, however the table comes in blocks


def check_linear_part(config: Config, schema: Schema) -> None:
    """Raise UsageError for a linear part beside something else than a quantity of each row."""
    if config.model.linear_part and TASKS[schema.task].classes:
        raise UsageError(
            f"--linear-part: a linear part answers with quantities, and the task is {schema.task}; leave it out"
        )
    if config.model.linear_part and schema.window == 1:
        raise UsageError("--linear-part looks at the row before, which --window 1 has not; give longer windows")


def set_linear_part(model: Model, train: Sequences, valid: SequenceData | None, reporter: Reporter) -> None:
    """Give a trained model its linear part, where it is to have one; valid: the sample of the validation part."""
    if not model.config.model.linear_part:
        return
    if len(model.encoder.names) > MOST_INPUTS:
        reporter.notice(f"no linear part (--linear-part): {len(model.encoder.names):,} inputs; it takes {MOST_INPUTS}")
        return
    linear = fitted(model, train)
    share = HALF
    if valid is not None:
        rows = scored_rows(valid)
        network, other = squared_error(model, rows), squared_error(replace(model, linear_part=linear), rows)
        share = share_of(network, other)
    model.linear_part = linear.beside(share)
    reporter.notice(
        f"a linear part answers beside the network, whose share is {share:.2f} (--linear-part); epochs are scored "
        "without it"
    )


def share_of(network: float, linear: float) -> float:
    """Return the share of a network by the mean squared errors of both; half where they are no numbers, or both 0."""
    total = network**2 + linear**2
    return linear**2 / total if np.isfinite(total) and total > 0 else HALF


def squared_error(model: Model, data: SequenceData) -> float:
    """Return the mean squared error of scaled answers at the labelled rows, each with its weight; NaN for none."""
    outcomes = model.outcomes(data).counted
    errors = ((outcomes.answers - outcomes.y) * model.target_scaler.scale) ** 2
    return float(np.average(errors.mean(axis=1), weights=outcomes.weight)) if len(errors) else float("nan")


def fitted(model: Model, train: Sequences) -> LinearPart:
    """Fit a linear part that answers all by itself."""
    outputs, features = model.schema.outputs, len(model.encoder.names)
    sums = reduce(np.add, train.each_shard(products_of, replace(model, elsewhere=None)))
    solution = solved(sums, outputs).T.tolist()
    level, change = (tuple(tuple(row[at : at + features]) for row in solution) for at in (0, features))
    return LinearPart(0.0, level, change, tuple(row[-1] for row in solution))


def products_of(part: Sequences, model: Model) -> Floats:
    """Return the sums (STRETCHES, S, S) of products z z' over the rows that train.

    z: the inputs, their changes, 1 and the labels: S = 2 F + 1 + O.
    """
    size = 2 * len(model.encoder.names) + 1 + model.schema.outputs
    sums, row = np.zeros((STRETCHES, size, size)), 0
    for z, weight in _chunks(part, model):
        stretch = (row + np.arange(len(z))) * STRETCHES // part.rows
        for k in np.unique(stretch):
            at = (stretch == k) & (weight > 0)
            sums[k] += z[at].T @ (z[at] * weight[at, None])
        row += len(z)
    return sums


def _chunks(part: Sequences, model: Model) -> Iterator[tuple[Floats, Floats]]:
    """Yield z (rows, S) with the weights (rows,) of so many rows at a time."""
    size = 2 * len(model.encoder.names) + 1 + model.schema.outputs
    left, weights = np.empty((0, size)), np.empty(0)
    for data in part.blocks(TRAINED):
        z, weight = _rows(data, model)
        left, weights = np.concatenate([left, z]), np.concatenate([weights, weight])
        while len(left) >= CHUNK_ROWS:
            yield left[:CHUNK_ROWS], weights[:CHUNK_ROWS]
            left, weights = left[CHUNK_ROWS:], weights[CHUNK_ROWS:]
    if len(left):
        yield left, weights


def _rows(data: SequenceData, model: Model) -> tuple[Floats, Floats]:
    """Return z and the weights of a block; the change since the row before is unknown in the first rows of windows."""
    learned = changes(data, model.schema, model.encoder.rules)
    labelled = learned.labelled.copy()
    labelled[data.offsets[:-1][np.diff(data.offsets) > 1]] = False
    weight = np.where(labelled, model.scorer.step_weights(learned.y, learned.labelled, learned.weight), 0.0)
    y = np.where(labelled[:, None], np.asarray(model.task.labels(learned.y), np.float64), 0.0)
    x = with_changes(model.encoder.transform(data), data.offsets)
    return np.hstack([x, np.ones((len(x), 1)), y]), np.asarray(weight, np.float64)


def solved(sums: Floats, outputs: int) -> Floats:
    """Return (2 F + 1, O) the solution of the penalty that is best on stretches by what the others give."""
    total, one = sums.sum(axis=0), -outputs - 1
    errors = np.zeros(len(PENALTIES))
    for products in sums:
        if 0 < products[one, one] < total[one, one]:
            errors += _errors(products, _ridge(total - products, outputs, PENALTIES))
    best: Floats = _ridge(total, outputs, PENALTIES[[errors.argmin()]])[0]
    return best


def _ridge(products: Floats, outputs: int, penalties: Floats) -> Floats:
    """Return the solutions (penalties, 2 F + 1, O) of the normal equations of sums of products (S, S)."""
    n = len(products) - outputs - 1  # inputs and changes; 1 stands behind them
    weight = products[n, n]
    if not weight:
        return np.zeros((len(penalties), n + 1, outputs))
    mean = products[n] / weight
    spread = products / weight - np.outer(mean, mean)
    deviation: Floats = np.sqrt(np.maximum(np.diagonal(spread)[:n], 0))
    unit = np.where(deviation > LEAST * (1 + np.abs(mean[:n])), deviation, np.inf)  # what is constant counts nothing
    values, vectors = np.linalg.eigh(spread[:n, :n] / np.outer(unit, unit))
    right = vectors.T @ (spread[:n, n + 1 :] / unit[:, None])
    shrunk = right / (np.maximum(values, 0)[None, :, None] + penalties[:, None, None] / weight)
    solution = (vectors @ shrunk) / unit[:, None]
    bias = mean[n + 1 :] - np.einsum("f,pfo->po", mean[:n], solution)
    return np.asarray(np.concatenate([solution, bias[:, None]], axis=1))


def _errors(products: Floats, solutions: Floats) -> Floats:
    """Return (penalties,) the sums of the squared errors of solutions (penalties, 2 F + 1, O)."""
    n = solutions.shape[1]
    squares: Floats = np.einsum("pfo,fg,pgo->p", solutions, products[:n, :n], solutions, optimize=True)
    return np.asarray(squares - 2 * np.einsum("pfo,fo->p", solutions, products[:n, n:]))
