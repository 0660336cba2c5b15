"""Findings and verdict of a saved model on a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rnnfast.findings.evidence import Evidence
from rnnfast.findings.judge import Judgement, TableJudgement, of_table
from rnnfast.findings.view import PartView
from rnnfast.metrics.evaluation import Evaluation
from rnnfast.tasks.outcomes import Outcomes

if TYPE_CHECKING:
    from rnnfast.model.model import Model


def judged(
    model: Model, outcomes: Outcomes, evaluation: Evaluation, part: str, ignored: Sequence[str], last: bool = False
) -> TableJudgement:
    """Judge a model by a table, and the table by the one that trained; ignored: codes that are not told.

    last: only the last labelled step of each sequence was scored, which says nothing about the moments of all steps.
    What the training run was told to ignore stays ignored.
    """
    view = PartView.of(part, outcomes, evaluation, model.encoder.categories, ahead=model.config.model.bidirectional)
    trained = model.provenance.judgement or Judgement()
    evidence = Evidence(
        views={part: view},
        judged=view,
        moments={} if last and model.schema.predict != "last" else trained.moments,
        class_weights=model.class_weights,
    )
    return of_table(evidence, view, (*model.config.data.ignore, *ignored))
