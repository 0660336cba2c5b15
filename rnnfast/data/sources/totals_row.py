"""A row of totals at the end of a table, as spreadsheets and reports write it: no step of any sequence."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pandas as pd

ENGLISH = {"total", "totals", "grand total", "subtotal", "sum", "average", "mean"}
OTHERS = {"summe", "gesamt", "gesamtsumme", "insgesamt", "mittelwert", "durchschnitt", "somme", "totale", "suma"}
WORDS = ENGLISH | OTHERS


def totals_word(cells: Iterable[Any]) -> str:
    """Return the first filled cell of a row where it says that the row holds totals, "" where it does not.

    In another column such a word is a value, such as a name of a statistic.
    """
    first = next((cell for cell in cells if not pd.isna(cell) and str(cell).strip()), "")
    text = first.strip() if isinstance(first, str) else ""
    return text if text.rstrip(":").casefold() in WORDS else ""


def without_totals(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows without the last one where it alone is one of totals, by a word that no other row has."""
    if len(rows) < 2 or not (word := totals_word(rows.iloc[-1])):
        return rows
    column = next(name for name in rows if totals_word(rows[name].iloc[-1:]))
    return rows if word in set(rows[column].iloc[:-1]) else rows.iloc[:-1]
