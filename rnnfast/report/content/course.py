"""How training went, epoch by epoch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rnnfast.catalogue import LOSS, headline
from rnnfast.report.content.panel import POINTS, Panel, numbers, thinned


def learning(history: Sequence[Mapping[str, Any]], best: int, loss: str) -> tuple[Panel, ...]:
    """Return the loss, and the metric that says most, of each part after each epoch.

    history: rows of history.csv. best: the epoch whose weights the model has, 0 for none. loss: what it is for people.
    """
    names = list(dict.fromkeys(name for row in history for name in row if _number(row.get(name)) is not None))
    metric = headline(names)
    columns = [(LOSS, f"Loss ({loss})"), *([(metric, metric)] if metric else [])]
    panels = (_course(history, name, title, best) for name, title in columns if name in names)
    return tuple(panel for panel in panels if panel is not None)


def _course(history: Sequence[Mapping[str, Any]], name: str, title: str, best: int) -> Panel | None:
    rows = [
        (int(row["epoch"]), str(row["split"]), value)
        for row in history
        if (value := _number(row.get(name))) is not None
    ]
    splits = list(dict.fromkeys(split for _, split, _ in rows))
    if len({epoch for epoch, _, _ in rows}) < 2:
        return None
    drawn: list[tuple[int, str, float]] = []
    for split in splits:
        own = [row for row in rows if row[1] == split]
        drawn += [own[i] for i in thinned(len(own), POINTS // len(splits))]
    return Panel(
        kind="learning",
        name=f"learning-{name}",
        title=f"{title} after each epoch",
        caption=f"{_listed(splits)}; the weights are those of epoch {best:,}." if best else _listed(splits),
        columns={
            "epoch": tuple(epoch for epoch, _, _ in drawn),
            "part": tuple(split for _, split, _ in drawn),
            "value": numbers([value for _, _, value in drawn]),
        },
        headings={"epoch": "Epoch", "part": "Part", "value": title},
        facts={"best": best, "logarithmic": name == LOSS and min(value for _, _, value in drawn) > 0},
    )


def _listed(names: Iterable[str]) -> str:
    return f"Parts: {', '.join(names)}"


def _number(value: Any) -> float | None:
    """Return a cell of history.csv as a number; None for an empty one."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if abs(number) < float("inf") else None
