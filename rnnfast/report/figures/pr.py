"""Precision beside recall, with the share of positives and the operating point."""

from __future__ import annotations

import altair as alt

from rnnfast.report.content.panel import Panel
from rnnfast.report.figures.operating_point import operating_point
from rnnfast.report.figures.palette import BLUE, GREY, HEIGHT, Chart, Data, share_axis


def draw(panel: Panel, data: Data) -> Chart:
    """Draw the curve in steps: a recall has the precision of the point that reaches it."""
    names = panel.headings
    x = share_axis("recall:Q", names["recall"], alt.X)
    y = share_axis("precision:Q", names["precision"], alt.Y)
    curve = alt.Chart(data).mark_line(interpolate="step-before", color=BLUE).encode(x=x, y=y, order="threshold:Q")
    base = alt.Chart(data).mark_rule(color=GREY, strokeDash=[4, 4]).encode(y=alt.YDatum(panel.facts["base"]))
    return alt.layer(base, curve, operating_point(panel, data, x, y)).properties(height=HEIGHT)
