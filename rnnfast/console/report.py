"""What was written of a run's worth."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from rnnfast.console.screen import Screen, fields

if TYPE_CHECKING:
    from rnnfast.report.run import Report


def show_report(screen: Screen, report: Report) -> None:
    """Print the verdict, the page and the figures."""
    screen.result(Text(report.verdict))
    rows = [("Page", f"{report.output} ({report.bytes / 1e6:.2f} MB, {len(report.figures)} figures)")]
    if report.files:
        rows.append(("Figures", f"{len(report.files):,} files, SVG and PNG"))
    screen.result(Text(), fields(rows))
