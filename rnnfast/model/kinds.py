"""Kinds of the columns of a forecast, the same as those of predictions, and cells as values of their kind."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from rnnfast.data.reading.carried import KINDS

TYPES = {"integer": np.int64, "boolean": np.bool_, "float32": np.float32, "float64": np.float64}
VALUES: dict[str, Callable[[Any], Any]] = {
    "integer": int,
    "boolean": lambda cell: str(cell).lower() == "true",
    "float32": float,
    "float64": float,
    "text": str,
}


class KeyKinds:
    """Finds out what ids or times are, block after block, as predictions do: by the texts of all cells with a value."""

    def __init__(self) -> None:
        self._possible: dict[str, list[str]] = {}

    def add(self, name: str, cells: Iterable[Any]) -> None:
        """Look at further cells of a column."""
        texts = {str(cell) for cell in cells} - {""}
        possible = self._possible.get(name, list(KINDS))
        self._possible[name] = [kind for kind in possible if all(map(KINDS[kind].fullmatch, texts))]

    def kinds(self) -> dict[str, str]:
        """Return the narrowest kind of each column; one without any value, which may have all, is text."""
        return {
            name: possible[0] if 0 < len(possible) < len(KINDS) else "text" for name, possible in self._possible.items()
        }


def values(cells: Iterable[Any], kind: str) -> list[Any]:
    """Return cells as plain values, empty ones as None."""
    return [None if cell is None else VALUES[kind](cell) for cell in cells]
