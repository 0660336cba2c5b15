"""All that rules may look at, of a training run or of a table that is scored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnfast.config.sections import TrainConfig
from rnnfast.findings.view import FEW_OWNERS, PartView
from rnnfast.records import Record


class Moments(Record, frozen=True):
    """Mean and standard deviation of a column at labelled steps of the training part; error: of the mean, over ids."""

    mean: float
    deviation: float
    error: float | None


@dataclass(frozen=True, eq=False, repr=False)
class Course:
    """How a training went.

    history: rows of history.csv; several: whether there are networks with courses of their own. dead: units of the top
    layer that never change, and all of them; None where that was not looked at. clipped: share of the updates whose
    gradient was clipped; None where none can be.
    """

    config: TrainConfig
    history: Sequence[Mapping[str, Any]] = ()
    epochs: int = 0
    stopped: str = "epochs"
    several: bool = False
    refitted: bool = False
    dead: tuple[int, int] | None = None
    clipped: float | None = None


@dataclass(frozen=True, eq=False, repr=False)
class Evidence:
    """What rules look at.

    views: the parts that were scored, by name. judged: the part that the model is judged by: of a training run the
    validation part where there is one, never the test part. moments: of the training part's columns.
    split_by: the rule that divided a table; None where it was not divided.
    """

    views: Mapping[str, PartView]
    judged: PartView
    moments: Mapping[str, Moments] = field(default_factory=dict)
    split_by: str | None = None
    class_weights: tuple[float, ...] = ()
    course: Course | None = None


def moments_of(view: PartView) -> dict[str, Moments]:
    """Return the moments of each column that holds numbers; of columns without a value there are none."""
    moments = {}
    for j in view.numbers:
        column = view.x[:, j]
        filled = column[~np.isnan(column)]
        if len(filled):
            error = mean_error(column, view.owner)
            moments[view.schema.columns[j]] = Moments(float(filled.mean()), float(filled.std()), error)
    return moments


def mean_error(column: NDArray[np.float64], owner: NDArray[np.int64]) -> float | None:
    """Return the standard error of the mean of a column (m,) over ids; None of too few of them.

    owner: (m,) number of the id of each row, from 0 on.
    """
    known_cells = ~np.isnan(column)
    values, code = column[known_cells], owner[known_cells]
    owners = int(np.count_nonzero(np.bincount(code)))
    if owners < FEW_OWNERS:
        return None
    distance = np.bincount(code, values - values.mean())
    return float(np.sqrt(np.square(distance).sum() * owners / (owners - 1)) / len(values))
