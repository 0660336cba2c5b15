"""The point of a threshold on a curve; a page moves it with its slider."""

from __future__ import annotations

from typing import Any

import altair as alt

from rnnfast.report.content.panel import Panel
from rnnfast.report.figures.palette import ORANGE, Chart, Data, titles

THRESHOLD = "threshold_now"  # the parameter that says which threshold it is


def operating_point(panel: Panel, data: Data, x: Any, y: Any) -> Chart:
    """Draw the point of a panel whose threshold is that of the model."""
    now = alt.param(name=THRESHOLD, value=panel.facts["at"])
    names = panel.headings
    fields = [part for name in panel.columns for part in (f"{name}:Q", names[name])]
    point = alt.Chart(data).mark_point(size=130, filled=True, color=ORANGE, opacity=1)
    return (
        point.encode(x=x, y=y, tooltip=titles(fields))
        .transform_filter(f"datum.threshold === {THRESHOLD}")
        .add_params(now)
    )
