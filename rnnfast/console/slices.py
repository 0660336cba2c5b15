"""Intervals of metrics, and the scores of slices of a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import RenderableType
from rich.text import Text

from rnnfast.catalogue import METRICS
from rnnfast.console.metrics import figure
from rnnfast.console.screen import FAINT, LABEL, WIDE, table
from rnnfast.console.text import counted, number, shortened
from rnnfast.metrics.evaluation import Evaluation
from rnnfast.metrics.slices import FEW_STEPS, Slice, Slicing, slice_metrics

if TYPE_CHECKING:
    from rnnfast.model.breakdown import Bootstrapped, Parts
    from rnnfast.model.shuffled import Shuffled

MOST_METRICS = 3  # of a slice
FEW = "*"  # marks slices of few steps
MORE = ("mae", "log_loss")  # shown after the metrics that say most, where there is room


def broken_down(evaluation: Evaluation, parts: Parts, width: int) -> Iterator[RenderableType]:
    """Yield the intervals and the slices, each after an empty line."""
    if parts.ci is not None and parts.bootstrap is not None:
        yield Text()
        yield from _intervals(evaluation, parts.ci, parts.bootstrap, width)
    for slicing in parts.by:
        yield Text()
        yield from _slices(slicing, width)


def shuffled_steps(scores: Shuffled | None) -> Iterator[RenderableType]:
    """Yield what shuffling the steps changes, and what follows from it, after an empty line."""
    if scores is None:
        return
    name, end = scores.metric, f"{scores.level:g} % interval"
    before, after = figure(name, scores.in_order[name]), figure(name, scores.metrics[name])
    yield Text()
    yield Text("Steps of each sequence shuffled", LABEL)
    text = f"{name} {before} in order, each sequence by itself, {after} shuffled"
    if scores.interval is None:
        yield Text(f"{text}; too few sequences to say whether the order carries anything.")
        return
    low, high = (number(value) for value in scores.interval)
    verdict = "the order of the steps matters to this model"
    if not scores.order_matters:
        verdict = "the order of the steps carries nothing that this model uses"
    yield Text(f"{text}: {verdict} (difference {number(scores.difference)}, {end} {low} to {high}).")


def _intervals(
    evaluation: Evaluation, ci: Mapping[str, Any], bootstrap: Bootstrapped, width: int
) -> Iterator[RenderableType]:
    draws = f"{bootstrap.resamples:,} resamples of {counted(bootstrap.owners, bootstrap.of)}"
    yield Text(f"{bootstrap.level:g} % intervals: {draws}", LABEL)
    figures = evaluation.metrics.figures
    names = sorted((name for name in figures if name in ci), key=lambda name: -METRICS[name].headline)
    rows = [
        [name, figure(name, figures[name]), *_ends(name, ci[name])]
        for name in names
        if name not in evaluation.meaningless
    ]
    yield table(["metric", "value", "low", "high"], rows, gap=3 if width >= WIDE else 1)


def _slices(slicing: Slicing, width: int) -> Iterator[RenderableType]:
    shown = len(slicing.slices)
    which = f", the worst {shown:,} of {slicing.of:,}" if shown < slicing.of else ""
    yield Text(f"Scores by {slicing.by}{which}", LABEL)
    if not slicing.slices:
        return
    names = _shown_metrics(slicing, 2 if width < WIDE else MOST_METRICS)
    has_ci = isinstance(slicing.slices[0].ci, Mapping)
    room = max(width - 10 - 12 * (len(names) + 2 * has_ci), 8)
    rows, few = [], _with_few(slicing)
    for part in slicing.slices:
        figures = [figure(name, part.metrics[name]) for name in names]
        if isinstance(part.ci, Mapping):
            figures[1:1] = _ends(names[0], part.ci[names[0]])
        steps = f"{part.labelled_steps:,}{FEW if part in few else ' ' * len(FEW if few else '')}"
        rows.append([shortened(part.value, room), steps, *figures])
    heads = [names[0], *(["low", "high"] if has_ci else []), *names[1:]]
    yield table([shortened(slicing.by, room), "steps", *heads], rows, gap=3 if width >= WIDE else 1)
    if few:
        yield Text(f"{FEW} fewer than {FEW_STEPS} labelled steps, whose scores say little", FAINT)


def _with_few(slicing: Slicing) -> list[Slice]:
    """Return the slices of few steps; none where all have few, as of ids with a label each."""
    few = [part for part in slicing.slices if part.labelled_steps < FEW_STEPS]
    return few if len(few) < len(slicing.slices) else []


def _ends(name: str, interval: tuple[float, float] | None) -> list[str]:
    """Return the texts of the ends of an interval."""
    return [figure(name, end) for end in interval or (None, None)]


def _shown_metrics(slicing: Slicing, most: int) -> Sequence[str]:
    """Return the metric that says most of a slice, then others that are defined in some of them."""
    metrics = slicing.slices[0].metrics
    first, *others = slice_metrics(metrics)
    others += [name for name in MORE if name in metrics]
    return [first, *(name for name in others if any(part.metrics[name] is not None for part in slicing.slices))][:most]
