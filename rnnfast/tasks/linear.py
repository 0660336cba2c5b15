"""The linear baseline: outputs that are linear in the inputs of the current step alone, fitted to the training labels.

    quantities      ridge regression: minimises sum w (Bx + b - y)^2 + |B|^2, y scaled, by the normal equations
    classes         logistic regression, of several classes softmax: minimises the sum of w times the log loss
                    + |B|^2 / 2, by Newton's method; a step is halved until the loss falls

w is the weight of a step in the loss of the network; biases are free. The minima are those of scikit-learn's Ridge and
LogisticRegression as they are by default. A model that uses what came before should be better.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import combinations_with_replacement
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnfast.catalogue import LOSSES
from rnnfast.errors import UsageError
from rnnfast.records import Record, Share
from rnnfast.records import replace as changed

Floats = NDArray[np.float64]

MOST_NUMBERS = 1 << 25  # of the Hessian
MOST_STEPS = 100  # of Newton's method
MOST_HALVINGS = 10
PRECISION = 1e-12  # share of the loss that another step may gain
LEAST_PENALTY = 1e-9  # of biases: a column that is constant leaves them undetermined


class Linear(Record, frozen=True):
    """weight: (O, F); bias: (O,); threshold: probability from which on it predicts the second of two classes."""

    weight: tuple[tuple[float, ...], ...]
    bias: tuple[float, ...]
    threshold: Share = 0.5

    def fits(self, features: int, outputs: int) -> bool:
        """Whether it has so many inputs and outputs."""
        return len(self.bias) == len(self.weight) == outputs and {len(row) for row in self.weight} == {features}

    def by(self, threshold: float) -> Linear:
        """Return the same with another threshold."""
        return changed(self, threshold=threshold)

    def outputs(self, inputs: NDArray[Any]) -> Floats:
        """Return raw outputs (n, O) for encoded inputs (n, F)."""
        return np.asarray(inputs @ np.array(self.weight).T + np.array(self.bias))


class Steps(NamedTuple):
    """Labelled steps of a block: x (n, F) encoded, y (n, targets) as the loss compares them, weight (n,)."""

    x: Floats
    y: Floats
    weight: Floats


Blocks = Callable[[], Iterable[Steps]]


def fit_linear(blocks: Blocks, features: int, outputs: int, loss: str) -> Linear:
    """Fit the baseline of a loss; blocks: yields the training steps, each time that it is called.

    Raises UsageError where there are too many inputs and outputs.
    """
    classes = LOSSES[loss].logits
    size = features + 1
    softmax = LOSSES[loss].per_step
    if size**2 * (outputs**2 if classes else 1) > MOST_NUMBERS:
        raise UsageError(
            f"--baseline linear: {features:,} inputs and {outputs:,} outputs are too many for it; leave it out"
        )
    penalty = np.append(np.ones(features), LEAST_PENALTY)
    start = np.zeros((size, outputs))
    solution = logistic(blocks, penalty, start, softmax) if classes else _ridge(blocks, penalty, start)
    return Linear(tuple(map(tuple, solution[:-1].T.tolist())), tuple(solution[-1].tolist()))


def _with_one(x: Floats) -> Floats:
    return np.hstack([x, np.ones((len(x), 1))])


def _ridge(blocks: Blocks, penalty: Floats, start: Floats) -> Floats:
    """Return the solution (F + 1, O) of the normal equations; start: zeros."""
    squares, products = np.diag(penalty), start
    for steps in blocks():
        x = _with_one(steps.x)
        squares += x.T @ (x * steps.weight[:, None])
        products += x.T @ (steps.y * steps.weight[:, None])
    return np.asarray(np.linalg.solve(squares, products))


def logistic(blocks: Blocks, penalty: Floats, start: Floats, softmax: bool) -> Floats:
    """Return (F + 1, O), the weights of logistic regressions, or of a softmax, and of 1.

    penalty: (F + 1,) of their squares, halved; start: (F + 1, O), any weights.
    """
    solution, step, outputs = start, np.zeros_like(start), start.shape[1]
    best, halvings = np.inf, 0
    for _ in range(MOST_STEPS):
        trial = solution + step * 0.5**halvings
        loss, slope, curves = _log_loss(blocks, trial, penalty, softmax)
        if not loss < best:
            if halvings == MOST_HALVINGS:
                break
            halvings += 1
            continue
        solution, best, halvings = trial, loss, 0
        slopes = slope.T.reshape(len(curves), -1)  # of all outputs together with softmax, else one by one
        step = np.asarray(-np.linalg.solve(curves, slopes[..., None]).reshape(outputs, -1).T, np.float64)
        if -(slope * step).sum() <= PRECISION * loss:
            break
    return solution


def _log_loss(blocks: Blocks, solution: Floats, penalty: Floats, softmax: bool) -> tuple[float, Floats, Floats]:
    """Return the penalised loss, its gradient (F + 1, O), and the Hessian.

    The Hessian is (O, F + 1, F + 1), as outputs are independent; with softmax (1, O (F + 1), O (F + 1)).
    """
    loss = float((penalty[:, None] * solution**2).sum()) / 2
    slope = penalty[:, None] * solution
    size, outputs = solution.shape
    curves = np.zeros((outputs, size, outputs, size))
    curves[np.arange(outputs), :, np.arange(outputs)] = np.diag(penalty)
    for steps in blocks():
        x, weight = _with_one(steps.x), steps.weight[:, None]
        z = x @ solution
        if softmax:
            norm = np.logaddexp.reduce(z, axis=1, keepdims=True)
            y = np.zeros_like(z)
            np.put_along_axis(y, steps.y.astype(np.int64), 1.0, axis=1)
        else:
            norm, y = np.logaddexp(0.0, z), steps.y
        loss += float((weight * norm).sum() - (weight * y * z).sum())
        p = np.exp(z - norm)
        slope += x.T @ (weight * (p - y))
        for k, j in combinations_with_replacement(range(outputs), 2):
            if k == j or softmax:
                products = x.T @ (x * (weight[:, 0] * p[:, k] * ((k == j) - p[:, j]))[:, None])
                curves[k, :, j] += products
                curves[j, :, k] += products if j != k else 0
    if softmax:
        return loss, slope, curves.reshape(1, outputs * size, outputs * size)
    return loss, slope, curves[np.arange(outputs), :, np.arange(outputs)]
