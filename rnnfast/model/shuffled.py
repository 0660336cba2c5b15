"""Whether the order of the steps carries anything: the model scored with the steps of each sequence shuffled.

Of a model of the last step the label stays at the end, and all its steps change places. Else a label goes with its row,
so that the step itself is what it was and only those before it are others. Both scores, in order and shuffled, answer
each sequence by itself, a window without the rows before it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnfast.errors import DataError
from rnnfast.metrics.bootstrap import Difference, paired
from rnnfast.metrics.evaluation import deciding, telling
from rnnfast.metrics.figures import Figures
from rnnfast.model.breakdown import resampled
from rnnfast.records import Record
from rnnfast.tasks.outcomes import Outcomes

if TYPE_CHECKING:
    from rnnfast.data import SequenceData
    from rnnfast.model import Model

STREAM = 11  # of random numbers, beside those of a run
FEATURES = ("x", "row", "key")  # what changes places with a step
LABELS = ("y", "weight", "label_row", "naive")  # what goes with it where each step has a label


class Shuffled(Record, frozen=True):
    """Scores with the steps shuffled, and in order, each sequence by itself.

    metric: the one that says most; difference, interval: of it, in order minus shuffled, at a level in per cent; None
    where it is undefined. order_matters: whether the interval leaves out 0; None without an interval.
    """

    metrics: Figures
    in_order: Figures
    metric: str
    difference: float | None
    interval: tuple[float, float] | None
    level: float
    order_matters: bool | None


def shuffled_scores(model: Model, data: SequenceData, level: float, seed: int = 0) -> Shuffled:
    """Score a model on data as it is, and with its steps shuffled. Raises DataError where no sequence has two steps."""
    if int(data.lengths.max(initial=0)) < 2:
        raise DataError(f"{', '.join(data.source)}: --shuffle-steps: no sequence has two steps to shuffle")
    both = [_outcomes(model, data), _outcomes(model, shuffled(data, seed))]
    figures = []
    for outcomes in both:
        say, weight = outcomes.say
        figures.append(outcomes.task.figures(outcomes.y[say], outcomes.answers[say], weight=weight))
    in_order, other = figures
    metric = deciding(in_order) or telling(in_order)[0]
    values = [resampled(outcomes, seed)[0] for outcomes in both]
    before, after = in_order[metric], other[metric]
    point = None if before is None or after is None else before - after
    compared: Difference | None = None
    if values[0]:
        first, second = ({metric: each[metric]} for each in values)
        compared = paired(first, second, {metric: point}, level)[metric]
    interval = None if compared is None else compared.interval
    matters = None if compared is None else compared.certain
    return Shuffled(other, in_order, metric, point, interval, level, matters)


def shuffled(data: SequenceData, seed: int) -> SequenceData:
    """Copy with the steps inside each sequence in an order drawn at random; see the module for the labels."""
    generator = np.random.default_rng([seed, STREAM])
    sequence = np.repeat(np.arange(data.sequences), data.lengths)
    order = np.lexsort((generator.random(data.rows), sequence))
    moved = FEATURES if data.schema.predict == "last" else (*FEATURES, *LABELS)
    fields: dict[str, Any] = {
        name: None if (values := getattr(data, name)) is None else values[order] for name in moved
    }
    return replace(data, time=None, **fields)


def _outcomes(model: Model, data: SequenceData) -> Outcomes:
    """Answer each sequence by itself: as if no window had rows before it."""
    alone = replace(data, schema=replace(data.schema, window=None, stride=None), around=None, start=None)
    return Outcomes(model.task, data, model.outputs(alone))
