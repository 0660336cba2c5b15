"""Intervals of a trained model, by its answers to the validation part."""

from __future__ import annotations

from rnnfast.data import SequenceData
from rnnfast.model import Model
from rnnfast.model.intervals import fit_intervals
from rnnfast.model.questions import scored_rows


def set_intervals(model: Model, valid: SequenceData | None) -> None:
    """Give a trained model the bounds of its errors by the sample of its validation part, where there is one."""
    if valid is None:
        return
    outcomes = model.outcomes(scored_rows(valid))
    if len(outcomes.y):
        model.intervals = fit_intervals(outcomes, "valid")
