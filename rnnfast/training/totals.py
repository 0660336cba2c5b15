"""Loss and areas under curves of a part of which only a sample is scored, over all its rows, from what shards sum."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from rnnfast.data import Sequences
from rnnfast.metrics.evaluation import Scores
from rnnfast.metrics.tally import COARSE, Tallies, Tally, merged, ranking, tally
from rnnfast.model import Model
from rnnfast.model.questions import scored_rows

AREAS = ("auroc", "auprc")
EXACT_STEPS = 50_000_000  # labelled ones, up to which each score counts by itself
STEP_BYTES = 80  # of a step in this process while the tallies of all shards become one


class Totals(NamedTuple):
    """What a model answers to a part. loss, mass: sums, whose ratio is the loss; tally: empty where nobody asks."""

    loss: float
    mass: float
    tally: Tally


def of_all(model: Model, part: Sequences, scores: Scores) -> tuple[Scores, str]:
    """Put the loss and the areas over all rows of a part in the place of those of a sample.

    Returns: the scores, and which of them are of all steps, in words.
    """
    room = EXACT_STEPS if part.room is None else part.room.free // STEP_BYTES
    coarse = 0 if part.labelled_steps <= min(EXACT_STEPS, room) else COARSE
    names = [name for name in AREAS if name in scores.figures]
    train = replace(model.config.train, threads=model.config.train.threads or 1)
    light = replace(model, linear=None, trees=None, config=replace(model.config, train=train))
    totals = part.each_shard(totalled, light, coarse if names else None)
    areas = ranking(merged([one.tally for one in totals]), coarse)
    figures, bounds = dict(scores.figures), ""
    if np.isnan(areas.auroc):
        names = []
    elif coarse:
        exactness = " and ".join(f"{getattr(areas, f'{name}_bound'):.1g}" for name in names)
        bounds = f", {' and '.join(names)} from histograms: right to {exactness}"
    figures |= {name: getattr(areas, name) for name in names}
    mass = sum(one.mass for one in totals)
    loss = sum(one.loss for one in totals) / mass if mass else math.nan
    shown = ", ".join(["loss", *names])
    words = f"{shown} of all {part.labelled_steps:,} labelled steps{bounds}"
    return replace(scores, loss=loss, figures=figures), words


def totalled(part: Sequences, model: Model, coarse: int | None) -> Totals:
    """Sum what a model answers to a part, where it lies; coarse: None where the order of scores does not matter."""
    loss, mass, counts = 0.0, 0.0, Tallies()
    for block in part.in_context(model.context_of(part.schema)).blocks():
        outcomes = model.outcomes(scored_rows(block))
        of_block = model.scorer.total(outcomes)
        loss, mass = loss + of_block[0], mass + of_block[1]
        if coarse is not None:
            say, weight = outcomes.say
            positive, score = outcomes.y[say].ravel() == 1, outcomes.answers[say].ravel()
            counts.add(tally(positive, score, weight, coarse))
    return Totals(loss, mass, counts.whole)
