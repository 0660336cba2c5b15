"""Sort a table on disk by sequence and time, in bounded memory: buckets of consecutive sequences, each sorted at once.

The columns of a directory are read through once and appended to buckets, and each bucket once: two passes over the
rows, whatever their number.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnfast.data.sequences.files import Appender, read_rows
from rnnfast.data.sequences.spans import ends

Integers = NDArray[np.int64]


Columns = dict[str, tuple[Any, int]]  # name: dtype, and numbers in a row (0: it is one-dimensional)

CODE, KEY, ROW = "code", "key", "row"
PASS_BYTES = 1 << 25  # of the rows that are handed to the buckets at a time


class Repeated(Exception):
    """Two rows of a sequence have the same time. Attributes: first, second (input rows)."""

    def __init__(self, first: int, second: int) -> None:
        self.first, self.second = first, second


def bucket_sort(directory: Path, columns: Columns, lengths: Integers, size: int, ties: bool = False) -> int:
    """Sort the rows of all columns by `code`, then by `key` where there is one; equal ones keep their order.

    columns: of the directory, `code` among them; lengths: (sequences,) rows of each code; size: bytes of a bucket.
    ties: whether rows of the same code and key are allowed. Returns: how many have those of the row before them.
    Writes: the columns, sorted, without code but with `row`, (rows,) int64: where each row was, where there was no such
    column before.
    Raises Repeated for two rows of the same code and key where they are not allowed.
    """
    row_bytes = sum(np.dtype(dtype).itemsize * max(width, 1) for dtype, width in columns.values()) + 8
    rows = ends(lengths)
    bucket = rows[1:] // max(size // row_bytes, 1)  # of each sequence, by its last row
    last = np.flatnonzero(np.append(bucket[1:] != bucket[:-1], True))  # codes that end a bucket
    everything: Columns = {**columns, ROW: (np.int64, 0)}
    places = [directory / f"bucket-{number}" for number in range(len(last))]
    _distribute(directory, columns, places, last, int(rows[-1]), max(PASS_BYTES // row_bytes, 1))
    with Appender(directory) as sorted_columns:
        first = count = 0
        for place, stop in zip(places, rows[last + 1].tolist(), strict=True):
            count += _sort(place, everything, stop - first, ties, sorted_columns)
            shutil.rmtree(place)
            first = stop
    return count


def _distribute(directory: Path, columns: Columns, places: list[Path], last: Integers, rows: int, step: int) -> None:
    """Append each row to its bucket, and remove the unsorted columns."""
    for place in places:
        place.mkdir()
    for begin in range(0, rows, step):
        stop = min(begin + step, rows)
        parts = {name: read_rows(directory / name, *kind, begin, stop) for name, kind in columns.items()}
        parts.setdefault(ROW, np.arange(begin, stop))
        bucket = np.searchsorted(last, parts[CODE])
        order = np.argsort(bucket, kind="stable")
        borders = np.searchsorted(bucket[order], np.arange(len(places) + 1))
        for number in np.flatnonzero(np.diff(borders)):
            members = order[borders[number] : borders[number + 1]]
            with Appender(places[number]) as out:
                for name, values in parts.items():
                    out.append(name, values[members])
    for name in columns:
        (directory / name).unlink()


def _sort(place: Path, columns: Columns, rows: int, ties: bool, out: Appender) -> int:
    """Sort one bucket and append it to the result; ties, what is returned: as of `bucket_sort`."""
    count = 0

    def read(name: str) -> NDArray[Any]:
        return read_rows(place / name, *columns[name], 0, rows)

    code = read(CODE)
    if KEY in columns:
        key = read(KEY)
        order = np.lexsort((key, code))
        code, key = code[order], key[order]
        same = (code[1:] == code[:-1]) & (key[1:] == key[:-1])
        count = int(same.sum())
        if count and not ties:
            position = int(same.argmax())
            row = read(ROW)
            raise Repeated(int(row[order[position]]), int(row[order[position + 1]]))
        del key
    else:
        order = np.argsort(code, kind="stable")
    del code
    for name in columns:
        if name != CODE:
            out.append(name, read(name)[order])
    return count
