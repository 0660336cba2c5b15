"""Answers of a model for the steps after the last known row of each id, round by round.

Each round answers as many steps as the model sees ahead: step k by its horizon h, the next one that is k or more, from
the row h - k before the last one. Of a model without horizon a row answers for itself; with a lagged target a round is
one step. Answers are fed back as the lagged target of the next round.

    T   rows of an id up to the last known one       n   rows that are there, with the requests behind them
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnfast.data import SequenceData
from rnnfast.data.columns.steps import Common
from rnnfast.data.sequences.spans import ends, spans
from rnnfast.data.sequences.tails import clock_ahead
from rnnfast.errors import DataError
from rnnfast.model.answers import Answers
from rnnfast.model.members import Committee
from rnnfast.model.model import Model

Integers = NDArray[np.int64]
Steps = NDArray[np.bool_]
Disturb = Callable[[NDArray[Any], Integers], NDArray[Any]]


@dataclass(frozen=True)
class Ends:
    """The ends of some ids. block: their last rows, of `tails`; history: (ids,) rows up to the last known one, T.

    steps: (ids, most) bool, the steps after it that are to be answered; shared: as of `common_times`.
    """

    block: SequenceData
    history: Integers
    steps: Steps
    shared: Common | None = None


def reach(model: Model, most: int) -> int:
    """Return how many steps a round answers; most: steps that are asked for."""
    return model.schema.horizon or (1 if model.schema.lag_target else most)


def rollout(model: Model, ids: Ends) -> tuple[Answers, SequenceData]:
    """Return the answers (ids, steps, O), NaN where none is asked for or the id is too short for it; O as of predict.

    With several horizons O is the number of targets. Rows of features must be there for all steps that need some. Each
    network of an ensemble goes on from its own answers: the mean of their courses is the answer, and how far these
    differ its spread, which grows with the steps.
    Returns: them, and the rows of the table from which they were given, at their places.
    """
    courses = [course(network, ids) for network in model.networks]
    answers = np.stack([values for values, _ in courses])
    return Answers(answers.mean(axis=0), answers.std(axis=0) if len(courses) > 1 else None), courses[0][1]


def course(model: Model, ids: Ends, disturb: Disturb | None = None) -> tuple[NDArray[Any], SequenceData]:
    """Do what `rollout` says with a single network; disturb: moves answers (n, O) of horizons (n,), fed back or not."""
    schema, most = model.schema, ids.steps.shape[1]
    span = reach(model, most)
    rows = _Rows.of(model, ids)
    width = schema.outputs // len(schema.ahead)
    answers = np.full((*ids.steps.shape, width), np.nan)
    last = np.where(ids.steps.any(axis=1), most - ids.steps[:, ::-1].argmax(axis=1), 0)
    before_last_round = (last - 1) // span * span
    feeds: Steps = np.less_equal(np.arange(1, most + 1), before_last_round[:, None])
    for first in range(0, int(last.max(initial=0)), span):
        gaps = np.isnan(answers[:, :first, 0]) & feeds[:, :first]
        whole = ~np.any(gaps, axis=1)  # an id that is too short for a step lacks the next round, too
        in_round = (feeds | ids.steps)[:, first : first + span] & whole[:, None]
        of_id, step = np.nonzero(in_round)
        number = np.searchsorted(schema.ahead, step + 1) if schema.horizon else np.zeros(len(step), np.int64)
        horizon = np.asarray(schema.ahead)[number]
        origin = ids.history[of_id] + first + step - horizon  # the row that answers: its own one without horizon
        there = origin >= 0
        of_id, step, number, origin = of_id[there], step[there], number[there], origin[there]
        if not len(of_id):
            continue
        outputs = rows.answers(of_id, origin).reshape(len(of_id), len(schema.ahead), width)
        values = outputs[np.arange(len(of_id)), number]
        values = values if disturb is None else disturb(values, number)
        answers[of_id, first + step] = values
        if schema.lag_target:
            rows.feed(of_id, ids.history[of_id] + first + step, values)
    return np.where(ids.steps[:, :, None], answers, np.nan), rows.shown()


@dataclass(frozen=True)
class _Rows:
    """Rows of ids, those there are and those ahead, end to end. offsets: (ids + 1,) of both; row: of the input, or -1.

    features: (rows, F) original units, with what is derived of them and of the time; lagged: (rows, targets) what the
    next step may know of the target.
    """

    model: Model
    committee: Committee
    block: SequenceData
    offsets: Integers
    row: Integers
    features: NDArray[Any]
    lagged: NDArray[Any]
    first: Integers
    stop: Integers

    @classmethod
    def of(cls, model: Model, ids: Ends) -> _Rows:
        """Make room for the steps that are asked for."""
        block, schema = ids.block, model.schema
        lengths = np.maximum(block.lengths, ids.history + ids.steps.shape[1])
        offsets = ends(lengths)
        there = spans(offsets[:-1], block.lengths)
        row = np.full(offsets[-1], -1, dtype=np.int64)
        features = np.full((offsets[-1], schema.first_lag), np.nan)
        lagged = np.full((offsets[-1], len(schema.targets)), np.nan)
        row[there], features[there] = block.row, block.x[:, : schema.first_lag]
        if schema.lag_target:
            lagged[there] = block.y
        if schema.clock and (lengths > block.lengths).any():
            ahead = clock_ahead(block, lengths - block.lengths, ids.shared)
            behind = spans(offsets[:-1] + block.lengths, lengths - block.lengths)
            features[behind, schema.first_lag - ahead.shape[1] :] = ahead
        first, stop = block.lengths.copy(), np.zeros(block.sequences, dtype=np.int64)
        return cls(model, model.committee(), block, offsets, row, features, lagged, first, stop)

    def feed(self, of_id: Integers, places: Integers, answers: NDArray[Any]) -> None:
        """Take answers for the targets of rows: of two classes the predicted one. places: within the ids."""
        model = self.model
        labels = (
            answers if not model.schema.classes else (answers.astype(np.float64) >= model.threshold).astype(np.float64)
        )
        self.lagged[self.offsets[of_id] + places] = labels

    def answers(self, of_id: Integers, origin: Integers) -> NDArray[Any]:
        """Answer from rows of ids, (n, O), each from the rows that `predict` would show it; origin: (n,) within ids."""
        schema = self.model.schema
        if schema.window is None:  # all rows of an id see the same past: one sequence answers from several of its rows
            owner, sequence = np.unique(of_id, return_inverse=True)
            length = np.zeros(len(owner), dtype=np.int64)
            np.maximum.at(length, sequence, origin + 1)
            start, place = np.zeros(len(owner), dtype=np.int64), origin
        else:
            owner, sequence = of_id, np.arange(len(of_id))
            context = self.model.context_of(schema)
            left = origin if schema.predict == "last" else origin // context.cell * context.cell
            start = np.maximum(left - context.before, 0)
            stop = origin + 1
            if context.after:
                stop = np.minimum(left + context.cell + context.after, np.diff(self.offsets)[of_id])
            length, place = stop - start, origin - start
        np.minimum.at(self.first, owner, start)
        np.maximum.at(self.stop, owner, start + length)
        data = self._cut(owner, start, length)
        outputs = self.model.outputs(data, self.committee)[data.offsets[sequence] + place]
        return np.asarray(self.model.task.answers(outputs))

    def shown(self) -> SequenceData:
        """Return the rows of the table that answers looked at, of each id with such rows."""
        length = np.minimum(self.stop, self.block.lengths) - self.first
        owner = np.flatnonzero(length > 0)
        data = self._cut(owner, self.first[owner], length[owner])
        return replace(data, start=self.block.index.start[owner] + self.first[owner])

    def _cut(self, owner: Integers, start: Integers, length: Integers) -> SequenceData:
        """Return sequences of rows of ids, as the model reads them."""
        schema, offsets = self.model.schema, ends(length)
        places = spans(self.offsets[owner] + start, length)
        inputs = [self.features[places]]
        if schema.clock and np.isnan(inputs[0][:, -1]).any():
            raise DataError(
                f"{', '.join(self.block.source)}, column {schema.time!r}: the times have no step that could be "
                "continued, and the model has inputs that are made of them; answer fewer steps, or train without "
                "(--no-calendar, --time-delta off)"
            )
        if schema.lag_target:
            lag = self.lagged[places] if schema.horizon else self.lagged[np.maximum(places - 1, 0)]
            if not schema.horizon:
                lag[offsets[:-1][start == 0]] = np.nan  # nothing comes before the first row of an id
            inputs.append(lag)
        block = self.block
        return SequenceData(
            x=np.ascontiguousarray(np.column_stack(inputs)),
            y=np.empty((len(places), 0)),
            offsets=offsets,
            ids=np.asarray(block.ids, dtype=object)[owner],
            row=self.row[places],
            time=None,
            schema=replace(schema, window=None, stride=None),  # each is answered by itself
            source=block.source,
            digest="",  # of no file
            categories=block.categories,
            origin=block.origin,
        )
