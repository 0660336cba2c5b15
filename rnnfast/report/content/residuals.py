"""Errors of quantities: answers beside labels, and residuals, label less answer, by what they may depend on."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from rnnfast.report.content.panel import POINTS, Panel, numbers, shown, word, words
from rnnfast.report.content.places import Places
from rnnfast.tasks.outcomes import Outcomes

GROUPS = 20  # of residuals by something, of about as many rows each
STREAM = 21  # of the random numbers
TARGETS = 2  # of several that are drawn: the first and the last

Floats = NDArray[np.float64]


def residuals(outcomes: Outcomes, places: Places) -> Iterator[Panel]:
    """Yield the panels of the first and the last target, or horizon; nothing for classes."""
    if outcomes.task.facts.classes:
        return
    names = outcomes.task.target.names
    for j in sorted({0, len(names) - 1})[:TARGETS]:
        yield from _of_target(outcomes, places, j)


def _of_target(outcomes: Outcomes, places: Places, j: int) -> Iterator[Panel]:
    name, several = word(outcomes.task.target.names[j]), len(outcomes.task.target.names) > 1
    truth, answer = outcomes.y[:, j].astype(np.float64), outcomes.answers[:, j]
    mark = f"-{j + 1}" if several else ""
    yield _predicted(truth, answer, name, mark)
    residual = truth - answer
    yield from _by_number(residual, answer, f"by-prediction{mark}", name, f"Predicted {name}")
    yield from _by_number(residual, places.step.astype(np.float64) + 1, f"by-step{mark}", name, "Step of a sequence")
    yield from _by_number(residual, places.length.astype(np.float64), f"by-length{mark}", name, "Steps of a sequence")
    if places.key is not None:
        yield from _by_time(residual, places, f"by-time{mark}", name)


def _predicted(truth: Floats, answer: Floats, name: str, mark: str) -> Panel:
    """Return answers beside labels, of a sample of the rows."""
    drawn = np.arange(len(truth))
    if len(drawn) > POINTS:
        drawn = np.sort(np.random.default_rng([0, STREAM]).choice(drawn, POINTS, replace=False))
    of = f"{len(drawn):,} of {len(truth):,} labelled rows, drawn at random" if len(drawn) < len(truth) else "All rows"
    spread = truth.std() * answer.std()
    related = float(((truth - truth.mean()) * (answer - answer.mean())).mean() / spread) if spread > 0 else None
    return Panel(
        kind="predicted",
        name=f"predicted{mark}",
        title=f"Predicted and actual {name}",
        caption=f"{of}; on the diagonal an answer is right. The correlation is {shown(related, 3)}.",
        columns={"truth": numbers(truth[drawn]), "prediction": numbers(answer[drawn])},
        headings={"truth": f"Actual {name}", "prediction": f"Predicted {name}"},
    )


def _by_number(residual: Floats, by: Floats, name: str, target: str, what: str) -> Iterator[Panel]:
    """Yield the residuals in groups of about as many rows each, rows of one number in one; nothing of one number."""
    edges = np.unique(np.quantile(by, np.arange(1, GROUPS) / GROUPS, method="lower")) if len(by) else by
    code = np.searchsorted(edges, by, side="left")
    if len(np.unique(code)) < 2:
        return
    codes = np.unique(code)
    middle = numbers([np.median(by[code == c]) for c in codes])
    yield _panel(residual, code, name, target, what, middle)


def _by_time(residual: Floats, places: Places, name: str, target: str) -> Iterator[Panel]:
    """Yield the residuals of stretches of time, called by their first time."""
    key, texts = places.key, places.time
    assert key is not None
    assert texts is not None
    rank = np.argsort(np.argsort(key, kind="stable"), kind="stable")
    code = rank * GROUPS // len(rank)
    first = [int(np.argmin(np.where(code == c, rank, len(rank)))) for c in np.unique(code)]
    labels = words(texts[i] for i in first)
    if len(set(labels)) == len(labels) > 1:
        yield _panel(residual, code, name, target, "Time, from", labels)


def _panel(
    residual: Floats, code: NDArray[np.int64], name: str, target: str, what: str, groups: tuple[object, ...]
) -> Panel:
    order = np.argsort(code, kind="stable")
    borders = np.flatnonzero(np.diff(code[order], prepend=-1))
    parts = np.split(residual[order], borders[1:])
    low, middle, high = (numbers([np.quantile(part, share) for part in parts]) for share in (0.1, 0.5, 0.9))
    return Panel(
        kind="residuals",
        name=f"residuals-{name}",
        title=f"Errors by {what[0].lower()}{what[1:].removesuffix(', from')}",
        caption=f"Actual less predicted {target}: the median, and the band of 8 in 10 rows. Above 0 answers are "
        "too low.",
        columns={"by": groups, "rows": tuple(map(len, parts)), "low": low, "middle": middle, "high": high},
        headings={
            "by": what,
            "rows": "Rows",
            "low": "Lowest tenth below",
            "middle": "Median error",
            "high": "Highest tenth above",
        },
        facts={"ordinal": any(isinstance(group, str) for group in groups)},
    )
