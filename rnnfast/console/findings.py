"""Findings and the verdict as a person sees them, at the end of `train` and `eval`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.text import Text

from rnnfast.console.screen import CAUTION, LABEL, Screen, fields

if TYPE_CHECKING:
    from rnnfast.findings.finding import Finding

STYLES = {"warning": CAUTION, "hint": LABEL}


def show_judgement(screen: Screen, findings: Sequence[Finding], verdict: str) -> None:
    """Print each finding with what to do, then the verdict; nothing with -q."""
    rows: list[tuple[str | Text, str | Text]] = [
        (Text(one.code, STYLES[one.severity]), f"{one.title}: {one.message}; {one.advice}") for one in findings
    ]
    if verdict:
        rows.append(("Verdict", verdict))
    if rows:
        screen.progress(Text(), fields(rows))
