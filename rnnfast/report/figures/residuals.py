"""Errors by something: the median, and the band of 8 in 10 rows."""

from __future__ import annotations

from typing import Any

import altair as alt

from rnnfast.report.content.panel import Panel
from rnnfast.report.figures.palette import BLUE, GREY, HEIGHT, Chart, Data, titles


def draw(panel: Panel, data: Data) -> Chart:
    """Draw the median of each group over its band, and a rule where answers are right."""
    names = panel.headings
    x: Any
    if panel.facts["ordinal"]:
        order = list(panel.columns["by"])
        x = alt.X("by:O", title=names["by"], sort=order, axis=alt.Axis(labelOverlap="greedy", labelAngle=-30))
    else:
        x = alt.X("by:Q", title=names["by"], scale=alt.Scale(zero=False))
    kind = "O" if panel.facts["ordinal"] else "Q"
    fields = [f"by:{kind}", names["by"]]
    fields += [part for name in ("rows", "low", "middle", "high") for part in (f"{name}:Q", names[name])]
    y = alt.Y("low:Q", title="Actual less predicted")
    band = alt.Chart(data).mark_area(opacity=0.25, color=BLUE).encode(x=x, y=y, y2="high:Q")
    middle = alt.Chart(data).mark_line(point={"size": 30}, color=BLUE)
    middle = middle.encode(x=x, y=alt.Y("middle:Q"), tooltip=titles(fields))
    zero = alt.Chart(data).mark_rule(color=GREY, strokeDash=[4, 4]).encode(y=alt.YDatum(0))
    return alt.layer(band, zero, middle).properties(height=HEIGHT)
