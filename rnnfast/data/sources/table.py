"""Read the rows of sources into one DataFrame: one call of pandas' C parser per text file, and cheap checks after it.

Rows are looked at one by one only to name the line of an error. Columns that must keep their text (ids, times) are read
as text, so that "007" stays "007" and an id "NA" stays an id.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from rnnfast.data.sources.dialect import as_points
from rnnfast.data.sources.origin import Origin
from rnnfast.data.sources.parsing import check_cells, even, parse, readable
from rnnfast.data.sources.source import Source, common_columns, short
from rnnfast.errors import DataError

NO_CELLS = (complex, np.complexfloating, tuple)  # what cannot be hashed is none either
CHUNK = 1 << 20  # bytes hashed at a time


Result = TypeVar("Result")


@dataclass
class Table:
    """All rows of one or several sources, in order.

    frame: (rows, columns) with RangeIndex; starts: first row of each source, then the number of rows.
    digest: sha256 of the files' bytes as stored, one after the other (for a DataFrame: of its values); being computed.
    """

    frame: pd.DataFrame
    sources: list[Source]
    starts: list[int]
    digest: Future[str]

    @property
    def rows(self) -> int:
        """Number of rows."""
        return self.starts[-1]

    @property
    def origin(self) -> Origin:
        """What finds file and line of a row."""
        return Origin(self.sources, self.starts)

    def where(self, row: int) -> str:
        """Name file and line of a row (0-based over all files)."""
        return self.origin.where(row)

    def cell(self, row: int, column: str) -> str:
        """Text of a cell as in its file, shortened for messages."""
        return self.origin.cell(row, column)

    def error(self, row: int, column: str, message: str) -> DataError:
        """Build the error about one cell: file, line, column, then the message."""
        return self.origin.error(row, column, message)

    def column_error(self, column: str, message: str) -> DataError:
        """Build the error about a whole column."""
        return DataError(f"{', '.join(source.name for source in self.sources)}, column {short(column)!r}: {message}")

    def source(self, row: int) -> Source:
        """Return the source that a row is from."""
        return self.origin.source(row)


def load(
    sources: Sequence[Source],
    text: Collection[str],
    selection: Sequence[str] | None = None,
    unused: Collection[str] = (),
    keys: Collection[str] = (),
) -> Table:
    """Read the rows of all sources.

    text: columns that keep their text; keys: those of them that may be held as Arrow's strings; selection: columns that
    every source must have and that are kept (None: all but those in `unused`, which must then be the same in every
    source).
    Raises DataError for ragged rows, tables without rows, damaged files and differing columns.
    """
    columns = common_columns(sources, selection)
    if selection is None:
        left_out = set(unused)
        columns = [name for name in columns if name not in left_out]
    if any(source.typed for source in sources):
        keys = ()
    frames = [_frame(source, text, columns, keys) for source in sources]
    frames = [frame if list(frame.columns) == columns else frame[columns] for frame in frames]
    starts = np.concatenate(([0], np.cumsum([len(frame) for frame in frames]))).tolist()
    frame = frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True)
    digest = beside(digest_of, sources)  # takes half as long as parsing, and nobody needs the result yet
    return Table(frame, list(sources), starts, digest)


def load_rows(source: Source, text: Collection[str], columns: Sequence[str], keys: Collection[str] = ()) -> Table:
    """Read columns of the rows of one source, whose digest nobody wants; as `load`, with its errors."""
    frame = _frame(source, text, columns, () if source.typed else keys)[list(columns)]
    return Table(frame, [source], [0, len(frame)], Future())


def beside(job: Callable[..., Result], *arguments: Any) -> Future[Result]:
    """Start a job in a thread of its own, which whoever needs its result waits for."""
    pool = ThreadPoolExecutor(1)
    future = pool.submit(job, *arguments)
    pool.shutdown(wait=False)
    return future


def _frame(source: Source, text: Collection[str], columns: Sequence[str], keys: Collection[str]) -> pd.DataFrame:
    """Read at least these columns of one source; their names are the stripped ones, the index counts the rows."""
    if source.frame is not None:
        return _plain_cells(source.frame, source.columns).reset_index(drop=True)
    if source.file is not None:
        frame = source.file.frame(columns)
        if not len(frame):
            raise DataError(f"{source.name}: has no rows; there is nothing to read")
        return _plain_cells(frame, tuple(frame.columns))
    with readable(source):
        frame = parse(source, text, keys)
    if not len(frame):
        raise DataError(f"{source.name}: has a header line but no rows; there is nothing to read")
    last = frame.iloc[:, -1]
    # pandas fills short rows up; only a row with an empty last cell can be one.
    if (last.isna() | (last == "")).any() and not even(source):
        check_cells(source)
    return with_marks(frame, source, text)


def with_marks(frame: pd.DataFrame, source: Source, text: Collection[str]) -> pd.DataFrame:
    """Return the frame with points for decimal marks in the columns that the parser left as text."""
    if source.decimal != ".":
        text = set(text)
        for name in columns_of_text(frame):
            if name not in text:
                frame[name] = as_points(frame[name], source.decimal)
    return frame


def _plain_cells(frame: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Return a frame of these names, with text in place of lists, records and complex numbers.

    They are neither quantities nor categories, and as text they are refused like any other.
    """
    frame = frame.set_axis(list(columns), axis="columns")
    for name in frame.columns:
        cells = frame[name]
        if cells.dtype.kind == "c":
            frame[name] = cells.map(str)
        if cells.dtype != object:
            continue
        kinds = {kind for kind in set(map(type, cells)) if kind.__hash__ is None or issubclass(kind, NO_CELLS)}
        if kinds:
            frame[name] = cells.map(lambda cell, kinds=kinds: str(cell) if type(cell) in kinds else cell)
    return frame


def columns_of_text(frame: pd.DataFrame) -> list[str]:
    """Return the names of the columns that hold text."""
    return [name for name in frame.columns if frame[name].dtype == object or frame[name].dtype == "str"]


def slices(source: Source, columns: list[str], rows: int) -> Iterator[pd.DataFrame]:
    """Cut the DataFrame that a source is, `rows` rows at a time."""
    assert source.frame is not None
    frame = _plain_cells(source.frame, source.columns)[columns]
    for first in range(0, len(frame), rows):
        yield frame.iloc[first : first + rows]


def digest_of(sources: Sequence[Source]) -> str:
    """Hash the contents of all sources; hex."""
    digest = hashlib.sha256()
    for source in sources:
        if source.frame is not None:
            digest.update("\n".join(source.columns).encode())
            cells = _plain_cells(source.frame, source.columns)
            digest.update(pd.util.hash_pandas_object(cells, index=False).to_numpy().tobytes())
            continue
        try:
            with source.stored() as stored:
                while chunk := stored.read(CHUNK):
                    digest.update(chunk)
        except OSError as error:
            raise DataError(f"{source.name}: cannot be read any more: {error.strerror or error}") from None
    return digest.hexdigest()
