"""One event row by row: the answer, its alarms, and the truth."""

from __future__ import annotations

import altair as alt

from rnnfast.report.content.panel import Panel
from rnnfast.report.figures.palette import BLUE, GREY, HEIGHT, ORANGE, Chart, Data, titles
from rnnfast.report.figures.warning import begin_and_threshold


def draw(panel: Panel, data: Data) -> Chart:
    """Draw the answer as a line, alarms as points on it, and positive rows as a shade."""
    names = panel.headings
    x = alt.X("row:Q", title=names["row"], scale=alt.Scale(zero=False, nice=False))
    y = alt.Y("score:Q", title=names["score"], scale=alt.Scale(domain=[0, 1]))
    kinds = {"time": "N", "alarm": "N"}
    fields = [part for name in panel.columns for part in (f"{name}:{kinds.get(name, 'Q')}", names[name])]
    chart = alt.Chart(data)
    truth = chart.mark_area(interpolate="step", opacity=0.25, color=GREY).encode(x=x, y="truth:Q")
    line = chart.mark_line(color=BLUE, strokeWidth=1.6).encode(x=x, y=y, tooltip=titles(fields))
    alarms = chart.mark_circle(size=40, opacity=1, color=ORANGE).encode(x=x, y=y, tooltip=titles(fields))
    layers = (truth, *begin_and_threshold(panel, data), line, alarms.transform_filter("datum.alarm === 'yes'"))
    return alt.layer(*layers).properties(height=HEIGHT)
