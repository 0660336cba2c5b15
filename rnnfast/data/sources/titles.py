"""Lines above the header of a text table: a title, the date of an export."""

from __future__ import annotations

import csv
import shlex
from collections import Counter

from rnnfast.data.sources.formats import TEXT
from rnnfast.data.sources.source import Source, is_number
from rnnfast.errors import DataError

MOST_LINES = 50  # at the start of a file, that are looked at
SIGNS = ",;\t|"


def check_titles(source: Source, start: str) -> None:
    """Raise DataError where lines stand above the header; start: the first lines of a text.

    So it is where the first line has fewer cells than most of the lines, and the first one of these holds no number.
    """
    numbered = [(number, line) for number, line in enumerate(start.splitlines()[:MOST_LINES], 1) if line.strip()]
    lines = [line for _, line in numbered]
    widths = [len(row) for row in _rows(lines, source.delimiter)] if source.delimiter in SIGNS else []
    if not widths or 2 * widths.count(widths[0]) > len(widths):
        return
    tables = [rows for sign in SIGNS if (rows := _rows(lines, sign)) and _header(rows)]
    if not tables:
        return
    rows = max(tables, key=lambda rows: len(rows) - _header(rows))
    place, width = _header(rows), len(rows[0])
    line, name = numbered[place][0], shlex.quote(source.name)
    way = f": tail -n +{line} {name} > NEW.csv" if source.content is None and source.kind == TEXT else ""
    raise DataError(
        f"{source.name}, line {numbered[0][0]}: has {width} cell{'s' if width > 1 else ''} and most lines have "
        f"{len(rows[place])}, so the header seems to be line {line}; remove the lines above it{way}"
    )


def _rows(lines: list[str], sign: str) -> list[list[str]]:
    """Return the cells of each line, no line where a quoted cell spans several of them."""
    try:
        rows = list(csv.reader(lines, delimiter=sign, strict=True))
    except csv.Error:
        return []
    return rows if len(rows) == len(lines) else []


def _header(rows: list[list[str]]) -> int:
    """Return the first row that is as wide as most of them and holds no number; 0 where no row stands above it."""
    widths = [len(row) for row in rows]
    usual, count = Counter(widths).most_common(1)[0] if widths else (0, 0)
    if usual < 2 or widths[0] >= usual or 2 * count <= len(widths):
        return 0
    first = widths.index(usual)
    return 0 if any(map(is_number, rows[first])) else first
