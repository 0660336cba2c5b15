"""What chooses the weights by the validation part: the loss or a metric (--monitor), and of how many epochs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from rnnfast.catalogue import LOSS, listed, lower_is_better, metrics_of
from rnnfast.data import SequenceData
from rnnfast.errors import UsageError
from rnnfast.model import Model

SPLIT = "--split makes one"


def check_choice(model: Model, valid: SequenceData | None) -> None:
    """Raise UsageError for a metric that the task does not have, or the validation part; None: there is no such part.

    Whether a metric has a value depends on the labels: auroc has none on one class. The naive answer shows it.
    """
    monitor, average, facts = model.config.train.monitor, model.config.train.average, model.task.facts
    if average > 1 and valid is None:
        raise UsageError(f"--average {average} chooses epochs by the validation part, and there is none; {SPLIT}")
    if monitor == LOSS:
        return
    names = [LOSS, *(metric.name for metric in metrics_of(facts.labels))]
    if monitor not in names:
        raise UsageError(f"--monitor {monitor}: {facts.what}; use {listed(names, 'or')}")
    if valid is None:
        raise UsageError(f"--monitor {monitor} watches the validation part, and there is none; {SPLIT}")
    naive = model.task.naive_outputs()
    if model.scorer.quick(valid, np.broadcast_to(naive, (valid.rows, len(naive))), monitor)[monitor] is None:
        raise UsageError(
            f"--monitor {monitor}: it has no value on the labels of the validation part; use another figure or --split"
        )


def cost(monitor: str, scores: Mapping[str, Any]) -> float:
    """Return the figure as a number to make small: itself, or its negative; NaN where it is undefined."""
    value = scores[monitor]
    if value is None:
        return math.nan
    return float(value) if lower_is_better(monitor) else -float(value)
