"""A score of each part after each epoch."""

from __future__ import annotations

import altair as alt

from rnnfast.report.content.panel import Panel
from rnnfast.report.figures.palette import GREY, HEIGHT, Chart, Data, titles


def draw(panel: Panel, data: Data) -> Chart:
    """Draw a line for each part, and a rule at the best epoch; losses that fall by factors on a logarithmic scale."""
    names = panel.headings
    scale = alt.Scale(type="log") if panel.facts["logarithmic"] else alt.Scale(zero=False)
    parts = list(dict.fromkeys(panel.columns["part"]))
    lines = (
        alt.Chart(data)
        .mark_line(point={"size": 14})
        .encode(
            x=alt.X("epoch:Q", title=names["epoch"], axis=alt.Axis(tickMinStep=1, format="d")),
            y=alt.Y("value:Q", title=names["value"], scale=scale),
            color=alt.Color("part:N", title=None, sort=parts),
            tooltip=titles(["part:N", names["part"], "epoch:Q", names["epoch"], "value:Q", names["value"]]),
        )
    )
    if not panel.facts["best"]:
        return lines.properties(height=HEIGHT)
    best = alt.Chart(data).mark_rule(color=GREY, strokeDash=[4, 4]).encode(x=alt.XDatum(panel.facts["best"]))
    return alt.layer(best, lines).properties(height=HEIGHT)
