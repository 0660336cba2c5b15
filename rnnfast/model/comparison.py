"""Several runs scored on the same rows, the best first, and whether the first one is better than the second."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rnnfast.data.frames import frame_of
from rnnfast.display import Displayed, counted
from rnnfast.metrics.bootstrap import Difference, Interval
from rnnfast.records import Record, plain, versioned

if TYPE_CHECKING:
    import pandas as pd

MOST_DECIMALS = 6


class RunScore(Record, frozen=True, kw_only=True):
    """One run on the rows that all runs answer.

    data: what it was trained on; split: the rule that divided it, "" where none is known. labelled_steps: that it has
    in the part, of which the comparison takes those that all have. ci: of the metric that the runs are ordered by, None
    where it has none. seconds: that training took, None where the file does not say. ms_per_1000_rows: measured now.
    """

    run: str
    data: tuple[str, ...]
    split: str
    labelled_steps: int
    metrics: dict[str, float | None]
    ci: Interval | None
    parameters: int
    seconds: float | None
    ms_per_1000_rows: float


class Versus(Record, frozen=True, kw_only=True):
    """Two runs in the same resamples of the owners.

    difference: of the metric, first minus second, with its interval; None where it has none. certain: whether all of
    the interval says that the first one is better. higher: share of the resamples in which its figure is higher.
    """

    first: str
    second: str
    difference: float | None
    ci: Interval | None
    higher: float | None
    certain: bool
    words: str


@dataclass(frozen=True, repr=False, eq=False)
class Comparison(Displayed):
    """Runs on the rows that all of them answer.

    metric: what orders them; lower_is_better: of it. part: test | valid | all of `data`, the tables that were scored.
    labelled_steps: rows that all runs are scored on, of so many owners, "id" or "sequence" as `of` says. level: of the
    intervals, in per cent. runs: the best first. versus: the first two. baseline: the metric of the naive answer of the
    best run. notes: what a reader has to know.
    """

    task: str
    metric: str
    lower_is_better: bool
    part: str
    data: tuple[str, ...]
    labelled_steps: int
    owners: int
    of: str
    level: float
    resamples: int
    runs: tuple[RunScore, ...]
    versus: Versus
    baseline: float | None
    notes: tuple[str, ...] = ()

    @property
    def frame(self) -> pd.DataFrame:
        """The runs as a DataFrame, the best first: metrics, ends of the interval, parameters, seconds."""
        lines: list[dict[str, Any]] = []
        for run in self.runs:
            low, high = run.ci or (None, None)
            ends = {f"{self.metric}_low": low, f"{self.metric}_high": high}
            costs = {name: getattr(run, name) for name in ("parameters", "seconds", "ms_per_1000_rows")}
            first = {"run": run.run, self.metric: run.metrics[self.metric], **ends, **costs}
            lines.append(first | run.metrics)
        return frame_of({name: [line[name] for line in lines] for name in lines[0]}, {})

    def display(self) -> tuple[str, dict[str, str]]:
        """Return what was compared, the best runs, and the verdict."""
        lines = {run.run: f"{self.metric} {_rounded(run.metrics[self.metric], run.ci)}" for run in self.runs[:3]}
        rows = f"{counted(self.labelled_steps, 'labelled step')} of {counted(self.owners, self.of)}"
        return f"{counted(len(self.runs), 'run')}, {rows}", {**lines, "verdict": self.versus.words}

    def to_json(self) -> dict[str, Any]:
        """Return the object that `compare --json` prints."""
        return versioned(plain(self))


def versus(names: tuple[str, str], metric: str, lower: bool, owners: str, compared: Difference | None) -> Versus:
    """Compare two runs of which the first has the better figure. owners: in words, such as "84 ids"."""
    first, second = names
    if compared is None:
        words = f"whether {first} is better than {second} cannot be said: {metric} has no interval on {owners}"
        return Versus(first=first, second=second, difference=None, ci=None, higher=None, certain=False, words=words)
    sign = -1 if lower else 1
    low, high = sorted(sign * end for end in compared.interval)
    gain, worst, most = (_text(value, high - low) for value in (sign * compared.difference, low, high))
    certain = low > 0
    if certain:
        words = f"{first} is better than {second} by {gain} {metric} ({worst} to {most})"
    else:
        apart = f"{gain} {metric} between them ({worst} to {most})"
        words = f"{first} and {second} cannot be told apart on these {owners}: {apart}"
    return Versus(
        first=first,
        second=second,
        difference=compared.difference,
        ci=compared.interval,
        higher=compared.higher,
        certain=certain,
        words=words,
    )


def _rounded(value: float | None, ci: Interval | None) -> str:
    if value is None:
        return "undefined"
    if ci is None:
        return f"{value:.4g}"
    value_text, low, high = (_text(number, ci[1] - ci[0]) for number in (value, *ci))
    return f"{value_text} ({low} to {high})"


def _text(value: float, width: float) -> str:
    """Text of a figure to the second digit of the width of its interval."""
    decimals = 1 - math.floor(math.log10(width)) if width > 0 else 4
    return f"{value:,.{min(max(decimals, 0), MOST_DECIMALS)}f}"
