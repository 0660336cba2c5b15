"""Columns that look like the steps of one series in each row: t0, t1, .. t59, where a table has a row for each step."""

from __future__ import annotations

import re
from collections.abc import Sequence

LEAST = 20  # columns
NUMBERED = re.compile(r"(?P<stem>.*?)_?(?P<number>\d+)")
STEMS = frozenset(
    {"", "t", "ts", "time", "step", "tick", "att", "sample", "d", "day", "h", "hour", "w", "week", "month", "year"}
)


def wide_series(names: Sequence[str]) -> tuple[str, ...]:
    """Return the longest run of columns that count up a word for a time, () where it is short."""
    longest: list[str] = []
    run: list[str] = []
    before: tuple[str, int] | None = None
    for name in names:
        match = NUMBERED.fullmatch(name)
        key = None if match is None else (match["stem"].casefold(), int(match["number"]))
        follows = key is not None and before is not None and key == (before[0], before[1] + 1)
        run = [*run, name] if follows else [name]
        before = key
        if key is not None and key[0] in STEMS and len(run) > len(longest):
            longest = run
    return tuple(longest) if len(longest) >= LEAST else ()


def wide_note(names: Sequence[str]) -> list[str]:
    """Say that columns look like steps."""
    steps = wide_series(names)
    if not steps:
        return []
    return [
        f"{steps[0]} to {steps[-1]} look like {len(steps)} steps of one series in each row, and are read as features "
        "of one step: a table has a row for each step (pandas.melt makes them)"
    ]
