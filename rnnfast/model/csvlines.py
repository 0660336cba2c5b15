"""Cells as lines of CSV: the one writer of texts that come from tables, which a spreadsheet does not run.

A spreadsheet takes a cell that begins with = + - @, a tab or a carriage return for a formula, whatever quotes are
around it; such a text gets an apostrophe before it. Numbers stay as they are, of any sign.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Collection, Iterable, Sequence
from typing import Any, Protocol

FORMULA = ("=", "+", "-", "@", "\t", "\r")  # first signs
BEGINNING = re.compile(rf"\0[{re.escape(''.join(FORMULA))}]")
QUOTED = (",", '"', "\n", "\r")  # signs for which the writer puts quotes around a cell
NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?|[-+](inf|nan)", re.ASCII | re.IGNORECASE)


class Lines(Protocol):
    """What takes lines of text."""

    def write(self, text: str, /) -> object:
        """Write a line, or several."""


def harmless(cells: Iterable[Any]) -> list[Any]:
    """Return cells with an apostrophe before those that a spreadsheet would run."""
    return [
        f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) and not NUMBER.fullmatch(cell) else cell
        for cell in cells
    ]


def write_lines(
    stream: Lines, columns: Iterable[Sequence[Any]], texts: Collection[int] = (), raw: bool = False
) -> None:
    """Write a line for each row of the columns.

    texts: numbers of the columns that may hold any text; raw: these are written as they are, not made harmless.
    """
    shown, signs = list(columns), set[str]()
    for j in texts:
        text = "\0".join(("", *map(str, shown[j])))  # to look at all cells at once, as few columns have any of these
        signs.update(sign for sign in QUOTED if sign in text)
        if not raw and BEGINNING.search(text):
            shown[j] = harmless(shown[j])
    if not signs and len(shown) > 1:  # in a third of the writer's time
        for line in map(",".join, zip(*map(_as_texts, shown), strict=True)):
            stream.write(line + "\n")
        return
    rows = zip(*shown, strict=True)
    if "\r" in signs:
        # Else the writer would leave a carriage return without quotes, which ends a line for many readers.
        csv.writer(_OneSign(stream), lineterminator="\r\n").writerows(rows)
    else:
        csv.writer(stream, lineterminator="\n").writerows(rows)


def lines_of(columns: Iterable[Sequence[Any]], texts: Collection[int] = (), raw: bool = False) -> list[str]:
    """Return the lines that `write_lines` writes."""
    lines = _Texts()
    write_lines(lines, columns, texts, raw)
    return lines


def _as_texts(cells: Sequence[Any]) -> Iterable[str]:
    """Return cells as the texts that csv.writer makes of them; None is an empty one."""
    kinds = set(map(type, cells))
    if kinds == {str}:
        return cells
    return map(str, cells) if type(None) not in kinds else ("" if cell is None else str(cell) for cell in cells)


class _OneSign:
    """Ends lines with a single sign."""

    def __init__(self, stream: Lines) -> None:
        self._write = stream.write

    def write(self, line: str) -> object:
        return self._write(f"{line[:-2]}\n")


class _Texts(list[str]):
    """Takes a line at a time."""

    write = list.append


class CsvLines:
    """Lines of an output. kinds: of each column, as of `output.opened`; raw: texts are written as they are."""

    def __init__(self, stream: Lines, kinds: Iterable[str], raw: bool) -> None:
        self._stream, self._raw = stream, raw
        self._texts = frozenset(j for j, kind in enumerate(kinds) if kind == "text")

    def add(self, columns: Iterable[Sequence[Any]]) -> None:
        """Write a line for each row of the columns."""
        write_lines(self._stream, columns, self._texts, self._raw)

    def texts(self, columns: Iterable[Sequence[Any]]) -> list[str]:
        """Return these lines, to be written later."""
        return lines_of(columns, self._texts, self._raw)

    def write(self, text: str, /) -> None:
        """Write lines that `texts` returned."""
        self._stream.write(text)
