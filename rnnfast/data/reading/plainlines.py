"""A few lines of CSV without the parser of tables, which costs a row that comes alone a hundred times as much.

Lines are read so where that leaves no doubt: cells that are numbers of at most 15 digits, empty, or categories, and no
quotes. All others are left to the parser of tables, so that messages have one source and a cell means the same there.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rnnfast.data.columns.schema import Schema
from rnnfast.data.reading.live import ONLY_ID, LiveRows, wanted
from rnnfast.data.sources.origin import Origin
from rnnfast.data.sources.parsing import EMPTY
from rnnfast.data.sources.source import SPACES, Source
from rnnfast.data.sources.texts import numbers_of_texts

FEW, SHORT = 100, 1 << 17  # lines and bytes; of more the parser of tables is the quicker one
NUMBER = re.compile(r"[-+]?(\d+\.?(\d*))(?:[eE]([-+]?\d\d?))?", re.ASCII)
# Of so many digits times such a power of ten every reader makes the same float64.
DIGITS, POWER = 15, 22
SEEN = 17  # digits that the parser of tables looks at, zeros in front among them
GAPS = frozenset(EMPTY)


def plain_lines(lines: bytes, source: Source, schema: Schema) -> LiveRows | None:
    """Read whole lines; None where a table has to look at them.

    source: of these lines below their header.
    """
    if len(lines) > SHORT or lines.count(b"\n") > FEW or b'"' in lines or not _is_plain(source, schema):
        return None
    rows = _cells_of(lines, source)
    names = wanted(schema)
    if rows is None or not set(names) <= set(source.columns):
        return None
    cells = dict(zip(source.columns, zip(*rows, strict=True), strict=True))
    x, categories = np.empty((len(rows), len(schema.features))), dict[str, tuple[str, ...]]()
    for j, name in enumerate(schema.features):
        if name in schema.categorical:
            x[:, j], categories[name] = _indices(cells[name])
        elif (values := _numbers(cells[name])) is not None:
            x[:, j] = values
        else:
            return None
    ids = [ONLY_ID] * len(rows) if schema.id is None else list(cells[schema.id])
    if schema.id is not None and not all(text and text == text.strip() for text in ids):
        return None
    times = None if schema.time is None else numbers_of_texts(cells[schema.time])
    if schema.time is not None and times is None:
        return None
    key, dates = (None, False) if times is None else times
    time = None if schema.time is None else np.array(cells[schema.time], object)
    return LiveRows(ids, x, categories, np.empty((len(rows), 0)), key, dates, time, Origin([source], [0, len(rows)]))


def _is_plain(source: Source, schema: Schema) -> bool:
    """Whether cells are texts between two signs, and no input is made of the targets."""
    marks = source.delimiter != SPACES and source.decimal == "."
    return marks and not (source.typed or source.headerless or schema.lag_target)


def _cells_of(lines: bytes, source: Source) -> list[list[str]] | None:
    """Return the cells of each line; None where one is blank, or has not as many as the header."""
    try:
        text = lines.decode().replace("\r\n", "\n").removesuffix("\n")
    except UnicodeDecodeError:
        return None
    if "\r" in text or "\0" in text:
        return None
    texts, width = text.split("\n"), len(source.columns)
    rows = [line.split(source.delimiter) for line in texts]
    return rows if all(map(str.strip, texts)) and all(len(cells) == width for cells in rows) else None


def _numbers(cells: Sequence[str]) -> list[float] | None:
    """Return cells as numbers, NaN for empty ones; None where one is anything else, or has too many digits."""
    values = list[float]()
    for cell in cells:
        if _is_short(cell):
            values.append(float(cell))
        elif cell in GAPS:
            values.append(np.nan)
        else:
            return None
    return values


def _is_short(cell: str) -> bool:
    """Whether a cell is a number that all readers take for the same."""
    number = NUMBER.fullmatch(cell)
    if number is None:
        return False
    whole, decimals, power = number.groups("0")
    digits = whole.replace(".", "")
    few = len(digits) <= SEEN and len(digits.lstrip("0")) <= DIGITS
    return few and abs(int(power) - len(decimals)) <= POWER


def _indices(cells: Sequence[str]) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Return indices and texts of a column as `columns.categories.categories` does."""
    texts = [cell.strip() for cell in cells]
    distinct = sorted(set(texts) - GAPS)
    place = {text: float(k) for k, text in enumerate(distinct)}
    return np.array([place.get(text, np.nan) for text in texts]), tuple(distinct)
