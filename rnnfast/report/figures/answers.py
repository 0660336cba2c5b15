"""Answers of a sequence beside what is true."""

from __future__ import annotations

from typing import Any

import altair as alt

from rnnfast.report.content.panel import Panel
from rnnfast.report.figures.palette import BLUE, GREY, HEIGHT, Chart, Data, titles


def draw(panel: Panel, data: Data) -> Chart:
    """Draw two series over the steps: of two classes labels as points, and the threshold; of quantities intervals."""
    names, facts = panel.headings, panel.facts
    x = alt.X("step:Q", title=names["step"], scale=alt.Scale(zero=False, nice=False))
    scale = alt.Scale(domain=[0, 1]) if facts["unit"] else alt.Scale(zero=False)
    fields = [part for name in panel.columns for part in (f"{name}:{'N' if name == 'time' else 'Q'}", names[name])]

    def series(mark: Any, name: str) -> Any:
        y = alt.Y(f"{name}:Q", title=None, scale=scale)
        colour = alt.ColorDatum(names[name], title=None)
        return mark.encode(x=x, y=y, color=colour, tooltip=titles(fields))

    chart = alt.Chart(data)
    second = chart.mark_line(strokeWidth=1.6) if facts["second"] == "line" else chart.mark_circle(size=36, opacity=0.8)
    layers = [series(chart.mark_line(point={"size": 14}, strokeWidth=1.6), "prediction"), series(second, "truth")]
    if "low" in panel.columns:
        ends = alt.Y("low:Q", title=None, scale=scale)
        layers.insert(0, chart.mark_area(opacity=0.2, color=BLUE).encode(x=x, y=ends, y2="high:Q"))
    if "threshold" in facts:
        layers.insert(0, chart.mark_rule(color=GREY, strokeDash=[4, 4]).encode(y=alt.YDatum(facts["threshold"])))
    return alt.layer(*layers).properties(height=HEIGHT)
