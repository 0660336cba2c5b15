"""Scores of the answers of all folds of a cross-validation together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from rnnfast.metrics.evaluation import Evaluation, Scores
from rnnfast.model import Model
from rnnfast.tasks.base import Floats, Weight
from rnnfast.tasks.outcomes import weighty


class Fold(Protocol):
    """What is asked of a fold: see FoldResult."""

    model: Model
    evaluation: Evaluation
    y: NDArray[Any]
    answers: NDArray[Any]
    weight: NDArray[Any] | None

    @property
    def metrics(self) -> Scores:
        """Scores of its test part."""


def pooled(folds: Sequence[Fold]) -> Evaluation:
    """Score them; the loss is the mean of the folds' by their labelled steps."""
    first = folds[0]
    y, answers = (np.concatenate([getattr(fold, name) for fold in folds]) for name in ("y", "answers"))
    task = first.model.task
    weights = [fold.weight for fold in folds if fold.weight is not None]
    say, weight = weighty(np.concatenate(weights).astype(np.float64) if weights else None)
    steps = [fold.evaluation.labelled_steps for fold in folds]
    scores = Scores(
        float(np.average([fold.metrics.loss for fold in folds], weights=steps)),
        task.figures(y[say], answers[say], weight=weight),
        task.threshold(),
        task.per_target(y[say], answers[say], weight),
    )
    confusion = task.confusion(y[say], answers[say], weight)
    if len({fold.model.threshold for fold in folds}) > 1:
        scores = _at_own_thresholds(folds, scores, y[say], say, weight)
        confusion = np.sum([fold.evaluation.confusion or [] for fold in folds], axis=0).tolist()
    return Evaluation(
        task=task.facts.name,
        labelled_steps=len(y),
        metrics=scores,
        confusion=confusion,
        residuals=task.residuals(y, answers),
        classes=first.evaluation.classes,
        loss_title=first.evaluation.loss_title,
        meaningless=task.meaningless(y),
    )


def _at_own_thresholds(
    folds: Sequence[Fold], scores: Scores, y: Floats, say: slice | NDArray[Any], weight: Weight
) -> Scores:
    """Return the scores of what each model says by its own threshold; ranks and probabilities stay.

    y, weight: of the steps that metrics see; say: which ones these are.
    """
    task = folds[0].model.task
    positive = np.concatenate([fold.answers >= fold.model.threshold for fold in folds])[say].astype(np.float64)
    figures = task.repeated_figures(y, positive, weight)
    per_target = {
        name: {**scores.per_target[name], **of_target}
        for name, of_target in task.per_target(y, positive, weight, repeated=True).items()
    }
    return Scores(scores.loss, {**scores.figures, **figures}, None, per_target)
