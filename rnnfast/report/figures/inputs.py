"""A few inputs of a sequence."""

from __future__ import annotations

import altair as alt

from rnnfast.report.content.panel import Panel
from rnnfast.report.figures.palette import Chart, Data, titles

HEIGHT = 160


def draw(panel: Panel, data: Data) -> Chart:
    """Draw a line for each input over the steps."""
    names = panel.headings
    inputs = [name for name in panel.columns if name.startswith("input")]
    fields = [part for name in panel.columns for part in (f"{name}:{'N' if name == 'time' else 'Q'}", names[name])]
    lines = [
        alt.Chart(data)
        .mark_line(strokeWidth=1.4)
        .encode(
            x=alt.X("step:Q", title=names["step"], scale=alt.Scale(zero=False, nice=False)),
            y=alt.Y(f"{name}:Q", title="Standard deviations"),
            color=alt.ColorDatum(names[name], title=None),
            tooltip=titles(fields),
        )
        for name in inputs
    ]
    return alt.layer(*lines).properties(height=HEIGHT)
