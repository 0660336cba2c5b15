"""Why a network answers a row as it does: how much each feature at each step adds to one of its outputs.

What is explained is the raw output, a logit or a scaled target, beside that for the baseline: the mean training row at
every step, as a network has learned what is usual there. Where it learns changes (`difference`), the change. Rows that
a network does not see, those after the row where it runs forwards alone, are left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnfast.data import SequenceData
from rnnfast.diagnose.machine import cores
from rnnfast.errors import UsageError, did_you_mean
from rnnfast.model.explain.features import Feature, cells, features_of, summed
from rnnfast.model.explain.integrals import POINTS, Path, Slopes, integrals
from rnnfast.model.explain.seen import Baseline
from rnnfast.model.questions import Question

Model = Any  # rnnfast.model.Model, whose module needs this one
Integers = NDArray[np.int64]

BASELINES = ("mean", "zero")


@dataclass(frozen=True)
class Method:
    """How answers are explained.

    answer: the class or target whose output it is; None for the predicted class, or the first target. baseline: "mean"
    of the training rows, "zero" of the encoded inputs, which is no category, or such inputs (F,). points: of each
    integral, more where it is not complete by then.
    """

    answer: str | None = None
    baseline: Any = "mean"
    points: int = POINTS


class Explanation(NamedTuple):
    """One answer, explained.

    place: its number among the rows that were asked for. rows: (T,) input rows of the steps; own: which of the T is
    explained. x: (T, columns) the features as they are in the table. attribution: (T, features) in the unit of the
    output. start, end, error, points: as of Integral.
    """

    place: int
    rows: Integers
    own: int
    x: NDArray[Any]
    attribution: NDArray[np.float64]
    start: float
    end: float
    error: float
    points: int


class Explainer:
    """Explains answers of one model."""

    def __init__(self, model: Model, method: Method | None = None) -> None:
        self.model, self.method = model, method or Method()
        self.features: tuple[Feature, ...] = features_of(model.encoder)
        self.baseline = _baseline(model, self.method.baseline)
        self.slopes = Slopes(
            model.architecture, model.members, model.config.train.threads or cores(), model.linear_part
        )
        self.whole = sees_all(model)

    def explain(self, data: SequenceData, rows: Integers, outputs: Integers) -> Iterator[Explanation]:
        """Yield an explanation of each of some rows of data, (n,), and the number of its output, (n,).

        They come in the order of the table.
        """
        sequence = np.searchsorted(data.offsets, rows, side="right") - 1
        numbers, place = np.unique(sequence, return_inverse=True)
        part = data.take(numbers)
        rows = part.offsets[place] + rows - data.offsets[sequence]
        questions, first = self.model.questions(part), 0
        answer = rows if questions.position is None else questions.position[rows]
        for question in questions:
            answered = np.arange(question.offsets[-1]) if question.rows is None else question.rows
            mine = np.flatnonzero((answer >= first) & (answer < first + len(answered)))
            mine = mine[np.argsort(answer[mine], kind="stable")]
            if len(mine):
                yield from self._of_question(question, mine, answered[answer[mine] - first], outputs[mine])
            first += len(answered)

    def _of_question(
        self, question: Question, places: Integers, rows: Integers, outputs: Integers
    ) -> Iterator[Explanation]:
        """Yield the explanations of some rows of a question."""
        assert question.block is not None
        offsets = question.offsets
        inputs = question.inputs.reshape(int(offsets[-1]), -1)
        sequence = np.searchsorted(offsets, rows, side="right") - 1
        begin, end = offsets[sequence], offsets[sequence + 1] if self.whole else rows + 1
        bounds = list(zip(begin.tolist(), end.tolist(), strict=True))
        own = (rows - begin).tolist()
        paths = [
            Path(inputs[first:stop], step, output)
            for (first, stop), step, output in zip(bounds, own, outputs.tolist(), strict=True)
        ]
        results = integrals(self.slopes, paths, self.baseline, self.method.points)
        for place, (first, stop), step, one in zip(places.tolist(), bounds, own, results, strict=True):
            yield Explanation(
                place,
                question.block.row[first:stop],
                step,
                question.block.x[first:stop].copy(),
                summed(self.features, one.attribution),
                *one[1:],
            )

    def cells(self, x: NDArray[Any], categories: Any) -> list[list[Any]]:
        """Return what the table holds of each feature at some rows x (rows, columns), as of `features.cells`."""
        names = self.model.schema.columns
        return [
            list(cells(feature, x[:, feature.column], categories, names[feature.column])) for feature in self.features
        ]


def _baseline(model: Model, baseline: Any) -> Baseline:
    """Return the inputs that answers are explained beside. Raises UsageError where they are not known."""
    encoder = model.encoder
    inputs, tables = len(encoder.names), [categories for categories, _ in encoder.embeddings]
    if not isinstance(baseline, str):
        return _named(np.asarray(baseline, np.float64), inputs, encoder.numeric_inputs, tables)
    if baseline not in BASELINES:
        raise UsageError(
            f"baseline: {baseline!r} is not one of {', '.join(BASELINES)}{did_you_mean(baseline, BASELINES)}"
        )
    if baseline == "zero":
        return Baseline(np.zeros(inputs), tuple(np.zeros(categories) for categories in tables))
    means, of_categories = model.provenance.input_means or (), model.provenance.category_shares or {}
    shares = tuple(np.asarray(of_categories.get(name, ()), np.float64) for name in encoder.embedded)
    if len(means) != inputs or [len(share) for share in shares] != tables:
        raise UsageError(
            "baseline mean: the model file does not tell the mean of its inputs, as an older rnnfast wrote it; "
            "use --baseline zero, or train it again"
        )
    return Baseline(np.asarray(means, np.float64), shares)


def _named(numbers: NDArray[np.float64], inputs: int, first: int, tables: list[int]) -> Baseline:
    """Return a baseline of numbers, one for each input; first: the first code; tables: categories of each."""
    if numbers.shape != (inputs,):
        raise UsageError(f"baseline: numbers of shape {numbers.shape}; the network has {inputs} inputs")
    codes, shares = numbers[first : first + len(tables)], []
    for code, categories in zip(codes.tolist(), tables, strict=True):
        if code not in range(categories + 1):
            raise UsageError(f"baseline: {code:g} is no code of a category: 0 (none), 1 to {categories}")
        shares.append(np.eye(categories + 1)[int(code), 1:])
    return Baseline(numbers, tuple(shares))


def outputs_of(model: Model, data: SequenceData, rows: Integers, answer: str | None) -> tuple[Integers, str]:
    """Choose the output that is explained at some rows of data: (n,), and say which it is; answer: as of Method.

    Raises UsageError for a name that is none.
    """
    schema = model.schema
    several = bool(schema.classes) and len(schema.classes) == schema.outputs
    names = [str(value) for value in schema.classes] if several else list(schema.answers)
    if answer is not None:
        if answer not in names:
            raise UsageError(f"--answer {answer!r} is not one of {', '.join(names)}{did_you_mean(answer, names)}")
        return np.full(len(rows), names.index(answer)), answer
    if not several:
        return np.zeros(len(rows), np.int64), names[0]
    return _raw(model, data, rows).argmax(axis=1), "the predicted class"


def _raw(model: Model, data: SequenceData, rows: Integers) -> NDArray[Any]:
    """Return the outputs (n, O) that are explained at some rows of data."""
    sequence = np.searchsorted(data.offsets, rows, side="right") - 1
    numbers, place = np.unique(sequence, return_inverse=True)
    part, step = data.take(numbers), rows - data.offsets[sequence]
    raw: NDArray[Any] = model.outputs(part)[part.offsets[place] + step]
    early = np.flatnonzero(step < np.diff(data.offsets)[sequence] - 1)
    if model.linear_part and model.linear_part.convolutions and len(early) and not sees_all(model):
        # Convolutions answer last rows alone: another one is answered as if its sequence ended there.
        part = data.cut(sequence[early], data.offsets[sequence[early]], step[early] + 1).alone()
        raw[early] = model.outputs(part)[part.offsets[1:] - 1]
    return raw


def sees_all(model: Model) -> bool:
    """Whether any row may count in the answer to another: in two directions; a front counts steps from the last one."""
    return bool(model.config.model.bidirectional) or bool(model.architecture.stride > 1)
