"""Metrics of a model by part, beside naive answers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from rnnfast.catalogue import METRICS, TASKS, headline, lower_is_better
from rnnfast.console.screen import BAD, FAINT, GOOD, LABEL, WIDE, table
from rnnfast.console.text import aligned, counted, number, percent
from rnnfast.metrics.evaluation import Evaluation, naive_name

PART_NAMES = {"train": "train", "valid": "valid", "test": "test", "all": "model"}
NOT_SCORES = ("threshold", "per_target")
BETTER, WORSE, EQUAL = "▲", "▼", " "
SIGN_STYLES = {BETTER: GOOD, WORSE: BAD, EQUAL: ""}


def metric_tables(
    evaluations: Mapping[str, Evaluation], width: int, compared: str | None = None
) -> Iterator[RenderableType]:
    """Yield tables, one where it fits, with a column for each part and for the naive answers to the one compared.

    compared: name of a part; None: the last one. The metric that says most is the first; signs say where that part is
    better than a naive answer.
    """
    part = compared or list(evaluations)[-1]
    evaluation = evaluations[part]
    meaningless = {name for scores in evaluations.values() for name in scores.meaningless}
    names = [name for name in shown_metrics(evaluation) if name not in meaningless]
    columns = _columns(names, {name: scores.metrics for name, scores in evaluations.items()})
    answers: dict[str, str] = {}
    for title, (answer, figures) in _naive_answers(evaluation).items():
        columns[title] = _with_signs(names, evaluation.metrics, figures)
        answers[title] = answer
    titles = {name: evaluation.loss_title if name == "loss" else name for name in names}
    yield from _fitting(titles, columns, width)
    if answers:
        model = PART_NAMES.get(part, part)
        yield Text(f"{BETTER} {model} is better, {WORSE} worse than {' and '.join(answers.values())}.")
    if evaluation.weighted:
        yield Text("Each row counts by its weight in all of these.")


def stored_metrics(metrics: Mapping[str, Mapping[str, Any]], loss: str, width: int) -> Iterator[RenderableType]:
    """Yield the same of the scores that a model file has, by part, without those that mean nothing in any of them.

    loss: what the model was trained with.
    """
    first = next(iter(metrics.values()))
    repeated = number(first.get("loss")) == number(first.get("log_loss"))
    hidden = (*NOT_SCORES, "loss") if repeated else NOT_SCORES
    valued = {name for figures in metrics.values() for name, value in figures.items() if value is not None}
    names = _ordered(name for name in first if name in valued and name not in hidden)
    titles = {name: f"loss ({loss})" if name == "loss" else name for name in names}
    yield from _fitting(titles, _columns(names, metrics), width)


def shown_metrics(evaluation: Evaluation) -> list[str]:
    """Return the metrics in the order in which they are shown; without those that repeat another or mean nothing."""
    hidden = (*NOT_SCORES, *evaluation.meaningless, *(() if evaluation.loss_title else ("loss",)))
    return _ordered(name for name in evaluation.metrics if name not in hidden)


def _ordered(metrics: Iterable[str]) -> list[str]:
    """Put the metric that says most first, and the loss last."""
    names = list(metrics)
    first = headline(names)
    return sorted(names, key=lambda name: (name != first, name == "loss"))


def figure(name: str, value: Any) -> str:
    """Text of a metric: shares in per cent, all others as numbers."""
    if value is None or name not in METRICS or not METRICS[name].share:
        return number(value)
    return percent(value, digits=4)


def _naive_answers(evaluation: Evaluation) -> dict[str, tuple[str, Mapping[str, Any]]]:
    """Return the naive answers that are scored: what they do, and their figures."""
    if evaluation.baseline is None:
        return {}
    naive: dict[str, tuple[str, Mapping[str, Any]]] = {
        "baseline": (f"always answering {TASKS[evaluation.task].naive}", evaluation.baseline)
    }
    if repeated := evaluation.baseline.naive:
        steps = ""
        if repeated.labelled_steps != evaluation.labelled_steps:
            steps = f" (at {repeated.labelled_steps:,} of {counted(evaluation.labelled_steps, 'step')})"
        name = naive_name(repeated.season)
        naive[name] = (f"repeating the {name}{steps}", repeated)
    if (linear := evaluation.baseline.linear) is not None:
        naive["linear"] = (f"a {TASKS[evaluation.task].linear} on the inputs of the step", linear)
    if (trees := evaluation.baseline.trees) is not None:
        naive["trees"] = ("gradient boosting on values, means, slopes and lags of the inputs", trees)
    return naive


def _columns(names: Sequence[str], parts: Mapping[str, Mapping[str, Any]]) -> dict[str, Sequence[Text]]:
    """Return the figures of each part, under the title of its column."""
    return {PART_NAMES.get(part, part): _cells(names, figures) for part, figures in parts.items()}


def _cells(names: Sequence[str], figures: Mapping[str, Any]) -> list[Text]:
    return [Text(text) for text in aligned([figure(name, figures.get(name)) for name in names])]


def _with_signs(names: Sequence[str], model: Mapping[str, Any], naive: Mapping[str, Any]) -> list[Text]:
    """Return the figures of a naive answer, each with a sign that says whether the model is better."""
    cells = _cells(names, naive)
    for name, cell in zip(names, cells, strict=True):
        value, other, sign = model.get(name), naive.get(name), EQUAL
        if value is not None and other is not None and value != other:
            sign = BETTER if (value < other) == lower_is_better(name) else WORSE
        cell.append(f" {sign}", SIGN_STYLES[sign])
    return cells


def _fitting(titles: Mapping[str, str], columns: Mapping[str, Sequence[Text]], width: int) -> Iterator[RenderableType]:
    """Yield tables of as many columns as fit beside the names."""
    gap = 3 if width >= WIDE else 1
    label_width = max(len("metric"), *map(len, titles.values()))
    group: dict[str, Sequence[Text]] = {}
    taken = label_width
    for title, column in columns.items():
        needed = gap + max(len(title), *map(len, column))
        if group and taken + needed > width:
            yield _table(titles, group, gap)
            yield Text()
            group, taken = {}, label_width
        group[title] = column
        taken += needed
    yield _table(titles, group, gap)


def _table(titles: Mapping[str, str], columns: Mapping[str, Sequence[Text]], gap: int) -> RenderableType:
    """Lay out metrics line by line, the first one bold, the others faint."""
    lines = []
    for j, title in enumerate(titles.values()):
        style = LABEL if j == 0 else FAINT
        cells = []
        for column in columns.values():
            cell = column[j].copy()
            cell.stylize_before(style, 0, len(cell.plain.rstrip(f"{BETTER}{WORSE}{EQUAL}")))
            cells.append(cell)
        lines.append([Text(title, style), *cells])
    return table(["metric", *columns], lines, gap=gap)
