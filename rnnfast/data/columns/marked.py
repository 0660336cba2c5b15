"""Columns of texts that are numbers with more signs than a number has here: "1,448", "47 %", "$3.20"."""

from __future__ import annotations

import re
from typing import Any

import pandas as pd

SAMPLE = 1000  # different cells that are looked at
MOSTLY = 0.9  # share of them that are numbers, from which on the column is one of numbers
GROUPED = r"\d{1,3}(?:([,.' \u00a0\u202f])\d{3})(?:\1\d{3})*(?:[.,]\d+)?"
SIMPLE = r"\d+(?:[.,]\d+)?"
CURRENCY = r"[$€£¥]|EUR|USD|GBP|CHF"
UNIT = rf"{CURRENCY}|%|°|°?[CFK]|k?[gmWVAsJ]|[cm]m|k?Wh|k?Hz|h|min|mph|km/h|bar|h?Pa|[kMG]B"
MARKED = re.compile(rf"(?:(?:{CURRENCY})\s?)?[-+]?(?:{GROUPED}|{SIMPLE})\s?(?:{UNIT})?")
PLAIN = re.compile(r"[-+]?\d*\.?\d*(?:[eE][-+]?\d+)?")


def marked_number(series: pd.Series[Any]) -> str:
    """Return the first cell of a column of such numbers that is none as it stands, "" where it is another column."""
    distinct = [str(cell).strip() for cell in series.dropna().unique()[:SAMPLE]]
    marked = [cell for cell in distinct if not PLAIN.fullmatch(cell)]
    others = sum(not MARKED.fullmatch(cell) for cell in marked)
    return marked[0] if marked and others <= (1 - MOSTLY) * len(distinct) and MARKED.fullmatch(marked[0]) else ""
