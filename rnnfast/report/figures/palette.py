"""Colours that can be told apart on white and on black, and what figures share."""

from __future__ import annotations

from typing import Any

import altair as alt

BLUE, ORANGE, GREEN, PURPLE, GREY = "#3f83c9", "#e0782f", "#3c9e6d", "#9a6fc4", "#8c8c8c"
CONFIG: dict[str, Any] = {
    "range": {"category": [BLUE, ORANGE, GREEN, PURPLE]},
    "legend": {"orient": "top", "labelLimit": 220},
}
HEIGHT = 260  # pixels

Data = Any  # of a chart: rows, or the name under which a page has them
Chart = Any  # one of Altair
NUMBER = ".4~g"


def titles(lines: list[str]) -> Any:
    """Return tooltips of fields of a panel: pairs "field:type" and heading stand one after the other."""
    return [alt.Tooltip(field, title=heading) for field, heading in zip(lines[::2], lines[1::2], strict=True)]


def share_axis(field: str, title: str, channel: Any, most: float = 1.0) -> Any:
    """Return a channel from 0 to 1, or to less."""
    return channel(field, title=title, scale=alt.Scale(domain=[0, most], nice=False, clamp=True))
