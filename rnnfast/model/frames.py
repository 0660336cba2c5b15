"""Answers to whatever is a table, in the form in which it came: what `Model.predict` gives."""

from __future__ import annotations

from typing import Any

import numpy as np

from rnnfast.data import read_table
from rnnfast.data.frames import frame_beside, with_types
from rnnfast.data.reading.arrays import is_arrays
from rnnfast.data.reading.request import writing_options
from rnnfast.model.answers import as_they_are, every_row_once, like_arrays, lines, steps_of
from rnnfast.model.outlook import Outlook

Model = Any  # rnnfast.model.Model, whose module needs this one


def predicted(model: Model, data: Any, interval: int | None) -> Any:
    """Answer a table, or arrays; arguments and answers as of `Model.predict`."""
    sequences = read_table(
        data, schema=every_row_once(model.schema), require_target=False, **writing_options(model.config.data)
    )
    outlook = Outlook(model.schema, model.encoder, model.config.data, sequences)
    answered = model.answers(outlook.readable(sequences), interval=interval)
    if is_arrays(data):
        return like_arrays(sequences, answered.values, data[0] if isinstance(data, tuple) else data)
    steps = steps_of(sequences)
    times = outlook.times(sequences, steps)
    rows, columns = lines(model.task, sequences, answered, steps, as_they_are, times)
    answers = frame_beside(data, rows, columns, (model.schema.id, model.schema.time))
    unanswered = outlook.empty(sequences, steps)
    for name in answered.columns(model.task, slice(0), as_they_are) if unanswered else ():
        answers[name] = answers[name].where(~np.isin(np.arange(len(answers)), unanswered))
    return with_types(answers, data, dict.fromkeys(times, model.schema.time))
