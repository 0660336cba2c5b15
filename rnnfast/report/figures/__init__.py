"""Figures of panels by Altair: one file for each kind, whose `draw` makes a chart of the numbers."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from rnnfast.errors import RnnfastError
from rnnfast.report.content.panel import Panel

ROWS = "rows"  # the name under which a page has the numbers of a panel
WIDTH = 460  # pixels of a figure that stands alone


def check_libraries() -> None:
    """Raise RnnfastError where the libraries that draw are not installed."""
    for library in ("altair", "vl_convert"):
        try:
            import_module(library)
        except ImportError:
            raise RnnfastError(
                f"{library} is not installed, which draws figures: pip install 'rnnfast[report]'"
            ) from None


def chart(*panels: Panel) -> Any:
    """Return panels with their numbers below each other: a chart of Altair, which notebooks show."""
    import altair as alt

    from rnnfast.report.figures.palette import CONFIG

    charts = [
        _draw(panel, alt.InlineData(values=panel.rows)).properties(title=panel.title, width=WIDTH) for panel in panels
    ]
    together = charts[0] if len(charts) == 1 else alt.vconcat(*charts).resolve_scale(color="independent")
    return together.configure(**CONFIG)


def specification(panel: Panel) -> dict[str, Any]:
    """Return the Vega-Lite of a panel without its numbers, as wide as where it stands."""
    import altair as alt

    drawn = _draw(panel, alt.NamedData(name=ROWS)).properties(width="container")
    values: dict[str, Any] = drawn.to_dict(validate=False)
    values.pop("$schema", None)
    values.pop("config", None)
    return values


def _draw(panel: Panel, data: Any) -> Any:
    return import_module(f"rnnfast.report.figures.{panel.kind}").draw(panel, data)
