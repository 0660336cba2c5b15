"""Which figures labels have, and computing those that are asked for.

A metric is an entry of METRICS in the catalogue and a formula of the same name in the module of its labels: binary.py,
multiclass.py or regression.py. Every figure is a Python float, or None where it has no meaning, so that a result is
always valid JSON.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from rnnfast.catalogue import Metric, implementation

Figures = dict[str, float | None]

Answers = TypeVar("Answers")


def figures(
    metrics: Iterable[Metric],
    formulas: Mapping[str, Callable[[Answers], float | None]],
    answers: Answers,
    *,
    rows: int,
    uncertain: bool = False,
) -> Figures:
    """Compute metrics by their formulas.

    rows: without any, all figures are None. uncertain: an answer is NaN, so that what needs probabilities is None.
    """
    return {
        metric.name: None
        if not rows or (uncertain and metric.probability)
        else implementation("metric", metric.name, formulas)(answers)
        for metric in metrics
    }


def finite(value: float) -> float | None:
    """Return the value, or None where JSON could not hold it (NaN, infinity)."""
    return value if math.isfinite(value) else None
