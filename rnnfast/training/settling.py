"""What the validation part decides once weights stand: linear part, temperature, threshold and intervals."""

from __future__ import annotations

import time

from rnnfast.data import SequenceData, Sequences
from rnnfast.model import Model
from rnnfast.model.provenance import Operating
from rnnfast.records import UnsetType
from rnnfast.reporter import Reporter
from rnnfast.tasks.outcomes import Outcomes
from rnnfast.training.intervals import set_intervals
from rnnfast.training.linear_part import set_linear_part
from rnnfast.training.loop import Fit
from rnnfast.training.operating import set_operating
from rnnfast.training.replies import Replies


def settle(
    model: Model,
    train: Sequences,
    valid: SequenceData | None,
    fit: Fit,
    reporter: Reporter,
    outside: Outcomes | None = None,
) -> tuple[Replies | None, Operating | UnsetType]:
    """Set what the validation part decides. Writes: the model, and what it took into the seconds of the fit.

    valid: the sample of that part; outside: out-of-bag answers of an ensemble.
    Returns: answers to the part, where there is one, and how threshold and temperature were chosen.
    """
    start = time.perf_counter()
    set_linear_part(model, train, valid, reporter)
    replies = None if valid is None else Replies(model, valid)
    operating = set_operating(model, train, replies, outside, reporter)
    set_intervals(model, train, replies)
    fit.eval_seconds += time.perf_counter() - start
    return replies, operating
