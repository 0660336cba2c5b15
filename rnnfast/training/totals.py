"""Areas under the curves of a part of which only a sample is scored, over all its rows, from what its shards count."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from rnnfast.data import Sequences
from rnnfast.metrics.evaluation import Evaluation
from rnnfast.metrics.tally import COARSE, Tally, merged, ranking, tally
from rnnfast.model import Model
from rnnfast.model.questions import scored_rows
from rnnfast.reporter import Reporter

EXACT_STEPS = 50_000_000  # labelled ones, up to which each score counts by itself
STEP_BYTES = 80  # of a step in this process while the tallies of all shards become one


def ranked(model: Model, part: Sequences, evaluation: Evaluation, name: str, reporter: Reporter) -> Evaluation:
    """Put auroc and auprc over all rows of a part in the place of those of a sample; name: of the part.

    Returns the scores as they are where the task has no such areas.
    """
    figures = evaluation.metrics.figures
    if "auroc" not in figures:
        return evaluation
    room = EXACT_STEPS if part.room is None else part.room.free // STEP_BYTES
    coarse = 0 if part.labelled_steps <= min(EXACT_STEPS, room) else COARSE
    train = replace(model.config.train, threads=model.config.train.threads or 1)
    light = replace(model, linear=None, trees=None, config=replace(model.config, train=train))
    areas = ranking(merged(part.each_shard(tallied, light, coarse)), coarse)
    if np.isnan(areas.auroc):
        return evaluation
    bounds = f", from histograms: right to {areas.auroc_bound:.1g} and {areas.auprc_bound:.1g}" if coarse else ""
    reporter.notice(f"{name}: auroc and auprc are of all {part.labelled_steps:,} labelled steps{bounds}")
    figures = {**figures, "auroc": areas.auroc, "auprc": areas.auprc}
    return replace(evaluation, metrics=replace(evaluation.metrics, figures=figures))


def tallied(part: Sequences, model: Model, coarse: int) -> Tally:
    """Count what a model answers to a part by score, where it lies."""
    pieces = [Tally(np.zeros(0, np.uint64), np.zeros(0), np.zeros(0))]
    for block in part.in_context(model.context_of(part.schema)).blocks():
        outcomes = model.outcomes(scored_rows(block))
        say, weight = outcomes.say
        pieces.append(tally(outcomes.y[say].ravel() == 1, outcomes.answers[say].ravel(), weight, coarse))
        pieces = [merged(pieces)]
    return pieces[0]
