"""The metrics of a part beside those of answers that need no network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rnnfast.catalogue import LOSS, METRICS, TASKS
from rnnfast.metrics.evaluation import Evaluation, naive_name, telling
from rnnfast.report.content.panel import Table, shown

NO_SCORES = ("threshold", "per_target")
Ends = Mapping[str, Any]


def metric_table(evaluation: Evaluation, part: str, ci: Ends | None, level: float) -> Table:
    """Return each metric with its interval, beside those of the baselines; the one that says most stands first."""
    rivals = baselines(evaluation)
    hidden = (*NO_SCORES, *evaluation.meaningless, *(() if evaluation.loss_title else (LOSS,)))
    names = [name for name in evaluation.metrics if name not in hidden]
    first = telling({name: evaluation.metrics[name] for name in names})
    names = [*first, *(name for name in names if name not in first)]
    rows = tuple(
        (
            evaluation.loss_title if name == LOSS else METRICS[name].name if name in METRICS else name,
            shown(evaluation.metrics[name]),
            *((_ends((ci or {}).get(name)),) if ci else ()),
            *(shown(figures.get(name)) for figures in rivals.values()),
            METRICS[name].phrase + (", less is better" if METRICS[name].lower_is_better else "")
            if name in METRICS
            else "",
        )
        for name in names
    )
    interval = (f"{shown(level)} % interval",) if ci else ()
    return Table(f"Scores on {part}", ("Metric", "Model", *interval, *rivals, "What it is"), rows)


def baselines(evaluation: Evaluation) -> dict[str, Mapping[str, Any]]:
    """Return the figures of answers that need no network, by what they are."""
    if evaluation.baseline is None:
        return {}
    facts, base = TASKS[evaluation.task], evaluation.baseline
    rivals: dict[str, Mapping[str, Any]] = {f"Always answering {facts.naive}": base}
    if base.naive is not None:
        rivals[f"Repeating the {naive_name(base.naive.season)}"] = base.naive
    if base.linear is not None:
        rivals[f"A {facts.linear} on the inputs of the step"] = base.linear
    if base.trees is not None:
        rivals["Gradient boosting on what a person computes of the past"] = base.trees
    return rivals


def _ends(interval: Any) -> str:
    return "–" if interval is None else f"{shown(interval[0], 3)} to {shown(interval[1], 3)}"
