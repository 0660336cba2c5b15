"""The metrics of a part beside naive answers, and what is to be said about them in a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rnnfast.catalogue import LOSS, METRICS, TASKS, lower_is_better
from rnnfast.metrics.evaluation import Evaluation, naive_name, telling
from rnnfast.report.content.panel import Table, shown, word

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
        )
        for name in names
    )
    interval = (f"{shown(level)} % interval",) if ci else ()
    return Table(f"Scores on {part}", ("Metric", "Model", *interval, *rivals), rows)


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


def verdict(evaluation: Evaluation, part: str, target: str, ci: Ends | None) -> str:
    """Say in a sentence what the model is worth beside the best answer that needs no network."""
    metric = telling(evaluation.metrics)[0]
    value, rivals = evaluation.metrics.get(metric), baselines(evaluation)
    where = f"On {part}, {evaluation.labelled_steps:,} labelled rows,"
    sign = -1 if lower_is_better(metric) else 1
    values = {name: figures[metric] for name, figures in rivals.items() if figures.get(metric) is not None}
    if value is None or not values:
        return f"{where} {metric} of {word(target)} is {shown(value)}; there is nothing to compare it with."
    rival = max(values, key=lambda name: sign * values[name])
    ends = (ci or {}).get(metric)
    interval = f" ({_ends(ends)})" if ends else ""
    figures = f"{metric} {shown(value)}{interval}, where {_lower(rival)} has {shown(values[rival])}"
    if sign * (value - values[rival]) <= 0:
        return f"{where} the model is no better at {word(target)} than {_lower(rival)}: {figures}."
    worse_end = None if ends is None else ends[0] if sign > 0 else ends[1]
    if worse_end is not None and sign * (worse_end - values[rival]) <= 0:
        perhaps = f"the model may be better at {word(target)} than {_lower(rival)}, but chance could do it"
        return f"{where} {perhaps}: {figures}."
    return f"{where} the model is better at {word(target)} than {_lower(rival)}: {figures}."


def _ends(interval: Any) -> str:
    return "–" if interval is None else f"{shown(interval[0], 3)} to {shown(interval[1], 3)}"


def _lower(text: str) -> str:
    return text[0].lower() + text[1:]
