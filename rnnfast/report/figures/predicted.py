"""Answers beside labels."""

from __future__ import annotations

import altair as alt

from rnnfast.report.content.panel import Panel
from rnnfast.report.figures.palette import BLUE, GREY, HEIGHT, Chart, Data, titles


def draw(panel: Panel, data: Data) -> Chart:
    """Draw a point for each row, over the diagonal."""
    names = panel.headings
    values = [value for column in panel.columns.values() for value in column if value is not None]
    low, high = min(values, default=0), max(values, default=1)
    x = alt.X("truth:Q", title=names["truth"], scale=alt.Scale(zero=False))
    y = alt.Y("prediction:Q", title=names["prediction"], scale=alt.Scale(zero=False))
    fields = ["truth:Q", names["truth"], "prediction:Q", names["prediction"]]
    points = alt.Chart(data).mark_circle(size=24, opacity=0.5, color=BLUE).encode(x=x, y=y, tooltip=titles(fields))
    base = alt.Chart(data).mark_rule(color=GREY, strokeDash=[4, 4])
    base = base.encode(x=alt.XDatum(low), y=alt.YDatum(low), x2=alt.X2Datum(high), y2=alt.Y2Datum(high))
    return alt.layer(base, points).properties(height=HEIGHT)
