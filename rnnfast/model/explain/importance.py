"""Permutation importance over whole sequences (Breiman 2001): how much worse the score is where a feature is another's.

A sequence gets the values of a feature from another one, drawn at random, at the same steps counted from the last one;
where that is shorter, its first value stands before. So values keep their order in time and only whom they belong to is
lost. A table of one sequence has its values turned round by a random number of rows instead.

Order: the rows of each sequence are put in random order, with their labels where each row has one. What changes is what
came before, and nothing else: a model that scores as well does not use it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnfast.catalogue import METRICS, lower_is_better
from rnnfast.data import SequenceData
from rnnfast.diagnose.machine import cores
from rnnfast.errors import UsageError, did_you_mean
from rnnfast.metrics.evaluation import deciding
from rnnfast.model.explain.features import features_of
from rnnfast.model.linear_part import LinearPart
from rnnfast.model.members import Committee
from rnnfast.model.questions import Question, scored_rows
from rnnfast.records import Record

Model = Any  # rnnfast.model.Model, whose module needs this one
Integers = NDArray[np.int64]

REPEATS = 5
STREAM = 13  # of the random numbers
ORDER = "(order of the steps)"


@dataclass(frozen=True)
class Exchange:
    """What is exchanged between sequences, beside each feature.

    groups: of names, as in "a+b" and "V*". repeats: of each, the same ones for all features; seed: of what is drawn.
    """

    groups: tuple[str, ...] = ()
    repeats: int = REPEATS
    seed: int = 0


class Entry(Record, frozen=True):
    """What the score loses without a feature. kind: feature, group or order; drop, spread: mean and deviation."""

    feature: str
    kind: str
    drop: float
    spread: float


class Importance(Record, frozen=True):
    """What `explain --importance --json` prints.

    metric: by which it is told; score: of the table as it is; drop: above 0 where the score is worse without. entries:
    the order of the steps, the features and the groups, those that matter most first.
    """

    task: str
    metric: str
    score: float
    repeats: int
    labelled_steps: int
    sequences: int
    entries: tuple[Entry, ...]


def importance(model: Model, data: SequenceData, exchange: Exchange) -> Importance:
    """Tell how much each feature, some groups of them and the order of the steps matter to the scores of data.

    Raises UsageError for groups of no feature, DataError where data has no label.
    """
    groups, repeats, seed = exchange.groups, exchange.repeats, exchange.seed
    if repeats < 1:
        raise UsageError(f"--repeats {repeats}: expected 1 or more")
    named = {feature.name: feature.inputs for feature in features_of(model.encoder)}
    joined = {group: np.concatenate([named[name] for name in _members(group, named)]) for group in groups}
    trial = Trial(model, scored_rows(data))
    worse = np.empty((repeats, 1 + len(named) + len(joined)))
    for repeat in range(repeats):
        generator = np.random.default_rng([seed, STREAM, repeat])
        source = exchanged(trial.question.offsets, generator)
        worse[repeat, 0] = trial.shuffled(generator)
        for j, inputs in enumerate((*named.values(), *joined.values()), 1):
            worse[repeat, j] = trial.without(inputs, source)
    drops = worse - trial.score if trial.lower else trial.score - worse
    kinds = ["order", *["feature"] * len(named), *["group"] * len(joined)]
    entries = [
        Entry(name, kind, float(drop.mean()), float(drop.std(ddof=1)) if repeats > 1 else 0.0)
        for name, kind, drop in zip((ORDER, *named, *joined), kinds, drops.T, strict=True)
    ]
    return Importance(
        task=model.schema.task,
        metric=trial.metric,
        score=trial.score,
        repeats=repeats,
        labelled_steps=trial.labelled_steps,
        sequences=data.sequences,
        entries=tuple(sorted(entries, key=lambda entry: -entry.drop)),
    )


def _members(group: str, names: Any) -> Iterator[str]:
    """Yield the features of a group. Raises UsageError for one that matches none."""
    columns = []
    for pattern in group.split("+"):
        matches = [name for name in names if name == pattern or fnmatchcase(name, pattern)]
        if not matches:
            raise UsageError(f"--groups {group}: no feature {pattern!r}{did_you_mean(pattern, names)}")
        columns += matches
    yield from dict.fromkeys(columns)


def exchanged(offsets: Integers, generator: np.random.Generator) -> Integers:
    """Return (rows,) from which row each one gets values: of another sequence, at the same step from its last one."""
    lengths, count = np.diff(offsets), len(offsets) - 1
    if count < 2:
        return np.roll(np.arange(offsets[-1]), int(generator.integers(1, max(int(offsets[-1]), 2))))
    donor = np.repeat(generator.permutation(count), lengths)
    back = np.repeat(offsets[1:], lengths) - 1 - np.arange(offsets[-1])
    source: Integers = offsets[donor + 1] - 1 - np.minimum(back, lengths[donor] - 1)
    return source


class Trial:
    """Scores a model on data whose inputs are changed.

    question: all inputs, which are put back after each change. metric: the most telling one of the task; lower: whether
    less of it is better; score: as the data is.
    """

    def __init__(self, model: Model, data: SequenceData) -> None:
        # A linear part answers inputs as they were changed, so that it belongs to what is asked.
        self.model, self.data, self.questions = model, data, replace(model, linear_part=None).questions(data)
        self.question: Question = self.questions.joined()
        self.inputs = self.question.inputs.reshape(int(self.question.offsets[-1]), -1)
        threads = model.config.train.threads or cores()
        networks = Committee(model.architecture, model.members, threads)
        self.committee = networks if model.linear_part is None else Beside(networks, model.linear_part)
        # With labels in each row these may move with it, if each has an answer.
        self.moves = model.schema.predict == "every" and model.architecture.stride == 1
        evaluation = model.scorer.evaluate(model.scorer.outcomes(data, self._outputs(self.committee)))
        self.labelled_steps = evaluation.labelled_steps
        self.metric = deciding(evaluation.metrics) or "loss"
        self.score = float(evaluation.metrics[self.metric])
        self.lower = self.metric == "loss" or lower_is_better(self.metric)

    def without(self, inputs: Integers, source: Integers) -> float:
        """Return the score where some inputs are those of other rows; source: (rows,) which."""
        own = self.inputs[:, inputs].copy()
        self.inputs[:, inputs] = own[source]
        score = self._score(self.committee)
        self.inputs[:, inputs] = own
        return score

    def shuffled(self, generator: np.random.Generator) -> float:
        """Return the score where the rows of each sequence are in random order."""
        rows = len(self.inputs)
        sequence = np.repeat(np.arange(len(self.question.offsets) - 1), np.diff(self.question.offsets))
        order = np.lexsort((generator.random(rows), sequence))
        own = self.inputs.copy()
        self.inputs[:] = own[order]
        score = self._score(Moved(self.committee, order) if self.moves else self.committee)
        self.inputs[:] = own
        return score

    def _outputs(self, predictor: Any) -> NDArray[Any]:
        return np.asarray(self.model.task.average(self.questions.outputs(predictor, self.question)))

    def _score(self, predictor: Any) -> float:
        outcomes = self.model.scorer.outcomes(self.data, self._outputs(predictor))
        if self.metric == "loss":
            return float(self.model.scorer.loss(outcomes.raw, outcomes.y, self.data, outcomes.at))
        say, weight = outcomes.say
        y, answers = outcomes.y[say], outcomes.answers[say]
        value = self.model.task.figures(y, answers, (METRICS[self.metric],), weight)[self.metric]
        return float("nan") if value is None else float(value)


class Beside:
    """Answers as networks and the linear part beside them do together."""

    def __init__(self, networks: Committee, linear_part: LinearPart) -> None:
        self.networks, self.linear_part = networks, linear_part

    def outputs_of(self, features: NDArray[Any], offsets: Integers) -> NDArray[Any]:
        """Return outputs (members, rows, O)."""
        outputs = self.networks.outputs_of(features, offsets) * self.linear_part.factor
        return np.asarray(outputs + self.linear_part.outputs(features.reshape(outputs.shape[1], -1), offsets))


class Moved:
    """Gives outputs back to the rows that were moved; order: (rows,) which row stands at each place."""

    def __init__(self, committee: Committee | Beside, order: Integers) -> None:
        self.committee, self.place = committee, np.argsort(order)

    def outputs_of(self, features: NDArray[Any], offsets: Integers) -> NDArray[Any]:
        """Return outputs (members, rows, O), each of its own row."""
        return self.committee.outputs_of(features, offsets)[:, self.place]
