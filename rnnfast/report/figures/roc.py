"""Recall beside the share of negatives that raise an alarm."""

from __future__ import annotations

import altair as alt

from rnnfast.report.content.panel import Panel
from rnnfast.report.figures.operating_point import operating_point
from rnnfast.report.figures.palette import BLUE, GREY, HEIGHT, Chart, Data, share_axis


def draw(panel: Panel, data: Data) -> Chart:
    """Draw the curve over the diagonal, which alarms at random have."""
    names = panel.headings
    x, y = share_axis("fpr:Q", names["fpr"], alt.X), share_axis("recall:Q", names["recall"], alt.Y)
    curve = alt.Chart(data).mark_line(color=BLUE).encode(x=x, y=y, order="threshold:Q")
    base = alt.Chart(data).mark_rule(color=GREY, strokeDash=[4, 4])
    base = base.encode(x=alt.XDatum(0), y=alt.YDatum(0), x2=alt.X2Datum(1), y2=alt.Y2Datum(1))
    return alt.layer(base, curve, operating_point(panel, data, x, y)).properties(height=HEIGHT)
