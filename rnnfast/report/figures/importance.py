"""What the score loses without each input."""

from __future__ import annotations

import altair as alt

from rnnfast.report.content.panel import Panel
from rnnfast.report.figures.palette import BLUE, GREY, Chart, Data, titles

ROW = 19  # pixels of an input


def draw(panel: Panel, data: Data) -> Chart:
    """Draw a bar for each input with the spread of its repeats."""
    names, order = panel.headings, list(panel.columns["feature"])
    base = alt.Chart(data).encode(y=alt.Y("feature:N", title=None, sort=order, axis=alt.Axis(labelLimit=140)))
    base = base.transform_calculate(low="datum.drop - datum.spread", high="datum.drop + datum.spread")
    fields = ["feature:N", names["feature"], "drop:Q", names["drop"], "spread:Q", names["spread"]]
    bars = base.mark_bar(color=BLUE).encode(x=alt.X("drop:Q", title=names["drop"]), tooltip=titles(fields))
    spread = base.mark_rule(color=GREY).encode(x=alt.X("low:Q"), x2="high:Q")
    return alt.layer(bars, spread).properties(height=ROW * len(order) + ROW)
