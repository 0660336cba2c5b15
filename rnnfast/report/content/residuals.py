"""Errors of quantities: answers beside labels, and residuals, label less answer, by what they may depend on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnfast.report.content.panel import POINTS, Panel, numbers, shown, word, words
from rnnfast.report.content.places import Places, drawn_targets
from rnnfast.tasks.outcomes import Outcomes

GROUPS = 20  # of residuals by something, of about as many rows each
STREAM = 21  # of the random numbers

Floats = NDArray[np.float64]


def residuals(outcomes: Outcomes, places: Places) -> Iterator[Panel]:
    """Yield the panels of each target, at the first and the last horizon; nothing for classes."""
    if outcomes.task.facts.classes:
        return
    width, answers = len(drawn_targets(outcomes)), len(outcomes.task.target.names)
    last = answers - len(outcomes.data.schema.targets) if outcomes.data.schema.horizons else 0
    for j in sorted({first + j for first in (0, last) for j in range(width)}):
        yield from _of_target(outcomes, places, j)


def _of_target(outcomes: Outcomes, places: Places, j: int) -> Iterator[Panel]:
    name, several = word(outcomes.task.target.names[j]), len(outcomes.task.target.names) > 1
    truth, answer = outcomes.y[:, j].astype(np.float64), outcomes.answers[:, j]
    mark = f"-{j + 1}" if several else ""
    yield _predicted(truth, answer, name, mark)
    residual = truth - answer
    group = _Groups(residual, name, mark, f"Errors of {name}" if several else "Errors")
    yield from group.by_number(answer, "prediction", f"Predicted {name}", f"predicted {name}")
    yield from group.by_number(places.step + 1.0, "step", "Step of a sequence", "step of a sequence")
    if outcomes.data.schema.id is not None:  # windows are of one length
        yield from group.by_number(places.length, "length", "Length of a sequence", "length of a sequence")
    if places.key is not None:
        yield from group.by_time(places)


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


@dataclass(frozen=True, eq=False)
class _Groups:
    """Draws the residuals (n,) of a target in groups of rows. mark: of names on the page; title: what they are."""

    residual: Floats
    target: str
    mark: str
    title: str

    def by_number(self, by: NDArray[Any], name: str, heading: str, what: str) -> Iterator[Panel]:
        """Yield groups of about as many rows each, rows of one number in one; nothing of one number."""
        edges = np.unique(np.quantile(by, np.arange(1, GROUPS) / GROUPS, method="lower")) if len(by) else by
        code = np.searchsorted(edges, by, side="left")
        codes = np.unique(code)
        if len(codes) > 1:
            yield self._panel(code, name, heading, what, numbers([np.median(by[code == c]) for c in codes]))

    def by_time(self, places: Places) -> Iterator[Panel]:
        """Yield groups of stretches of time, called by their first time."""
        key, texts = places.key, places.time
        assert key is not None
        assert texts is not None
        rank = np.argsort(np.argsort(key, kind="stable"), kind="stable")
        code = rank * GROUPS // len(rank)
        first = [int(np.argmin(np.where(code == c, rank, len(rank)))) for c in np.unique(code)]
        labels = words(texts[i] for i in first)
        if len(set(labels)) == len(labels) > 1:
            yield self._panel(code, "time", "Time, from", "time", labels)

    def _panel(self, code: NDArray[np.int64], name: str, heading: str, what: str, groups: tuple[object, ...]) -> Panel:
        order = np.argsort(code, kind="stable")
        borders = np.flatnonzero(np.diff(code[order], prepend=-1))
        parts = np.split(self.residual[order], borders[1:])
        low, middle, high = (numbers([np.quantile(part, share) for part in parts]) for share in (0.1, 0.5, 0.9))
        return Panel(
            kind="residuals",
            name=f"residuals-by-{name}{self.mark}",
            title=f"{self.title} by {what}",
            caption=f"Actual less predicted {self.target}: the median, and the band of 8 in 10 rows. Above 0 answers "
            "are too low.",
            columns={"by": groups, "rows": tuple(map(len, parts)), "low": low, "middle": middle, "high": high},
            headings={
                "by": heading,
                "rows": "Rows",
                "low": "Lowest tenth below",
                "middle": "Median error",
                "high": "Highest tenth above",
            },
            facts={"ordinal": any(isinstance(group, str) for group in groups)},
        )
