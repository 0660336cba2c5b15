"""How far inputs moved from those that trained."""

from __future__ import annotations

import altair as alt

from rnnfast.report.content.panel import Panel
from rnnfast.report.figures.importance import ROW
from rnnfast.report.figures.palette import PURPLE, Chart, Data, titles


def draw(panel: Panel, data: Data) -> Chart:
    """Draw a bar for the shift of each feature."""
    names, order = panel.headings, list(panel.columns["feature"])
    fields = [part for name in panel.columns for part in (f"{name}:{'N' if name == 'feature' else 'Q'}", names[name])]
    return (
        alt.Chart(data)
        .mark_bar(color=PURPLE)
        .encode(
            x=alt.X("shift:Q", title=names["shift"]),
            y=alt.Y("feature:N", title=None, sort=order, axis=alt.Axis(labelLimit=140)),
            tooltip=titles(fields),
        )
        .properties(height=ROW * len(order) + ROW)
    )
