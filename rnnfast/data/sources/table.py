"""Read the rows of sources into one DataFrame: one call of pandas' C parser per text file, and cheap checks after it.

Rows are looked at one by one only to name the line of an error. Columns that must keep their text (ids, times) are read
as text, so that "007" stays "007" and an id "NA" stays an id.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from rnnfast.data.sources.dialect import as_points
from rnnfast.data.sources.formats import DAMAGED, TEXT, damaged
from rnnfast.data.sources.origin import Origin
from rnnfast.data.sources.source import SPACES, Source, common_columns, plain, short
from rnnfast.data.sources.texts import compact_type
from rnnfast.errors import DataError

# Cells that count as empty; pandas' own list without "None" and other words that may be a class.
EMPTY = ("", "NA", "N/A", "n/a", "<NA>", "#N/A", "#NA", "nan", "NaN", "-nan", "-NaN", "null", "NULL")
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
    used: Sequence[str] | None = None,
    unused: Collection[str] = (),
    keys: Collection[str] = (),
) -> Table:
    """Read the rows of all sources.

    text: columns that keep their text; keys: those of them that may be held as Arrow's strings; used: columns that
    every source must have and that are kept (None: all but those in `unused`, which must then be the same in every
    source).
    Raises DataError for ragged rows, tables without rows, damaged files and differing columns.
    """
    columns = common_columns(sources, used)
    if used is None:
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
        frame = _parse(source, text, keys)
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


def _parse(source: Source, text: Collection[str], keys: Collection[str]) -> pd.DataFrame:
    """Run pandas' parser over one file."""
    plain = source.content is None and source.kind == TEXT
    with source.stream(rows=True) as stream, _strict():
        # Given the path of a plain file, newer pandas parses it with several threads.
        source.reading = None if plain else stream
        frame: pd.DataFrame = pd.read_csv(Path(source.name) if plain else stream, **_arguments(source, text, keys))
        source.reading, source.parsed = None, True
        return frame


def chunks(source: Source, text: Collection[str], rows: int, bounded: bool) -> Iterator[pd.DataFrame]:
    """Parse one file, `rows` rows at a time; raises what pandas does. bounded: as of `batches`."""
    with source.stream(rows=bounded) as stream:
        source.reading = stream
        reader = pd.read_csv(stream, chunksize=rows, **_arguments(source, text))
        while True:
            with _strict():  # not while the caller works on the rows
                frame = next(reader, None)
            if frame is None:
                source.reading = None
                return
            yield frame


def slices(source: Source, columns: list[str], rows: int) -> Iterator[pd.DataFrame]:
    """Cut the DataFrame that a source is, `rows` rows at a time."""
    assert source.frame is not None
    frame = _plain_cells(source.frame, source.columns)[columns]
    for first in range(0, len(frame), rows):
        yield frame.iloc[first : first + rows]


def _arguments(source: Source, text: Collection[str], keys: Collection[str] = ()) -> dict[str, Any]:
    columns, text = source.columns, set(text)
    types = dict.fromkeys(text, object) | dict.fromkeys(keys, compact_type())
    return {
        "sep": r"\s+" if source.delimiter == SPACES else source.delimiter,
        "decimal": source.decimal,
        "header": None if source.headerless else 0,
        "names": list(columns),
        "dtype": {name: types[name] for name in columns if name in types},
        "keep_default_na": False,
        "na_values": {name: list(EMPTY) for name in columns if name not in text} if text else list(EMPTY),
        "encoding": "utf-8",
        "compression": None,
        "engine": "c",
        "index_col": False,  # else a first row with a cell too many would turn the first column into row labels
    }


@contextmanager
def readable(source: Source) -> Iterator[None]:
    """Turn what parsing a file raises into a DataError that names the place, or at least the file."""
    try:
        yield
    except UnicodeDecodeError:
        raise source.not_utf8() from None
    except DAMAGED as error:
        raise damaged(source.name, source.kind, error) from None
    except (OSError, ValueError, OverflowError, pd.errors.ParserWarning) as error:  # ParserError is a ValueError
        check_cells(source)
        check_cells(source, spare=False)
        raise DataError(f"{source.name}: cannot be read as a table: {plain(str(error).strip())}") from None


@contextmanager
def _strict() -> Iterator[None]:
    """Turn what pandas only warns of into errors where it means damage."""
    with warnings.catch_warnings():
        # Chunks of different type in one column (DtypeWarning): the columns are checked afterwards.
        warnings.simplefilter("ignore", pd.errors.DtypeWarning)
        warnings.simplefilter("error", pd.errors.ParserWarning)  # cells beyond the header's
        yield


def even(source: Source) -> bool:
    """Tell quickly whether every line has the header's number of cells; False where quotes make that unsure."""
    separator, cells = source.delimiter.encode(), len(source.columns)
    with source.stream() as stream:
        for line in stream:
            count = len(line.split()) - 1 if source.delimiter == SPACES else line.count(separator)
            if b'"' in line or (count != cells - 1 and line.strip()):
                return False
    return True


def check_cells(source: Source, spare: bool = True) -> None:
    """Raise DataError for the first row with fewer cells than the header, or with more.

    spare: empty ones may be too many, as where each line of a table ends in a separator.
    """
    columns, last = source.columns, short(source.columns[-1])
    width = f"{'--columns names' if source.headerless else 'the header has'} {len(columns)}"
    for line, cells in source.records():
        if len(cells) == len(columns) or (spare and len(cells) > len(columns) and not any(cells[len(columns) :])):
            continue
        place = f"{source.name}, line {line}"
        if len(cells) < len(columns):
            raise DataError(
                f"{place}, column {short(columns[len(cells)])!r}: it ends after {len(cells)} cells "
                f"({short(cells[-1])!r}), {width}; complete it or remove it"
            )
        raise DataError(
            f"{place}, column {last!r}: the row has {len(cells)} cells, {width} (the first "
            f"too many is {short(cells[len(columns)])!r}); quote text with {source.delimiter!r}, or remove the cell"
        )


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
