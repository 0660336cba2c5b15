"""Columns of text without a Python object for each row: Arrow's strings, where pyarrow is there.

Ids and times are compared as numbers, and their texts are wanted for a few rows or at the very end. Arrow keeps "007"
as it is, in a tenth of the time that objects take.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

NINE = ord("9")
SAMPLE = 1000  # cells that tell the kind of a column
MICROSECOND = 1000  # ns
LARGEST = 2**63 - 1


def compact_type() -> Any:
    """Return the type of pandas for a column of text as Arrow's strings; object where pyarrow is not installed."""
    try:
        import pyarrow as pa
    except ImportError:
        return object
    return pd.ArrowDtype(pa.large_string())


def is_compact(series: pd.Series[Any]) -> bool:
    """Whether a column holds Arrow's strings."""
    return isinstance(series.dtype, pd.ArrowDtype) and series.dtype.type is str


class Texts:
    """(rows,) texts that are made when they are looked at; otherwise like an array of objects.

    cells: (n,) array of pandas with Arrow's strings, or objects; rows: (rows,) int64, the place in `cells` of each
    text, None for all in order.
    """

    dtype = np.dtype(object)

    def __init__(self, cells: Any, rows: NDArray[np.int64] | None = None) -> None:
        self.cells = cells
        self.rows = rows

    @property
    def shape(self) -> tuple[int]:
        """Number of texts."""
        return (len(self),)

    def take(self, rows: NDArray[np.int64], axis: int = 0) -> Texts:
        """Return the texts at these places; shares the cells."""
        return Texts(self.cells, rows if self.rows is None else self.rows.take(rows))

    def tolist(self) -> list[str]:
        """Return the texts as a list."""
        texts: list[str] = np.asarray(self).tolist()
        return texts

    def __len__(self) -> int:
        return len(self.cells) if self.rows is None else len(self.rows)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, int | np.integer):
            return self.cells[index if self.rows is None else self.rows[index]]
        return np.asarray(self.take(np.arange(len(self))[index]))

    def __iter__(self) -> Iterator[str]:
        return iter(self.tolist())

    def __eq__(self, other: object) -> Any:
        return np.asarray(self) == np.asarray(other, dtype=object)

    __hash__ = None  # type: ignore[assignment]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        cells = self.cells if self.rows is None else self.cells.take(self.rows)
        return as_objects(cells).astype(dtype or object, copy=False)

    def __reduce__(self) -> tuple[Any, ...]:
        return Texts, (np.asarray(self),)

    def __repr__(self) -> str:
        return f"Texts({np.asarray(self)!r})"


def as_objects(cells: Any) -> NDArray[Any]:
    """Return (rows,) texts of any kind as Python objects."""
    if isinstance(cells, np.ndarray):
        return cells.astype(object, copy=False)
    return np.asarray(cells.to_numpy(dtype=object, na_value=np.nan))


def cells_of(series: pd.Series[Any]) -> Any:
    """Return the cells of a column that keeps its text: Arrow's strings or objects."""
    return series.array if is_compact(series) else series.to_numpy(dtype=object)


def numbers_of(series: pd.Series[Any]) -> tuple[NDArray[Any], bool] | None:
    """Return a column of Arrow's strings as numbers, as of `numbers_of_texts`; None for any other column."""
    return numbers_of_texts(series.array) if is_compact(series) else None


def numbers_of_texts(texts: Any) -> tuple[NDArray[Any], bool] | None:
    """Return texts as (rows,) numbers: whole ones, others, or nanoseconds of ISO dates in UTC.

    The second value says whether they are dates. None where a text is none of the kind of the first, or pyarrow is not
    installed; another reader may see more in it.
    """
    try:
        import pyarrow as pa
    except ImportError:
        return None
    cells = pa.chunked_array(pa.array(texts, pa.large_string()))
    for kind in (pa.int64(), pa.float64(), pa.timestamp("us"), pa.timestamp("us", "UTC")):
        try:
            cells.slice(0, SAMPLE).cast(kind)  # a cast that fails at the first cell looks at all of them
            values = cells.cast(kind)
        except pa.ArrowInvalid:
            continue
        if values.null_count or (pa.types.is_integer(kind) and not _decimal(cells)):
            return None
        if pa.types.is_timestamp(kind):
            nanoseconds = _nanoseconds(values.cast(pa.int64()).to_numpy())
            return None if nanoseconds is None else (nanoseconds, True)
        numbers: NDArray[Any] = values.to_numpy()
        return (numbers, False) if np.isfinite(numbers).all() else None
    return None


def numbered(cells: Any) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """Number Arrow's strings in the order of their first appearance.

    Returns: (rows,) the number of each, and the different texts as objects.
    """
    import pyarrow as pa

    chunked = pa.chunked_array(pa.array(cells))
    numbers = None
    with suppress(pa.ArrowInvalid):
        chunked.slice(0, SAMPLE).cast(pa.int64())
        numbers = chunked.cast(pa.int64())
    if numbers is not None and not numbers.null_count:  # numbers are told apart twice as quickly as texts
        codes, distinct = pd.factorize(numbers.to_numpy())
        texts = np.array([str(number) for number in distinct.tolist()], dtype=object)
        # A number has one shortest spelling: as many bytes as these take together means that all are written so.
        shortest = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts)) @ np.bincount(codes)
        if shortest == sum(_bytes(chunk) for chunk in chunked.chunks):
            return codes, texts
    codes, distinct = pd.factorize(cells)
    return codes, as_objects(distinct)


def _bytes(chunk: Any) -> int:
    """Number of bytes of Arrow's strings."""
    offsets = np.frombuffer(chunk.buffers()[1], dtype=np.int64)[chunk.offset : chunk.offset + len(chunk) + 1]
    return int(offsets[-1] - offsets[0])


def _decimal(cells: Any) -> bool:
    """Whether no cell holds a letter: "0x10" is a number to Arrow alone."""
    contents = [np.frombuffer(chunk.buffers()[2], dtype=np.uint8) for chunk in cells.chunks if chunk.buffers()[2]]
    return all(int(content.max(initial=0)) <= NINE for content in contents)


def _nanoseconds(microseconds: NDArray[np.int64]) -> NDArray[np.int64] | None:
    """Return instants in nanoseconds, None where these do not fit 64 bits."""
    if len(microseconds) and max(int(microseconds.max()), -int(microseconds.min())) > LARGEST // MICROSECOND:
        return None
    return microseconds * MICROSECOND
