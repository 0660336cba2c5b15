"""How much each input adds to an answer, step by step."""

from __future__ import annotations

import altair as alt

from rnnfast.report.content.panel import Panel
from rnnfast.report.figures.palette import Chart, Data, titles

ROW = 24  # pixels of an input


def draw(panel: Panel, data: Data) -> Chart:
    """Draw a cell for each step and input: blue adds to the output, orange takes from it."""
    names = panel.headings
    order = list(dict.fromkeys(panel.columns["feature"]))
    most = max((abs(value) for value in panel.columns["adds"] if value is not None), default=1.0) or 1.0
    steps = sorted(set(panel.columns["step"]))
    fields = ["step:Q", names["step"], "feature:N", names["feature"], "adds:Q", names["adds"]]
    colour = alt.Color(
        "adds:Q",
        title=names["adds"],
        scale=alt.Scale(domain=[-most, 0, most], range=["#e0782f", "#8882", "#3f83c9"], interpolate="rgb"),
        legend=alt.Legend(gradientLength=140),
    )
    return (
        alt.Chart(data)
        .mark_rect()
        .encode(
            x=alt.X("step:O", title=names["step"], sort=steps, axis=alt.Axis(labelOverlap="greedy", labelAngle=0)),
            y=alt.Y("feature:N", title=None, sort=order, axis=alt.Axis(labelLimit=120)),
            color=colour,
            tooltip=titles(fields),
        )
        .properties(height=ROW * len(order) + ROW)
    )
