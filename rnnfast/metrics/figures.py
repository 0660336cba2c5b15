"""Figures of merit by the formulas of binary.py, multiclass.py and regression.py.

A formula gives an array (R,), a figure for each time that rows are summed (whole.py), NaN where it is undefined. The
figures of a table are Python floats, or None where they have no meaning, so that a result is always valid JSON.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from rnnfast.catalogue import Metric, implementation

Figures = dict[str, float | None]
Measures = dict[str, NDArray[Any]]
Counts = list[list[int | float]]  # of a confusion matrix: weights of rows, whole numbers where these are

Answers = TypeVar("Answers")


def measures(
    metrics: Iterable[Metric],
    formulas: Mapping[str, Callable[[Answers], NDArray[Any]]],
    answers: Answers,
    *,
    rows: int,
    uncertain: bool = False,
) -> Measures:
    """Compute metrics by their formulas, name -> (R,).

    rows: without any, all figures are NaN. uncertain: an answer is NaN, so that what needs probabilities is NaN.
    """
    undefined = np.full(1, np.nan)
    with np.errstate(over="ignore", invalid="ignore"):
        return {
            metric.name: undefined
            if not rows or (uncertain and metric.probability)
            else implementation("metric", metric.name, formulas)(answers)
            for metric in metrics
        }


def figures(values: Mapping[str, NDArray[Any]]) -> Figures:
    """Return the first of each metric's figures, None where JSON could not hold it (NaN, infinity)."""
    return {name: float(value[0]) if math.isfinite(value[0]) else None for name, value in values.items()}


def counted(weights: Iterable[Iterable[float]]) -> Counts:
    """Return sums of weights as JSON has them: whole numbers as such, as those of rows that weigh alike are."""
    return [[int(value) if float(value).is_integer() else float(value) for value in row] for row in weights]
