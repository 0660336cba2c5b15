"""Scoring several saved runs on the same rows, the best first."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnfast.catalogue import headline, listed, lower_is_better, metrics_of
from rnnfast.config.sections import DataConfig
from rnnfast.data.reading.request import Request
from rnnfast.data.sources.opening import open_sources, reopenable
from rnnfast.diagnose.machine import cores
from rnnfast.display import counted
from rnnfast.errors import UsageError, did_you_mean
from rnnfast.metrics.bootstrap import RESAMPLES, Interval, intervals, paired
from rnnfast.metrics.figures import Figures
from rnnfast.model.breakdown import FEW_OWNERS, USUAL_LEVEL, Breakdown
from rnnfast.model.comparison import Comparison, RunScore, versus
from rnnfast.model.members import Committee
from rnnfast.model.model import Model
from rnnfast.model.rivals import (
    Models,
    Runs,
    check_rivals,
    check_same_split,
    check_same_table,
    held_out_part,
    named_models,
    own_table,
)
from rnnfast.model.shared_rows import SEED, Contender, SharedRows
from rnnfast.model.tables import answered, open_files, scoring_request
from rnnfast.records import UNSET

if TYPE_CHECKING:
    from rnnfast.data import SequenceData, Sequences
    from rnnfast.data.reading.opening import File
    from rnnfast.reporter import Reporter

PASSES, ENOUGH_SECONDS = 3, 1.0  # that answers are timed: so many passes, or fewer that take so long


def compare(
    runs: Runs,
    data: File | Sequence[File] | None = None,
    *,
    by: str | None = None,
    part: str | None = None,
    last: bool = False,
    ci: float = USUAL_LEVEL,
    config: DataConfig | None = None,
    reporter: Reporter | None = None,
) -> Comparison:
    """Score runs on the same rows, the best first, and tell whether the first is better than the second.

    runs: directories, model files or models, or a mapping from names to these. data: one table for all of them; None:
    the part that each run held back of its own table, which has to be the same one. by: the metric that orders them,
    the most telling one by default. part: test or valid; test where each run has one by default. last: only the last
    labelled step of each sequence counts. ci: level of the intervals in per cent. config, reporter: as of
    `evaluate_table`.
    Models may differ in inputs, windows and cells: they are scored on the rows that all of them answer.
    Raises: UsageError where tasks, targets, tables or splits differ, and DataError as `read_table`.

    Example:
        >>> import pandas as pd, rnnfast
        >>> table = pd.DataFrame({"id": [k // 4 for k in range(80)], "x": range(80), "y": [0, 1] * 40})
        >>> small, large = (rnnfast.train(table, id="id", target="y", hidden=n, epochs=1).model for n in (4, 8))
        >>> rnnfast.compare({"small": small, "large": large}, table).metric
        'auprc'
    """
    Breakdown(ci=ci)  # which raises UsageError for a level that is none
    if part not in (None, "valid", "test"):
        raise UsageError(f"part: {part!r} is not valid or test{did_you_mean(str(part), ('valid', 'test'))}")
    models = named_models(runs)
    check_rivals(models)
    if data is not None and part is not None:
        raise UsageError("--part is of the tables that the runs were trained on; --data takes all of a table")
    part = "all" if data is not None else held_out_part(models, part)
    if part != "all":
        check_same_split(models, part)
    metric = _metric(by, next(iter(models.values())))
    with ExitStack() as opened:
        tables = _Reader(config or DataConfig(), opened, reporter).tables(models, data, part)
        if part != "all":
            check_same_table({name: table for name, (table, _) in tables.items()})
        contenders = {
            name: _answered(models[name], table, its_part, last) for name, (table, its_part) in tables.items()
        }
    return _compared(contenders, metric, part, ci)


@dataclass
class _Reader:
    """Reads the tables of runs; one that several runs read in the same way is read once."""

    config: DataConfig
    opened: ExitStack
    reporter: Reporter | None
    read: list[tuple[list[Any], Request, Sequences]] = field(default_factory=list)

    def tables(self, models: Models, data: Any, part: str) -> dict[str, tuple[Sequences, str]]:
        """Return for each run the table that it answers, and which part of this it is."""
        if data is None:
            own = {name: own_table(name, model, part) for name, model in models.items()}
            return {name: (self._table(models[name], *where), where[1]) for name, where in own.items()}
        first = scoring_request(next(iter(models.values())), part, self.config)
        paths = reopenable(open_sources(data, first.files))
        return {name: (self._table(model, paths, part), part) for name, model in models.items()}

    def _table(self, model: Model, paths: list[Any], part: str) -> Sequences:
        request = scoring_request(model, part, self.config)
        for earlier, how, table in self.read:
            if how == request and _same(earlier, paths):
                return table
        table = open_files(paths, request, self.opened, self.reporter)
        self.read.append((paths, request, table))
        return table


def _same(first: Sequence[Any], second: Sequence[Any]) -> bool:
    """Whether these are the same files or sources."""
    return len(first) == len(second) and all(
        a is b or (isinstance(a, str) and a == b) for a, b in zip(first, second, strict=True)
    )


def _answered(model: Model, table: Sequences, part: str, last: bool) -> Contender:
    """Let a model answer the labelled steps of a part; last: of each sequence the last one."""
    outcomes = answered(model, table, part, last, SEED).outcomes
    data = outcomes.data
    row = data.row if data.label_row is None else data.label_row
    return Contender(
        model=model,
        outcomes=outcomes,
        row=row[outcomes.rows],
        milliseconds=_milliseconds(model, data),
        source=tuple(table.source),
        part=part,
        trained_on=model.trained_on(table),
    )


def _milliseconds(model: Model, data: SequenceData) -> float:
    """Measure what answering 1,000 rows takes on all cores, kernels compiled: the fastest of some passes."""
    committee, passes = Committee(model.architecture, model.members, cores()), list[float]()
    while len(passes) < PASSES and sum(passes) < ENOUGH_SECONDS:
        start = time.perf_counter()
        model.outputs(data, committee)
        passes.append(time.perf_counter() - start)
    return 1e6 * min(passes) / data.rows


def _compared(contenders: Mapping[str, Contender], metric: str, part: str, level: float) -> Comparison:
    """Order the runs, and compare the first two."""
    shared = SharedRows.over(contenders)
    figures = {name: shared.figures(name) for name in contenders}
    lower, values = lower_is_better(metric), {name: one[metric] for name, one in figures.items()}
    order = sorted(contenders, key=lambda name: _rank(values[name], lower))
    measured, owners = shared.resampled(metric), len(np.unique(shared.owner))
    first, second = order[:2]
    points = {metric: _difference(values[first], values[second])}
    difference = paired(measured[first], measured[second], points, level).get(metric)
    return Comparison(
        task=contenders[first].model.schema.task,
        metric=metric,
        lower_is_better=lower,
        part=part,
        data=contenders[first].source,
        labelled_steps=len(shared.owner),
        owners=owners,
        of=shared.of,
        level=level,
        resamples=RESAMPLES,
        runs=tuple(
            _score(name, contenders[name], figures[name], intervals(measured[name], level).get(metric))
            for name in order
        ),
        versus=versus((first, second), metric, lower, counted(owners, shared.of), difference),
        baseline=shared.naive(first).get(metric),
        notes=tuple(_notes(shared, owners)),
    )


def _metric(by: str | None, model: Model) -> str:
    """Return the metric that orders runs. Raises UsageError for one that the task does not have."""
    names = [metric.name for metric in metrics_of(model.task.facts.labels)]
    metric = by or headline(names)
    if metric not in names:
        hint = did_you_mean(str(metric), names)
        raise UsageError(f"--by: no metric {metric!r} of these runs{hint}; they have {', '.join(names)}")
    return str(metric)


def _rank(value: float | None, lower: bool) -> float:
    """Return what sorts the best first, and what is undefined last."""
    if value is None:
        return float("inf")
    return value if lower else -value


def _difference(first: float | None, second: float | None) -> float | None:
    return None if first is None or second is None else first - second


def _score(name: str, one: Contender, figures: Figures, ci: Interval | None) -> RunScore:
    split, training = one.model.provenance.split, one.model.provenance.training
    return RunScore(
        run=name,
        data=() if training is None else training.source,
        split="" if split is None else split.rule,
        labelled_steps=len(one.row),
        metrics=figures,
        ci=ci,
        parameters=one.model.parameter_count,
        seconds=None if training is None or training.seconds is UNSET else training.seconds,
        ms_per_1000_rows=one.milliseconds,
    )


def _notes(shared: SharedRows, owners: int) -> Iterator[str]:
    """Yield what a reader has to know before the figures."""
    steps = {name: len(one.row) for name, one in shared.contenders.items()}
    if max(steps.values()) > len(shared.owner):
        sizes = ", ".join(f"{name} {count:,}" for name, count in steps.items())
        yield f"scored on the {len(shared.owner):,} labelled steps that all runs answer; each has: {sizes}"
    knowing = [name for name, one in shared.contenders.items() if one.trained_on and one.part == "all"]
    if knowing:
        were = "was" if len(knowing) == 1 else "were"
        yield f"this is the table that {listed(knowing)} {were} trained on: new rows will be answered worse"
    if owners < FEW_OWNERS:
        few = f"1 {shared.of} has" if owners == 1 else f"{owners} {shared.of}s have"
        yield f"{few} too little to tell runs apart: intervals are {'missing' if owners == 1 else 'too narrow'}"
