"""Probabilities beside what came true."""

from __future__ import annotations

import altair as alt

from rnnfast.report.content.panel import Panel
from rnnfast.report.figures.palette import BLUE, GREY, HEIGHT, Chart, Data, share_axis, titles


def draw(panel: Panel, data: Data) -> Chart:
    """Draw a point for each bin, over the diagonal."""
    names = panel.headings
    most = panel.facts["most"]
    x = share_axis("probability:Q", names["probability"], alt.X, most)
    y = share_axis("share:Q", names["share"], alt.Y, most)
    fields = [part for name in panel.columns for part in (f"{name}:Q", names[name])]
    line = alt.Chart(data).mark_line(point={"size": 45}, color=BLUE).encode(x=x, y=y, tooltip=titles(fields))
    base = alt.Chart(data).mark_rule(color=GREY, strokeDash=[4, 4])
    base = base.encode(x=alt.XDatum(0), y=alt.YDatum(0), x2=alt.X2Datum(most), y2=alt.Y2Datum(most))
    return alt.layer(base, line).properties(height=HEIGHT)
