"""The thresholds of the baselines of a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rnnfast.config.rules import Rule
from rnnfast.tasks.operating import baseline_threshold

if TYPE_CHECKING:
    from rnnfast.model import Model
    from rnnfast.tasks.outcomes import Outcomes


def set_baseline_thresholds(model: Model, rule: Rule, outcomes: Outcomes, where: str) -> None:
    """Give each baseline the threshold that the rule of its model chooses for it.

    outcomes: the answers by which that of the model is chosen, with those of the baselines beside them; where: names
    them. Writes: model.linear, model.trees.
    """
    if model.linear is not None:
        model.linear = model.linear.by(baseline_threshold(rule, outcomes, outcomes.linear, where))
    if model.trees is not None:
        model.trees = model.trees.by(baseline_threshold(rule, outcomes, outcomes.trees, where))
