"""A metric by groups of rows."""

from __future__ import annotations

import altair as alt

from rnnfast.report.content.panel import Panel
from rnnfast.report.figures.palette import BLUE, HEIGHT, Chart, Data, titles


def draw(panel: Panel, data: Data) -> Chart:
    """Draw a bar for each group, in their order."""
    names = panel.headings
    fields = [part for name in panel.columns for part in (f"{name}:{'N' if name == 'group' else 'Q'}", names[name])]
    return (
        alt.Chart(data)
        .mark_bar(color=BLUE)
        .encode(
            x=alt.X(
                "group:N",
                title=names["group"],
                sort=list(panel.columns["group"]),
                axis=alt.Axis(labelAngle=-30, labelLimit=90, labelOverlap="greedy"),
            ),
            y=alt.Y("value:Q", title=names["value"]),
            tooltip=titles(fields),
        )
        .properties(height=HEIGHT)
    )
