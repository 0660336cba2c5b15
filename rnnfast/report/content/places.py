"""Where labelled steps stand in their sequences and in time, and scores by these."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnfast.catalogue import METRICS
from rnnfast.metrics.evaluation import telling
from rnnfast.metrics.slices import Slicing, slice_metrics
from rnnfast.report.content.panel import Panel, Table, numbers, shown, word, words
from rnnfast.tasks.outcomes import Outcomes

MOST_TARGETS = 12  # that have figures of their own

Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Places:
    """Of each of the n labelled steps: step (n,) from 0 in its sequence, length (n,) of that; place (n,) in the table.

    key: (n,) numbers that sort like the times, time: (n,) these as texts; None without times.
    """

    step: Integers
    length: Integers
    place: Integers
    key: NDArray[Any] | None
    time: NDArray[Any] | None

    @classmethod
    def of(cls, outcomes: Outcomes) -> Places:
        """Look the places of labelled steps up."""
        data, rows = outcomes.data, outcomes.rows
        place = data.index.start[outcomes.sequence] + outcomes.step
        own = cls(outcomes.step, data.lengths[outcomes.sequence], place, None, None)
        if data.key is None or data.time is None:
            return own
        return replace(own, key=np.asarray(data.key[rows]), time=np.asarray(data.time[rows], dtype=object))


WHAT = {
    "step": "step of a sequence",
    "share of a sequence": "share of a sequence that is over",
    "steps seen": "number of steps seen",
    "share of the steps seen": "share of the steps seen",
    "length": "length of a sequence",
}


def sliced(slicings: tuple[Slicing, ...]) -> Iterator[Panel]:
    """Yield the metric that says most of each slice, of slicings with two slices or more."""
    for slicing in slicings:
        metrics = slice_metrics(slicing.slices[0].metrics) if slicing.slices else []
        drawn = [one for one in slicing.slices if metrics and one.metrics.get(metrics[0]) is not None]
        if len(drawn) < 2:
            continue
        metric, what = metrics[0], WHAT.get(slicing.by, word(slicing.by))
        others = metrics[1:2]
        yield Panel(
            kind="slices",
            name=f"score-by-{slicing.by.replace(' ', '-')}",
            title=f"{metric} by {what}",
            caption=f"From {shown(min(one.metrics[metric] or 0 for one in drawn))} to "
            f"{shown(max(one.metrics[metric] or 0 for one in drawn))}, of {len(drawn)} groups.",
            columns={
                "group": words(one.value for one in drawn),
                "value": numbers([one.metrics[metric] for one in drawn]),
                **{f"other{k}": numbers([one.metrics[name] for one in drawn]) for k, name in enumerate(others)},
                "rows": tuple(one.labelled_steps for one in drawn),
            },
            headings={
                "group": f"{what[0].upper()}{what[1:]}",
                "value": metric,
                **{f"other{k}": name for k, name in enumerate(others)},
                "rows": "Rows",
            },
        )


def horizons(outcomes: Outcomes, per_target: dict[str, Any]) -> Panel | None:
    """Return the metric that says most of each target or horizon; None where there is one alone."""
    if len(per_target) < 2:
        return None
    figures = next(iter(per_target.values()))
    # Errors of several targets have several units.
    metrics = telling(figures) if len(outcomes.data.schema.targets) > 1 else slice_metrics(figures)
    others = [name for name in (*telling(figures), "mae") if name in figures and name != metrics[0]]
    drawn = {name: figures for name, figures in per_target.items() if figures.get(metrics[0]) is not None}
    what = what_answers(outcomes)
    return Panel(
        kind="slices",
        name="score-by-target",
        title=f"{metrics[0]} by {what.lower()}",
        caption=f"Of the {len(drawn)} answers to a row.",
        columns={
            "group": words(drawn),
            "value": numbers([figures[metrics[0]] for figures in drawn.values()]),
            **{f"other{k}": numbers([one.get(name) for one in drawn.values()]) for k, name in enumerate(others)},
        },
        headings={
            "group": what,
            "value": metrics[0],
            **{f"other{k}": METRICS[name].phrase for k, name in enumerate(others)},
        },
    )


def what_answers(outcomes: Outcomes) -> str:
    """Return what several answers to a row differ in."""
    schema = outcomes.data.schema
    if not schema.horizons:
        return "Target"
    return "Target and steps ahead" if len(schema.targets) > 1 else "Steps ahead"


def drawn_targets(outcomes: Outcomes) -> range:
    """Return which targets have figures of their own: all but those beyond MOST_TARGETS."""
    return range(min(len(outcomes.data.schema.targets), MOST_TARGETS))


def worst(slicing: Slicing, outcomes: Outcomes) -> Table | None:
    """Return the scores of the ids whose loss is highest; of one labelled step each what is true and what is said."""
    if len(slicing.slices) < 2:
        return None
    heads: tuple[str, ...]
    cells: list[tuple[str, ...]]
    if all(one.labelled_steps == 1 for one in slicing.slices):  # whose metrics are 0 or 1
        heads, words = ("Truth", "Answer"), _words(outcomes)
        cells = [words.get(one.value, ("–", "–")) for one in slicing.slices]
    else:
        heads = ("Rows", *slice_metrics(slicing.slices[0].metrics)[:3])
        cells = [
            (f"{one.labelled_steps:,}", *(shown(one.metrics.get(name)) for name in heads[1:])) for one in slicing.slices
        ]
    rows = tuple((word(one.value), *texts) for one, texts in zip(slicing.slices, cells, strict=True))
    return Table(f"Highest loss of {slicing.of:,}", (f"{slicing.by[0].upper()}{slicing.by[1:]}", *heads), rows)


def _words(outcomes: Outcomes) -> dict[str, tuple[str, str]]:
    """Return truth and answer of each id, or sequence, as texts."""
    data, target, facts = outcomes.data, outcomes.task.target, outcomes.task.facts
    words = {}
    for sequence, y, answer in zip(outcomes.sequence.tolist(), outcomes.y[:, 0], outcomes.answers, strict=True):
        name = str(data.ids[sequence]) or f"row {data.row[data.offsets[sequence]]}"
        if not facts.classes:
            words[name] = (shown(float(y)), shown(float(answer[0])))
            continue
        several = facts.output_per_class
        at = int(answer.argmax()) if several else int(answer[0] >= target.threshold)
        share = float(answer[at]) if several else float(answer[0] if at else 1 - answer[0])
        words[name] = (word(target.classes[int(y)]), f"{word(target.classes[at])} ({shown(100 * share, 3)} %)")
    return words
