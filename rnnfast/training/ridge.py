"""Ridge regression by sums over stretches of rows, one after the other.

The penalty is that with the least error on each stretch by what the others give: rows near each other are alike, so
that rows drawn at random would say too little of later ones.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

PENALTIES = np.logspace(-2, 4, 13)  # of inputs with a standard deviation of 1
LEAST = 1e-6  # deviation of what is not constant, as a share of its level: rounding leaves up to 1e-7 of a constant


def solved(sums: Floats, outputs: int) -> Floats:
    """Return (F + 1, O) the weights of F inputs, and of 1, for sums (stretches, S, S) of products z z'.

    z: the inputs, 1 and the labels: S = F + 1 + O.
    """
    total, one = sums.sum(axis=0), -outputs - 1
    errors = np.zeros(len(PENALTIES))
    for products in sums:
        if 0 < products[one, one] < total[one, one]:
            errors += _errors(products, _ridge(total - products, outputs, PENALTIES))
    best: Floats = _ridge(total, outputs, PENALTIES[[errors.argmin()]])[0]
    return best


def _ridge(products: Floats, outputs: int, penalties: Floats) -> Floats:
    """Return the solutions (penalties, F + 1, O) of the normal equations of sums of products (S, S)."""
    n = len(products) - outputs - 1  # inputs; 1 stands behind them
    weight = products[n, n]
    if not weight:
        return np.zeros((len(penalties), n + 1, outputs))
    mean = products[n] / weight
    spread = products / weight - np.outer(mean, mean)
    deviation: Floats = np.sqrt(np.maximum(np.diagonal(spread)[:n], 0))
    unit = units(mean[:n], deviation)
    values, vectors = np.linalg.eigh(spread[:n, :n] / np.outer(unit, unit))
    right = vectors.T @ (spread[:n, n + 1 :] / unit[:, None])
    shrunk = right / (np.maximum(values, 0)[None, :, None] + penalties[:, None, None] / weight)
    solution = (vectors @ shrunk) / unit[:, None]
    bias = mean[n + 1 :] - np.einsum("f,pfo->po", mean[:n], solution)
    return np.asarray(np.concatenate([solution, bias[:, None]], axis=1))


def units(mean: Floats, deviation: Floats) -> Floats:
    """Return what inputs are divided by: their deviation, infinity where they are constant, so that they count 0."""
    return np.where(deviation > LEAST * np.abs(mean), deviation, np.inf)


def _errors(products: Floats, solutions: Floats) -> Floats:
    """Return (penalties,) the sums of the squared errors of solutions (penalties, F + 1, O)."""
    n = solutions.shape[1]
    squares: Floats = np.einsum("pfo,fg,pgo->p", solutions, products[:n, :n], solutions, optimize=True)
    return np.asarray(squares - 2 * np.einsum("pfo,fo->p", solutions, products[:n, n:]))
