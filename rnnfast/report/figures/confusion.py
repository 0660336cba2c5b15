"""Which classes are taken for which."""

from __future__ import annotations

import altair as alt

from rnnfast.report.content.panel import Panel
from rnnfast.report.figures.palette import Chart, Data, titles

CELL, LEAST = 26, 150  # pixels: of a class, and of the whole
READABLE = 0.5  # share from which on a cell is dark enough for white figures
FEW = 12  # classes whose counts are written into their cells


def draw(panel: Panel, data: Data) -> Chart:
    """Draw a cell for each pair, the darker the larger its share of the rows that are so; counts are written in few."""
    names, count = panel.headings, int(panel.facts["classes"])
    order = list(dict.fromkeys(panel.columns["truth"]))
    base = alt.Chart(data).encode(
        x=alt.X("prediction:N", title=names["prediction"], sort=order, axis=alt.Axis(labelAngle=0, labelLimit=80)),
        y=alt.Y("truth:N", title=names["truth"], sort=order, axis=alt.Axis(labelLimit=90)),
    )
    shade = alt.Color("share:Q", title=names["share"], legend=None, scale=alt.Scale(scheme="blues", domain=[0, 1]))
    fields = [
        "truth:N",
        names["truth"],
        "prediction:N",
        names["prediction"],
        "rows:Q",
        names["rows"],
        "share:Q",
        names["share"],
    ]
    cells = base.mark_rect(stroke="#8884").encode(color=shade, tooltip=titles(fields))
    layers = [cells]
    if count <= FEW:
        colour = alt.condition(f"datum.share > {READABLE}", alt.value("white"), alt.value("#223"))
        layers.append(base.mark_text().encode(text=alt.Text("rows:Q", format=",d"), color=colour))
    return alt.layer(*layers).properties(height=max(LEAST, CELL * count))
