"""Texts of few different values, which are likely to be categories: proposals to type, never choices."""

from __future__ import annotations

from collections.abc import Collection

import pandas as pd

from rnnfast.data.columns.candidates import SAMPLE_ROWS
from rnnfast.data.sources.source import typed
from rnnfast.data.sources.totals_row import without_totals

MOST_VALUES = 20  # different texts
LEAST_ROWS = 5.0  # of each, on average


def few_valued(rows: pd.DataFrame, names: Collection[str]) -> list[str]:
    """Return those of the columns that hold few different texts; rows: the first ones of a table."""
    rows = without_totals(rows.iloc[:SAMPLE_ROWS])
    counts = {name: rows[name].nunique() for name in names}
    return [name for name, count in counts.items() if 2 <= count <= MOST_VALUES and len(rows) >= LEAST_ROWS * count]


def categorical_option(names: Collection[str]) -> str:
    """Return what to type to make categories of the columns."""
    return typed("--categorical", *names)
