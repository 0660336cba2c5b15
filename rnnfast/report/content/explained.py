"""Which inputs matter: to one answer, step by step, and to the scores of a part."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from rnnfast.data import SequenceData
from rnnfast.errors import UsageError
from rnnfast.model.explain.attribution import Explainer, Method, outputs_of
from rnnfast.model.explain.importance import Exchange, importance
from rnnfast.model.model import Model
from rnnfast.report.content.panel import POINTS, Panel, numbers, shown, word, words
from rnnfast.report.content.sequences import Drawn, Stretch
from rnnfast.tasks.outcomes import Outcomes

FEATURES = 5  # of an attribution that are drawn
MOST = 20  # features of the importance that are drawn
REPEATS = 3
WORK = 4_000_000  # rows that importance answers at most, all features and repeats together


class Attribution(NamedTuple):
    """What moves one answer; columns: those of x that move it most, the first most."""

    panel: Panel
    columns: tuple[int, ...]


def explainer_of(model: Model) -> Explainer:
    """Return what explains a model, beside the mean training row where its file tells it."""
    try:
        return Explainer(model)
    except UsageError:
        return Explainer(model, Method(baseline="zero"))


def attribution(explainer: Explainer, outcomes: Outcomes, stretch: Stretch) -> Attribution | None:
    """Explain the answer that a stretch is about; None where the model has none there."""
    data, row = outcomes.data, stretch.rows[stretch.focus : stretch.focus + 1]
    outputs, name = outputs_of(explainer.model, data, row, None)
    one = next(explainer.explain(data, row, outputs), None)
    if one is None:
        return None
    magnitude = np.abs(one.attribution).sum(axis=0)
    order = np.argsort(-magnitude, kind="stable")[:FEATURES]
    first = max(0, one.own - POINTS // len(order) + 1)
    steps = range(first, min(one.own + 1, first + POINTS // len(order)))
    cells = [(t, int(j)) for t in steps for j in order]
    share = shown(float(magnitude[order].sum() / (magnitude.sum() or 1.0)) * 100, 3)
    title = Drawn(outcomes, stretch).title
    panel = Panel(
        kind="attribution",
        name=f"{stretch.mark}-attribution",
        title=f"{title}: what moved the answer",
        caption=f"How much each input adds to the raw output for {word(name)}, from {shown(one.start)} to "
        f"{shown(one.end)}, at the step with the highest loss (0). "
        + (f"These {len(order)} inputs are {share} % of it." if len(explainer.features) > len(order) else ""),
        columns={
            "step": tuple(t - one.own for t, _ in cells),
            "feature": tuple(word(explainer.features[j].name) for _, j in cells),
            "adds": numbers([one.attribution[t, j] for t, j in cells], 4),
        },
        headings={"step": "Steps from the explained one", "feature": "Input", "adds": "Adds to the output"},
    )
    return Attribution(panel, tuple(explainer.features[int(j)].column for j in order))


def importances(model: Model, data: SequenceData) -> Panel:
    """Return what the score loses where the values of a feature are those of another sequence."""
    answers = REPEATS * (1 + len(model.schema.columns))
    most = max(WORK // answers, 1)
    if data.rows > most:
        step = -(-data.rows // most)
        data = data.take(np.arange(0, data.sequences, step))
    result = importance(model, data, Exchange(repeats=REPEATS))
    entries = result.entries[:MOST]
    return Panel(
        kind="importance",
        name="importance",
        title="What the score loses without an input",
        caption=f"{result.metric} is {shown(result.score)} as it is; each input in turn gets the values of another "
        f"sequence, {result.repeats} times, with the spread of these. The order of the steps is "
        "shuffled in the same way.",
        columns={
            "feature": words(entry.feature for entry in entries),
            "drop": numbers([entry.drop for entry in entries], 4),
            "spread": numbers([entry.spread for entry in entries], 4),
        },
        headings={"feature": "Input", "drop": f"Loss of {result.metric}", "spread": "Spread"},
    )
