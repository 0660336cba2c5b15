"""A row of totals at the end of a table, as spreadsheets and reports write it: no step of any sequence."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pandas as pd

ENGLISH = {"total", "totals", "grand total", "subtotal", "sum", "average", "mean"}
OTHERS = {"summe", "gesamt", "gesamtsumme", "insgesamt", "mittelwert", "durchschnitt", "somme", "totale", "suma"}
WORDS = ENGLISH | OTHERS


def totals_word(cells: Iterable[Any]) -> str:
    """Return the cell of a row that says that it holds totals, "" where none does."""
    texts = (cell.strip() for cell in cells if isinstance(cell, str))
    return next((text for text in texts if text.rstrip(":").casefold() in WORDS), "")


def without_totals(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows without the last one where it alone is one of totals, by a word that no other row has."""
    if len(rows) < 2 or not (word := totals_word(rows.iloc[-1])):
        return rows
    column = next(name for name in rows if totals_word(rows[name].iloc[-1:]) == word)
    return rows if word in set(rows[column].iloc[:-1]) else rows.iloc[:-1]
