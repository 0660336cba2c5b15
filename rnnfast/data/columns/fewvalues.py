"""Texts of few different values, which are likely to be categories: proposals to type, never choices."""

from __future__ import annotations

import shlex
from collections.abc import Collection

import pandas as pd

from rnnfast.data.columns.candidates import SAMPLE_ROWS

MOST_VALUES = 20  # different texts
LEAST_ROWS = 5.0  # of each, on average


def few_valued(rows: pd.DataFrame, names: Collection[str]) -> list[str]:
    """Return those of the columns that hold few different texts; rows: the first ones of a table."""
    rows = rows.iloc[:SAMPLE_ROWS]
    counts = {name: rows[name].nunique() for name in names}
    return [name for name, count in counts.items() if 2 <= count <= MOST_VALUES and len(rows) >= LEAST_ROWS * count]


def categorical_option(names: Collection[str]) -> str:
    """Return what to type to make categories of the columns; a comma in a name becomes a sign that matches any."""
    return f"--categorical {shlex.quote(','.join(name.replace(',', '?') for name in names))}"
