"""Intervals of a model's answers: their bounds fitted on rows that did not train, and looked up by a level."""

from __future__ import annotations

from rnnfast.errors import UsageError
from rnnfast.metrics.conformal import LEVELS, Conformal, Coverage, coverage, fitted
from rnnfast.model.answers import Answers
from rnnfast.tasks.outcomes import Outcomes


def fit_intervals(outcomes: Outcomes, part: str) -> Conformal | None:
    """Fit bounds by answers to labelled steps of a part, each that weighs something; None where these are too few."""
    task, outcomes = outcomes.task, outcomes.counted
    scores = task.nonconformity(outcomes.y, outcomes.answers)
    return fitted(scores, part, two_sided=not task.facts.classes, spread=outcomes.spread)


def bounds_of(bounds: Conformal | None, level: int) -> Conformal:
    """Return the bounds of a model. Raises UsageError where it has none at a level, and says which ones it has."""
    if level not in LEVELS:
        raise UsageError(f"--interval {level}: give one of {', '.join(map(str, LEVELS))}, per cent")
    if bounds is None:
        raise UsageError(
            f"--interval {level}: the model has no intervals, which come from a validation part with labels; "
            "train it with one, as with --split 0.8"
        )
    if level not in bounds.levels:
        levels = ", ".join(map(str, bounds.levels))
        raise UsageError(
            f"--interval {level}: too few for the {bounds.steps:,} labelled steps that intervals come from; "
            f"give one of {levels}"
        )
    return bounds


def with_interval(answers: Answers, bounds: Conformal | None, level: int | None) -> Answers:
    """Put what holds the truth at a level beside answers; None: nothing. Raises as `bounds_of`."""
    if level is None:
        return answers
    bounds = bounds_of(bounds, level)
    return answers._replace(region=bounds.within(bounds.region(level, answers.spread), answers.values))


def covered(outcomes: Outcomes, bounds: Conformal, level: int) -> Coverage:
    """Tell how many labels the intervals of a level hold, and how wide they are."""
    task, outcomes = outcomes.task, outcomes.counted
    region = bounds.within(bounds.region(level, outcomes.spread), outcomes.answers)
    held, widths = task.held(outcomes.y, outcomes.answers, region)
    return coverage(level, held, widths, task.target.names)
