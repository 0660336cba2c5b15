"""A metric by groups of rows."""

from __future__ import annotations

import altair as alt

from rnnfast.report.content.panel import Panel
from rnnfast.report.figures.palette import BLUE, HEIGHT, ORANGE, Chart, Data, titles


def draw(panel: Panel, data: Data) -> Chart:
    """Draw a bar for each group, in their order, and a rule at what was promised."""
    names = panel.headings
    fields = [part for name in panel.columns for part in (f"{name}:{'N' if name == 'group' else 'Q'}", names[name])]
    bars = (
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
    )
    if "rule" not in panel.facts:
        return bars.properties(height=HEIGHT)
    rule = alt.Chart(data).mark_rule(color=ORANGE, size=2, strokeDash=[4, 4]).encode(y=alt.YDatum(panel.facts["rule"]))
    return alt.layer(bars, rule).properties(height=HEIGHT)
