"""Answers and alarms of all events over each other."""

from __future__ import annotations

from typing import Any

import altair as alt

from rnnfast.report.content.panel import Panel
from rnnfast.report.figures.palette import BLUE, GREY, HEIGHT, Chart, Data, titles


def draw(panel: Panel, data: Data) -> Chart:
    """Draw the median answer over its band, the share of events with an alarm so far, and where an event begins."""
    names = panel.headings
    x = alt.X("row:Q", title=names["row"], axis=alt.Axis(tickMinStep=1), scale=alt.Scale(zero=False, nice=False))
    share = alt.Scale(domain=[0, 1])
    fields = [part for name in panel.columns for part in (f"{name}:Q", names[name])]
    chart = alt.Chart(data)

    def line(name: str, **look: Any) -> Any:
        y = alt.Y(f"{name}:Q", title=None, scale=share)
        mark = chart.mark_line(point={"size": 14}, **look)
        return mark.encode(x=x, y=y, color=alt.ColorDatum(names[name], title=None), tooltip=titles(fields))

    return alt.layer(
        chart.mark_area(opacity=0.2, color=BLUE).encode(x=x, y=alt.Y("low:Q", title=None, scale=share), y2="high:Q"),
        *begin_and_threshold(panel, data),
        line("middle"),
        line("caught", interpolate="step-after"),
        line("alarms", strokeDash=[2, 2]),
    ).properties(height=HEIGHT)


def begin_and_threshold(panel: Panel, data: Data) -> list[Chart]:
    """Draw where an event begins, what it foretells, and from where on there is an alarm."""
    facts = panel.facts
    rule = alt.Chart(data).mark_rule(color=GREY)
    dashed = alt.Chart(data).mark_rule(color=GREY, strokeDash=[4, 4])
    places = [0, *([facts["horizon"]] if 0 < facts["horizon"] <= max(panel.columns["row"]) else [])]
    return [
        *(rule.encode(x=alt.XDatum(place)) for place in places),
        dashed.encode(y=alt.YDatum(facts["threshold"])),
    ]
