"""Sequences drawn step by step: what goes in, what the model answers and what is true."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnfast.data import SequenceData
from rnnfast.errors import UsageError, did_you_mean
from rnnfast.metrics.conformal import Conformal, level_of
from rnnfast.metrics.loss import step_losses
from rnnfast.report.content.panel import Panel, numbers, word, words
from rnnfast.tasks.outcomes import Outcomes

STEPS = 300  # of a sequence that are drawn
BESIDE = 60  # rows of a table without id that are drawn on either side of a window
INPUTS = 3  # features that are drawn

Integers = NDArray[np.int64]


class Stretch(NamedTuple):
    """Rows to draw. rows: (m,) of the data, in the order of the table; focus: which of the m it is about; mark: unique
    on a page; about: why it is drawn.
    """

    rows: Integers
    focus: int
    mark: str
    about: str


def worst_and_typical(outcomes: Outcomes) -> Iterator[Stretch]:
    """Yield the sequence, or id, with the highest mean loss and that with the median one."""
    losses = step_losses(outcomes.task.target.loss, outcomes.raw, outcomes.task.labels(outcomes.y))
    owners, code = np.unique(outcomes.owner, return_inverse=True)
    mean = np.bincount(code, losses) / np.bincount(code)
    order = np.argsort(-mean, kind="stable")
    yield _stretch(
        outcomes, int(owners[order[0]]), losses, "worst", f"The worst: its mean loss is the highest of {len(owners):,}"
    )
    if len(owners) > 2:
        middle = int(owners[order[len(owners) // 2]])
        yield _stretch(
            outcomes, middle, losses, "typical", f"A typical one: half of all {len(owners):,} have a higher mean loss"
        )


def of_id(outcomes: Outcomes, name: str) -> Stretch:
    """Return the rows of an id. Raises UsageError where no step that was scored is of that id."""
    data = outcomes.data
    names = np.asarray(data.ids).astype(str)[outcomes.sequence]
    steps = np.flatnonzero(names == str(name))
    if not len(steps) or data.schema.id is None:
        near = did_you_mean(str(name), set(names.tolist()))
        raise UsageError(f"sequence({name!r}): no step that was scored has this id{near}")
    losses = step_losses(outcomes.task.target.loss, outcomes.raw, outcomes.task.labels(outcomes.y))
    return _stretch(outcomes, int(outcomes.owner[steps[0]]), losses, "sequence", "Chosen by its id")


def _stretch(outcomes: Outcomes, owner: int, losses: NDArray[np.float64], mark: str, about: str) -> Stretch:
    """Return the rows of an owner, or around a window, that follow each other around the step of highest loss."""
    data = outcomes.data
    own = np.flatnonzero(outcomes.owner == owner)
    peak = int(own[np.argmax(losses[own])])
    place = np.repeat(data.index.start - data.offsets[:-1], data.lengths) + np.arange(data.rows)
    if data.schema.id is None:
        first, stop = place[outcomes.rows[own[0]]] - BESIDE, place[outcomes.rows[own[-1]]] + BESIDE
        rows = np.flatnonzero((place >= first) & (place <= stop))
    else:
        sequences = np.flatnonzero(data.index.owner == owner)
        rows = np.concatenate([np.arange(data.offsets[k], data.offsets[k + 1]) for k in sequences])
    # Windows overlap: of a row that is in several, the one with its label.
    rows = rows[np.lexsort((~outcomes.at[rows], place[rows]))]
    rows = rows[np.append(True, np.diff(place[rows]) > 0)]
    gaps = np.cumsum(np.append(0, np.diff(place[rows]) > 1))
    focus = int(np.searchsorted(place[rows], place[outcomes.rows[peak]]))
    rows, focus = rows[gaps == gaps[focus]], focus - int(np.searchsorted(gaps, gaps[focus]))
    first = max(0, min(focus - STEPS // 2, len(rows) - STEPS))
    return Stretch(rows[first : first + STEPS], focus - first, mark, about)


def title_of(data: SequenceData, row: int) -> str:
    """Return what the sequence around a row is called: by its id, or the number of the row."""
    if data.schema.id is None:
        return f"Around row {int(data.row[row]):,}"
    sequence = int(np.searchsorted(data.offsets, row, side="right")) - 1
    return f"{word(data.schema.id)} {word(data.ids[sequence])}"


class Band(NamedTuple):
    """Ends of intervals, "low" and "high" (m,), and what a caption says of them."""

    columns: dict[str, NDArray[np.float64]]
    caption: str


@dataclass(frozen=True, eq=False)
class Drawn:
    """A stretch with what the model answers there.

    inputs: columns of x to draw, those that matter most first. bounds: of the model's intervals.
    """

    outcomes: Outcomes
    stretch: Stretch
    inputs: tuple[int, ...] = ()
    bounds: Conformal | None = None

    @property
    def title(self) -> str:
        """What the stretch is called."""
        return title_of(self.outcomes.data, int(self.stretch.rows[self.stretch.focus]))

    @property
    def steps(self) -> tuple[dict[str, tuple[Any, ...]], dict[str, str]]:
        """The columns that say which step it is, and their headings."""
        data, rows = self.outcomes.data, self.stretch.rows
        place = np.repeat(data.index.start - data.offsets[:-1], data.lengths)[rows] + rows
        first, _ = data.id_bounds
        owner = np.searchsorted(first, place, side="right") - 1
        number = place - first[owner] + 1
        if data.schema.id is None and (np.diff(data.row[rows]) > 0).all():
            number = data.row[rows]  # as other commands count the rows of a table
        steps = {"step": tuple(number.tolist())}
        headings = {"step": "Step" if data.schema.id is not None else "Row"}
        if data.time is not None and data.schema.time is not None:
            steps["time"] = words(np.asarray(data.time[rows], dtype=object))
            headings["time"] = word(data.schema.time)
        return steps, headings

    def answers(self, j: int = 0) -> Panel:
        """Return answers beside labels of target j."""
        outcomes, rows = self.outcomes, self.stretch.rows
        labelled = outcomes.at[rows]
        y = np.where(labelled, outcomes.data.y[rows, j].astype(np.float64), np.nan)
        answers = np.asarray(outcomes.task.answers(outcomes.outputs[rows]), np.float64)
        columns, headings = self.steps
        values, names, facts = self._series(y, answers, j)
        band = self._band(answers, j)
        of = f" of {word(outcomes.task.target.names[j])}" if len(outcomes.data.schema.targets) > 1 else ""
        each = "" if labelled.all() else " Where no label stands, the answer that it would give after this step."
        return Panel(
            kind="answers",
            name=f"{self.stretch.mark}-answers{f'-{j + 1}' if j else ''}",
            title=f"{self.title}: answer and truth{of}",
            caption=f"{self.stretch.about}.{each}{band.caption}",
            columns=columns | {name: numbers(column) for name, column in (values | band.columns).items()},
            headings=headings | names | {name: f"Interval, {name} end" for name in band.columns},
            facts=facts,
        )

    def _series(
        self, y: NDArray[np.float64], answers: NDArray[np.float64], j: int
    ) -> tuple[dict[str, NDArray[np.float64]], dict[str, str], dict[str, Any]]:
        """Return columns, headings and facts; the second series are the labels, or the other classes."""
        target = self.outcomes.task.target
        if self.outcomes.task.facts.output_per_class:
            labels = y[~np.isnan(y)]
            truth = np.where(np.isnan(y), labels[-1] if len(labels) else 0, y).astype(np.int64)
            of_truth = answers[np.arange(len(answers)), truth]
            others = answers.copy()
            others[np.arange(len(answers)), truth] = -1
            true = word(target.classes[truth[-1]]) if len(set(truth.tolist())) == 1 else "the true class"
            names = {"prediction": f"Probability of {true}", "truth": "Highest of another class"}
            return {"prediction": of_truth, "truth": others.max(axis=1)}, names, {"second": "line", "unit": True}
        name = word(target.names[j])
        values = {"prediction": answers[:, j], "truth": y}
        if self.outcomes.task.facts.classes:
            positive = word(target.classes[1])
            names = {
                "prediction": f"Probability of {positive}",
                "truth": "Truth" if positive == "1" else f"Truth (1: {positive})",
            }
            return values, names, {"second": "points", "unit": True, "threshold": target.threshold}
        return values, {"prediction": f"Predicted {name}", "truth": f"Actual {name}"}, {"second": "line", "unit": False}

    def _band(self, answers: NDArray[np.float64], j: int) -> Band:
        """Return the interval around answers (m, O) of target j; an empty one of classes and without bounds."""
        outcomes, bounds = self.outcomes, self.bounds
        if bounds is None or outcomes.task.facts.classes:
            return Band({}, "")
        spread = None if outcomes.deviations is None else outcomes.deviations[self.stretch.rows]
        level = level_of(bounds)
        region = bounds.within(bounds.region(level, spread), answers)
        low, high = (np.broadcast_to(side, answers.shape)[:, j] + answers[:, j] for side in region)
        return Band({"low": low, "high": high}, f" The band is the interval of {level} %.")

    def input_panel(self) -> Panel | None:
        """Return a few inputs, each in standard deviations from its mean over the part; None where none changes."""
        data, rows = self.outcomes.data, self.stretch.rows
        schema, x = data.schema, data.x
        numeric = [j for j, name in enumerate(schema.columns) if name not in schema.categorical]
        shown_inputs = [j for j in self.inputs if j in numeric][:INPUTS] or _changing(x[rows], numeric)
        if not shown_inputs:
            return None
        scaled = _standardised(x[:, shown_inputs], rows)
        columns, headings = self.steps
        named = {f"input{k}": word(schema.columns[j]) for k, j in enumerate(shown_inputs)}
        matter = "that add most to the explained answer" if self.inputs else "that change most"
        most = f"{len(shown_inputs)} inputs {matter}" if len(shown_inputs) > 1 else "An input"
        return Panel(
            kind="inputs",
            name=f"{self.stretch.mark}-inputs",
            title=f"{self.title}: inputs",
            caption=f"{most}, in standard deviations from the mean.",
            columns=columns | {name: numbers(scaled[:, k], 4) for k, name in enumerate(named)},
            headings=headings | named,
        )


def _standardised(x: NDArray[np.float64], rows: Integers) -> NDArray[np.float64]:
    """Return rows of x (n, k) in standard deviations from the mean of their column; NaN stays."""
    filled = ~np.isnan(x)
    count = np.maximum(filled.sum(axis=0), 1)
    mean = np.where(filled, x, 0).sum(axis=0) / count
    spread = np.sqrt(np.where(filled, (x - mean) ** 2, 0).sum(axis=0) / count)
    return np.asarray((x[rows] - mean) / np.where(spread > 0, spread, 1))


def _changing(x: NDArray[np.float64], numeric: list[int]) -> list[int]:
    """Return the columns whose values (m, F) change most beside their size, in the order of the table."""

    def moves(j: int) -> float:
        values = x[~np.isnan(x[:, j]), j]
        size = float(np.abs(values).mean()) if len(values) else 0.0
        return float(values.std()) / size if size > 0 else 0.0

    return sorted(sorted((j for j in numeric if moves(j) > 0), key=moves, reverse=True)[:INPUTS])
