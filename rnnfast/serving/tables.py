"""Answers to a whole table that came in one request: the lines that `predict` writes."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnfast.config.sections import DataConfig
from rnnfast.data import SequenceData
from rnnfast.data.sources.opening import open_content
from rnnfast.model import Model
from rnnfast.model.answers import Predictions
from rnnfast.model.intervals import bounds_of
from rnnfast.model.outlook import Outlook
from rnnfast.model.predictions import pieces_of, prediction_request, rows_beside
from rnnfast.model.tables import open_files
from rnnfast.online.formats import CsvAnswers, JsonAnswers, check_text

NAME = "<request>"  # of the table, in messages


class TableAnswers(NamedTuple):
    """text: lines of the answers, as JSON or as CSV; rows: how many; alarms: as of `Task.alarms`."""

    text: str
    json: bool
    rows: int
    alarms: int


def answer_table(model: Model, content: bytes, json: bool | None = None, interval: int | None = None) -> TableAnswers:
    """Answer a table of CSV or JSON lines.

    json: whether the answers are JSON lines; None: as the table is. interval: as of `Model.predict`.
    Raises DataError as `predict`, UsageError for an interval that the model does not have.
    """
    check_text(content, NAME)
    if interval is not None:
        bounds_of(model.intervals, interval)
    request = prediction_request(model, DataConfig(cache=False))
    source = open_content(content, NAME, request.files)
    with ExitStack() as opened:
        data = open_files([source], request, opened, None)
        data = data.in_context(model.context_of(data.schema))
        as_json = source.typed if json is None else json
        form = JsonAnswers if as_json else CsvAnswers
        texts = partial(form.numbers, dtype=model.config.train.dtype)
        outlook = Outlook(model.schema, model.encoder, model.config.data, data)
        pieces = pieces_of(model, data, outlook, _beside, texts, interval=interval)
        (piece,) = pieces  # a table in memory is one block
    shown = form(tuple(piece.columns))
    text = shown.start + shown.lines(piece.columns.values())
    return TableAnswers(text, as_json, len(piece.rows), _alarms(model, piece))


def _beside(block: SequenceData, steps: NDArray[np.int64], answers: Sequence[str]) -> dict[str, Any]:
    """Return what stands between keys and answers: the row, where there are no keys."""
    return rows_beside(block, steps)


def _alarms(model: Model, piece: Predictions) -> int:
    """Count the answers that are the second of two classes."""
    schema = model.schema
    if model.task.threshold() is None:
        return 0
    return sum(piece.columns[f"{name}_pred"].count(schema.classes[1]) for name in schema.answers)
