"""Whether intervals and sets of answers hold as many labels as they promise, by level and by target or horizon."""

from __future__ import annotations

from collections.abc import Iterator

from rnnfast.catalogue import QUANTITIES
from rnnfast.metrics.conformal import Conformal, Coverage, level_of
from rnnfast.model.intervals import covered
from rnnfast.report.content.panel import Panel, Table, numbers, shown, words
from rnnfast.report.content.places import what_answers
from rnnfast.tasks.outcomes import Outcomes


def level_table(outcomes: Outcomes, bounds: Conformal) -> Table:
    """Return what intervals of each level promise and hold, and how wide they are."""
    scores = [covered(outcomes, bounds, level) for level in bounds.levels]
    rows = ((f"{one.level} %", f"{shown(100 * one.coverage, 3)} %", shown(one.width)) for one in scores)
    caption = "Intervals of answers" if outcomes.task.facts.labels == QUANTITIES else "Sets of classes as answers"
    return Table(caption, ("Promised", "Labels inside", _width(outcomes)), tuple(rows))


def by_answer(outcomes: Outcomes, bounds: Conformal) -> Iterator[Panel]:
    """Yield share of labels inside and width for each target or horizon; nothing where there is one alone."""
    level = level_of(bounds)
    one = covered(outcomes, bounds, level)
    if one.per_answer:
        promised = {"rule": level / 100}
        yield _panel(outcomes, one, "coverage", f"Labels inside intervals of {level} %", promised)
        yield _panel(outcomes, one, "width", _width(outcomes), {})


def _panel(outcomes: Outcomes, one: Coverage, name: str, title: str, facts: dict[str, float]) -> Panel:
    values = [figures[name] for figures in one.per_answer.values()]
    what = what_answers(outcomes)
    promise = f" The dashed line is what they promise, {one.level} %." if facts else f" Intervals of {one.level} %."
    return Panel(
        kind="slices",
        name=f"interval-{name}",
        title=f"{title} by {what.lower()}",
        caption=f"From {shown(min(values), 3)} to {shown(max(values), 3)}.{promise}",
        columns={"group": words(one.per_answer), "value": numbers(values)},
        headings={"group": what, "value": title},
        facts=facts,
    )


def _width(outcomes: Outcomes) -> str:
    return "Mean width" if outcomes.task.facts.labels == QUANTITIES else "Mean number of classes"
