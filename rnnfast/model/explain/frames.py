"""Explanations as DataFrames: `Model.explain` and `Model.importance`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rnnfast.data import SequenceData, read_table
from rnnfast.data.frames import frame_of
from rnnfast.data.reading.request import writing_options
from rnnfast.data.sequences.trailing import without_requests
from rnnfast.model.answers import every_row_once
from rnnfast.model.explain.attribution import Explainer, Method, Model
from rnnfast.model.explain.explained import Explained
from rnnfast.model.explain.importance import REPEATS, Exchange, importance
from rnnfast.model.explain.integrals import POINTS
from rnnfast.model.explain.lines import kinds_of
from rnnfast.model.explain.selection import SEQUENCES, Selection

if TYPE_CHECKING:
    import pandas as pd


def attributions(
    model: Model,
    data: Any,
    *,
    id: str | Sequence[str] = (),
    step: int = -1,
    row: int | None = None,
    sequences: int = SEQUENCES,
    answer: str | None = None,
    baseline: Any = "mean",
    points: int = POINTS,
) -> pd.DataFrame:
    """Explain answers of a model to a table, or to sequences that were read: a line for each step and feature.

    id, step, row, sequences: which answers, as of `Selection`: the last one of each of 100 sequences. answer: the class
    or target; by default the predicted class, or the first target. baseline: "mean", "zero" or (F,) encoded inputs;
    points: of each integral.
    Returns: columns as of `lines.COLUMNS`, after id and time. Attributions of an answer sum to its raw output less that
    for the baseline.
    """
    selection = Selection((id,) if isinstance(id, str) else tuple(map(str, id)), row, step, sequences)
    selection.check(model.schema)
    explainer = Explainer(model, Method(answer, baseline, points))
    if not isinstance(data, SequenceData):
        options = writing_options(model.config.data)
        data = read_table(data, schema=every_row_once(model.schema), require_target=False, **options)
    columns: dict[str, list[Any]] = {name: [] for name in kinds_of(model.schema)}
    for piece in Explained(model, explainer, data, selection):
        for name, cells in piece.items():
            columns[name] += cells
    return frame_of(columns, {})


def importances(
    model: Model, data: Any, y: Any, *, groups: Sequence[str] = (), repeats: int = REPEATS, seed: int = 0
) -> pd.DataFrame:
    """Tell how much features matter to the scores of a table with labels, or of sequences that were read.

    y: labels of arrays, else None. groups: features that are exchanged together, as in "a+b" and "V*", none by default;
    repeats, seed: how often each is exchanged, and of what is drawn.
    Returns: a line for each feature, those that matter most first: score, what it loses, and the spread of that.
    """
    if not isinstance(data, SequenceData):
        data = read_table(data, y, schema=model.schema, **writing_options(model.config.data))
    data = without_requests(data, data, model.config.data)
    result = importance(model, data, Exchange(tuple(groups), repeats, seed))
    entries, count = result.entries, len(result.entries)
    return frame_of(
        {
            "feature": [entry.feature for entry in entries],
            "kind": [entry.kind for entry in entries],
            "metric": [result.metric] * count,
            "score": [result.score] * count,
            "drop": [entry.drop for entry in entries],
            "spread": [entry.spread for entry in entries],
        },
        {},
    )
