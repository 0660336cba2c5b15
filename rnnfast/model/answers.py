"""Answers of a model for a table: columns with a line for each row or sequence; arrays in the shape of the input."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from rnnfast.data import Schema, SequenceData
from rnnfast.data.sequences.spans import spans
from rnnfast.metrics.conformal import Region
from rnnfast.tasks.base import Task, Texts


def every_row_once(schema: Schema) -> Schema:
    """Cut windows so that every row is a step of exactly one sequence.

    Windows that overlap or leave rows out are for training; per-step predictions use windows end to end.
    """
    if schema.predict == "every" and schema.window is not None:
        return replace(schema, stride=schema.window)
    return schema


class Answers(NamedTuple):
    """What a model answers to the rows of a table.

    values: (rows, O) as of `Task.answers`; spread: (rows, O) standard deviation over the networks of an ensemble, None
    of a single network. region: that holds the truth with a promised share, None where none is asked for.
    """

    values: npt.NDArray[Any]
    spread: npt.NDArray[Any] | None = None
    region: Region | None = None

    def columns(
        self, task: Task, steps: npt.NDArray[np.int64] | tuple[npt.NDArray[np.int64], ...] | slice, texts: Texts
    ) -> dict[str, Any]:
        """Return the columns of a file for some rows; texts: turns (lines,) numbers into what a column holds."""
        values = self.values[steps]
        columns: dict[str, Any] = dict(task.columns(values, texts))
        if self.spread is not None:
            columns |= task.spread_columns(values, self.spread[steps], texts)
        if self.region is not None:
            low, high = (
                np.broadcast_to(bound, (*self.values.shape[:-1], bound.shape[-1]))[steps] for bound in self.region
            )
            columns |= task.region_columns(values, Region(low, high), texts)
        return columns


class Predictions(NamedTuple):
    """Lines of the output.

    rows: (lines,) input row of each, ascending where each step is predicted; columns: of texts and numbers, by name.
    """

    rows: npt.NDArray[np.int64]
    columns: dict[str, Any]


def as_they_are(values: npt.NDArray[Any]) -> Any:
    """Return numbers as a column that has their type, for a DataFrame."""
    return values


def lines(
    task: Task,
    data: SequenceData,
    predicted: Answers,
    steps: npt.NDArray[np.int64],
    texts: Texts,
    beside: Mapping[str, Any] | None = None,
) -> Predictions:
    """Return lines of the output: ids and times as texts, other columns that stand beside them, the answers.

    predicted: in the order of data.x; steps: (lines,) which of them the lines are of; texts: as of `Answers.columns`.
    """
    columns = {**keys(data, steps), **(beside or {}), **predicted.columns(task, steps, texts)}
    return Predictions(data.row[steps], columns)


def keys(data: SequenceData, steps: npt.NDArray[np.int64]) -> dict[str, Any]:
    """Return the columns that say what a line is about: the id and the time of steps, where there are some."""
    schema, columns = data.schema, {}
    if schema.id is not None:
        sequence = np.repeat(np.arange(data.sequences), data.lengths)
        columns[schema.id] = np.asarray(data.ids, dtype=object)[sequence[steps]].tolist()
    if schema.time is not None and data.time is not None:
        columns[schema.time] = np.asarray(data.time)[steps].tolist()
    return columns


def steps_of(data: SequenceData) -> npt.NDArray[np.int64]:
    """Return the index into data.x of each line: last steps, or all steps in the order of the input rows."""
    return data.offsets[1:] - 1 if data.schema.predict == "last" else np.argsort(data.row, kind="stable")


def first_answers(data: SequenceData, answered: int) -> npt.NDArray[np.int64]:
    """Return the steps, in the order of the input rows, whose row has no answer yet.

    answered: place in the ordered table up to which there are answers. Of windows that overlap, as those of a part do,
    the first one answers: there most rows come before a row.
    """
    start, lengths = data.index.start, data.lengths
    before = np.maximum.accumulate(np.append(answered, (start + lengths)[:-1]))
    new = np.flatnonzero(spans(start, lengths) >= np.repeat(before, lengths))
    return new[np.argsort(data.row[new], kind="stable")]


def like_arrays(data: SequenceData, predicted: npt.NDArray[Any], X: Any) -> Any:
    """Return answers in the shape of the arrays X that data was read from.

    predicted: (rows, O) in the order of data.x.
    Returns: (n, T, O), or a list of (T_i, O) for a list; (n, O) of models of the last step, with windows one for each.
    """
    answers = predicted[steps_of(data)]
    if data.schema.predict == "last":
        return answers
    if isinstance(X, list):
        return np.split(answers, np.cumsum([len(piece) for piece in X])[:-1])
    return answers.reshape(*np.shape(X)[:2], -1)
