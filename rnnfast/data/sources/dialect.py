"""Which sign separates the cells of a text table, and which one marks its decimals: a point, or a comma as in "1,5".

Both are recognised from the first rows. A comma can mark decimals where another sign separates the cells.
"""

from __future__ import annotations

import csv
import re
from typing import Any

import pandas as pd

from rnnfast.data.sources.options import USUAL, FileOptions
from rnnfast.data.sources.source import spaced, unspaced

SEPARATORS = {",": "commas", "\t": "tabs", ";": "semicolons", "|": "vertical bars"}
EXPONENT = r"(?:[eE][+-]?\d+)?"
COMMA_NUMBER = re.compile(rf"\s*[+-]?\d*,\d+{EXPONENT}\s*")
POINT_NUMBER = re.compile(rf"\s*[+-]?(?:\d+\.\d*|\.\d+){EXPONENT}\s*")
NUMBER = re.compile(rf"{COMMA_NUMBER.pattern}|{POINT_NUMBER.pattern}|\s*[+-]?\d+\s*")
EXCHANGE = str.maketrans(",.", ".,")
MOSTLY = 0.5  # share of distinct cells that are numbers, from which a column with text counts as a damaged numeric one
SAMPLE_ROWS = 1000  # whose cells tell separator and decimal mark


def recognise(start: bytes, name: str, options: FileOptions = USUAL) -> tuple[str, str]:
    """Return separator and decimal mark of a table.

    start: its first bytes, of whole lines where there are several; name: of the file; one that ends in .tsv is
    separated by tabs. options: may name the separator; one that a model remembers is tried before the usual ones.
    """
    text = start.decode("utf-8", errors="replace").lstrip()
    stem = re.sub(r"\.(gz|zst|zip)$", "", name.lower())
    usual = ("\t",) if stem.endswith(".tsv") else tuple(SEPARATORS)
    own = () if options.separator is None else (options.separator,)
    rows = {sign: _rows(text, sign) for sign in (own if own and options.sure else (*own, *usual))}
    separator = max(rows, key=lambda sign: _fit(rows[sign]))
    return separator, "." if separator == "," else _decimal(rows[separator])


def _rows(text: str, separator: str) -> list[list[str]]:
    """Cells of the header and the first rows; blank lines are left out."""
    rows: list[list[str]] = []
    try:
        lines = text.splitlines(keepends=True)[: SAMPLE_ROWS + 1]
        for line in csv.reader(spaced(lines, separator), delimiter=separator):
            cells = unspaced(line, separator)
            if len(cells) > 1 or (cells and cells[0].strip()):
                rows.append(cells)
    except csv.Error:
        pass
    return rows


def _fit(rows: list[list[str]]) -> tuple[float, int]:
    """How well a separator fits: the share of rows with as many cells as the header, then that number."""
    width = len(rows[0]) if rows else 0
    if width < 2:
        return 0.0, 0
    return sum(len(cells) == width for cells in rows) / len(rows), width


def _decimal(rows: list[list[str]]) -> str:
    """Return the mark of most numbers with decimals."""
    cells = [cell for row in rows[1:] for cell in row]
    commas = sum(COMMA_NUMBER.fullmatch(cell) is not None for cell in cells)
    return "," if commas > sum(POINT_NUMBER.fullmatch(cell) is not None for cell in cells) else "."


def notes(sources: list[Any]) -> list[str]:
    """Say what is not usual about the text of tables; sources: as in `Source`."""
    signs = {(source.delimiter, source.decimal) for source in sources if not source.typed}
    names = sorted({SEPARATORS[delimiter] for delimiter, _ in signs if delimiter in ";|"})
    texts = [f"cells are separated by {' and '.join(names)}"] if names else []
    texts += ["decimals are written with a comma"] if any(decimal == "," for _, decimal in signs) else []
    return [", ".join(texts)] if texts else []


def as_points(series: pd.Series[Any], decimal: str) -> pd.Series[Any]:
    """Return a text column with the marks of its numbers exchanged where the table marks decimals with a comma.

    What the table means as a number is then one to Python, and a number with the other mark is none.
    A column that is mostly text stays as it is.
    """
    if decimal == ".":
        return series
    codes, distinct = pd.factorize(series.astype(object))
    cells = pd.Series(distinct, dtype=object)
    # In a large file the parser may have turned parts of the column into numbers already.
    text = cells.map(lambda cell: isinstance(cell, str)).astype(bool)
    numbers = text & cells.where(text, "").astype(str).str.fullmatch(NUMBER).astype(bool)
    if (numbers | ~text).sum() < MOSTLY * len(cells):
        return series
    cells[numbers] = cells[numbers].str.translate(EXCHANGE)
    return pd.Series(cells.reindex(codes).to_numpy(), index=series.index, dtype=object)


def with_points(series: pd.Series[Any]) -> pd.Series[Any]:
    """Return a text column whose numbers with a comma have a point instead."""
    cells = series.astype(object)
    numbers = cells.str.fullmatch(COMMA_NUMBER).fillna(False).astype(bool)
    return cells.where(~numbers, cells.str.replace(",", ".", regex=False)) if numbers.any() else series


def foreign_marks(series: pd.Series[Any]) -> int:
    """Count the numbers of a text column that are marked otherwise than those of their table; as of `as_points`."""
    return int(series.dropna().astype(str).str.fullmatch(COMMA_NUMBER).sum())


def hint(cell: str, separator: str, decimal: str) -> str:
    """Say what may be wrong with the marks of a cell that is no number."""
    if separator != "," and (POINT_NUMBER if decimal == "," else COMMA_NUMBER).fullmatch(cell):
        mark = "comma" if decimal == "," else "point"
        return f"; the table marks decimals with a {mark}: write them all so, without separators of thousands"
    if "," in cell and cell.replace(",", "").replace(".", "").strip("+- ").isdigit():
        return "; write decimals with a point and no separators of thousands"
    return ""
