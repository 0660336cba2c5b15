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
NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?|[-+](inf|nan)", re.IGNORECASE)


class Raw(str):
    """Name of an output file whose texts are written as they are, formulas too."""

    __slots__ = ()


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


def write_lines(stream: Lines, columns: Iterable[Sequence[Any]], texts: Collection[int] = ()) -> None:
    """Write a line for each row of the columns; texts: numbers of those that are made harmless."""
    shown = (harmless(cells) if j in texts else cells for j, cells in enumerate(columns))
    # With "\n" alone the writer would leave a carriage return without quotes, which ends a line for many readers.
    csv.writer(_OneSign(stream), lineterminator="\r\n").writerows(zip(*shown, strict=True))


def lines_of(columns: Iterable[Sequence[Any]], texts: Collection[int] = ()) -> list[str]:
    """Return the lines that `write_lines` writes."""
    lines = _Texts()
    write_lines(lines, columns, texts)
    return lines


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
        self._stream = stream
        self._texts = frozenset() if raw else frozenset(j for j, kind in enumerate(kinds) if kind == "text")

    def add(self, columns: Iterable[Sequence[Any]]) -> None:
        """Write a line for each row of the columns."""
        write_lines(self._stream, columns, self._texts)

    def texts(self, columns: Iterable[Sequence[Any]]) -> list[str]:
        """Return these lines, to be written later."""
        return lines_of(columns, self._texts)

    def write(self, text: str, /) -> None:
        """Write lines that `texts` returned."""
        self._stream.write(text)
