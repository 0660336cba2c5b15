"""Where a table comes from: a CSV or TSV file, plain or gzipped, standard input or a DataFrame.

A source knows its columns and can say on which line, as an editor counts them, a row stands. Rows are counted as pandas
counts them: the header and blank lines are no rows, and a quoted cell may span several lines.
"""

from __future__ import annotations

import csv
import difflib
import gzip
import io
import sys
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import IO, Any, cast

import pandas as pd

from rnnfast.errors import DataError, UsageError

STDIN = "-"  # as given by the user
STDIN_SHOWN = "<stdin>"
GZIP_MAGIC = b"\x1f\x8b"
BOM = b"\xef\xbb\xbf"
# First bytes of files that are often given by mistake, and what they are.
FOREIGN = {
    b"PK\x03\x04": "an Excel workbook or a zip archive",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"PAR1": "a Parquet file",
    b"\x89HDF": "an HDF5 file",
    b"\x89PNG": "an image",
    b"\xff\xfe": "UTF-16 text",
    b"\xfe\xff": "UTF-16 text",
}
PROBE = 65536  # bytes at the start of a file that are searched for signs of another format
COLUMNS_SHOWN = 12  # of a long header, in messages
TEXT_SHOWN = 60  # characters of a cell, in messages


@dataclass
class Source:
    """One input table.

    name: as given by the user; columns: header names without surrounding spaces, a nameless one is "column N".
    content: bytes as stored where the source cannot be read twice (standard input), else None.
    frame: the DataFrame itself where there is no file.
    """

    name: str
    content: bytes | None = None
    frame: pd.DataFrame | None = None
    columns: tuple[str, ...] = ()
    nameless: tuple[str, ...] = ()
    delimiter: str = ","
    gzipped: bool = field(default=False, repr=False)

    @property
    def categorical(self) -> tuple[str, ...]:
        """Columns of a DataFrame that hold categories by their type."""
        if self.frame is None:
            return ()
        types = zip(self.columns, self.frame.dtypes, strict=True)
        return tuple(name for name, kind in types if isinstance(kind, pd.CategoricalDtype))

    def stored(self) -> IO[bytes]:
        """Open the bytes as stored."""
        return Path(self.name).open("rb") if self.content is None else io.BytesIO(self.content)

    def stream(self) -> IO[bytes]:
        """Open the text as bytes, decompressed and without byte order mark."""
        stream: IO[bytes]
        if not self.gzipped:
            stream = self.stored()
        elif self.content is None:
            stream = cast(IO[bytes], gzip.GzipFile(self.name))
        else:
            stream = cast(IO[bytes], gzip.GzipFile(fileobj=io.BytesIO(self.content)))
        if stream.read(len(BOM)) != BOM:
            stream.seek(0)
        return stream

    def records(self) -> Iterator[tuple[int, list[str]]]:
        """Yield (line of its first character, cells) of the header and of each row; blank lines are left out.

        Raises DataError for a quote that is never closed and for text that is not UTF-8.
        """
        line = 1
        with self.stream() as stream:
            text = io.TextIOWrapper(stream, encoding="utf-8", newline="")
            reader = csv.reader(text, delimiter=self.delimiter, strict=True)
            while True:
                try:
                    cells = next(reader)
                except StopIteration:
                    return
                except csv.Error:
                    raise DataError(
                        f'{self.name}, line {line}: a quote (") that is opened on this line is not closed properly; '
                        "close it, or write a quote inside a quoted cell twice"
                    ) from None
                except UnicodeDecodeError:
                    raise self.not_utf8() from None
                if len(cells) > 1 or (cells and cells[0].strip()):
                    yield line, cells
                line = reader.line_num + 1

    def where(self, row: int) -> str:
        """Name the place of a row (0-based): file and line, or the position in a DataFrame."""
        if self.frame is not None:
            return f"{self.name}, row {row}"
        return f"{self.name}, line {self._record(row)[0]}"

    def cell(self, row: int, column: str) -> str:
        """Text of a cell as in the file, shortened for messages."""
        position = self.columns.index(column)
        if self.frame is not None:
            return short(str(self.frame.iat[row, position]))
        cells = self._record(row)[1]
        return short(cells[position]) if position < len(cells) else ""

    def header_line(self) -> str:
        """Name the place of the header."""
        return self.name if self.frame is not None else f"{self.name}, line {next(self.records())[0]}"

    def _record(self, row: int) -> tuple[int, list[str]]:
        return next(islice(self.records(), row + 1, None))

    def not_utf8(self) -> DataError:
        """Build the error for bytes that are no UTF-8, which names the first of them."""
        with self.stream() as stream:
            content = stream.read()
        try:
            content.decode("utf-8")
        except UnicodeDecodeError as error:
            before = content[: error.start].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
            line, found = before.count(b"\n") + 1, f"byte 0x{content[error.start]:02x}"
            return DataError(f"{self.name}, line {line}: {found} is not UTF-8 text; save the table as UTF-8")
        return DataError(f"{self.name}: not UTF-8 text; save the table as UTF-8")


def open_sources(paths: Any) -> list[Source]:
    """Open one table or several: paths, '-' for standard input, DataFrames. Reads headers only.

    Raises DataError for what is missing, unreadable, empty or no text table, UsageError for nothing or '-' twice.
    """
    paths = [paths] if isinstance(paths, (str, Path, pd.DataFrame)) else list(paths)
    if sum(isinstance(item, str) and item == STDIN for item in paths) > 1:
        raise UsageError("standard input (-) is given twice; it can be read only once")
    sources = [_open_frame(item) if isinstance(item, pd.DataFrame) else _open_file(str(item)) for item in paths]
    if not sources:
        raise UsageError("no table is given; name at least one file")
    return sources


def _open_frame(frame: pd.DataFrame) -> Source:
    source = Source("<DataFrame>", frame=frame)
    _set_columns(source, [str(name) for name in frame.columns])
    if not len(frame):
        raise DataError(f"{source.name}: has no rows; there is nothing to read")
    return source


def _open_file(name: str) -> Source:
    try:
        source = _source(name)
        name = source.name
        with source.stored() as stored:
            source.gzipped = stored.read(len(GZIP_MAGIC)) == GZIP_MAGIC
        _probe(source)
        header = next(source.records(), None)
    except FileNotFoundError:
        raise DataError(f"{name}: no such file{_nearest_file(name)}") from None
    except IsADirectoryError:
        raise DataError(f"{name}: is a directory; name a table in it, such as {Path(name) / 'table.csv'}") from None
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(f"{name}: is a damaged or incomplete gzip file ({error}); compress it again") from None
    except OSError as error:
        raise DataError(f"{name}: cannot be read: {error.strerror or error}") from None
    if header is None:
        raise DataError(f"{name}: is empty; it needs a header line and rows")
    _set_columns(source, [cell.strip() for cell in header[1]])
    _check_header(source)
    return source


def _source(name: str) -> Source:
    """Name a file; standard input and pipes, which can be read only once, are kept in memory."""
    if name == STDIN:
        return Source(STDIN_SHOWN, sys.stdin.buffer.read())
    path = Path(name)
    pipe = path.exists() and not path.is_file() and not path.is_dir()
    return Source(name, path.read_bytes() if pipe else None)


def _probe(source: Source) -> None:
    """Refuse other formats by their first bytes and find the delimiter."""
    with source.stream() as stream:
        start = stream.read(PROBE)
    for magic, kind in FOREIGN.items():
        if start.startswith(magic):
            raise DataError(f"{source.name}: is {kind}; save the table as CSV in UTF-8")
    if (position := start.find(b"\0")) >= 0:
        line = start.count(b"\n", 0, position) + 1
        raise DataError(f"{source.name}, line {line}: has a zero byte, so it is no text table; save the table as CSV")
    header = start.lstrip().split(b"\n", 1)[0]
    stem = source.name.lower().removesuffix(".gz")
    if stem.endswith(".tsv") or (b"\t" in header and b"," not in header):
        source.delimiter = "\t"


def _set_columns(source: Source, names: Sequence[str]) -> None:
    """Set the column names; a name that occurs twice is an error."""
    source.columns = tuple(name or f"column {position}" for position, name in enumerate(names, 1))
    source.nameless = tuple(column for name, column in zip(names, source.columns, strict=True) if not name)
    seen: set[str] = set()
    for column in source.columns:
        if column in seen:
            first, second = [n for n, name in enumerate(source.columns, 1) if name == column][:2]
            raise DataError(
                f"{source.header_line()}, column {column!r}: the name is there twice (columns {first} and {second}); "
                "rename or remove one"
            )
        seen.add(column)


def _check_header(source: Source) -> None:
    """Refuse a first line of numbers and a table in one column."""
    columns = source.columns
    if all(_is_number(column) for column in columns):
        raise DataError(
            f"{source.header_line()}: holds numbers ({', '.join(columns[:3])} ...) where column names belong; "
            "add a header line"
        )
    if len(columns) == 1 and (other := next((sign for sign in ";\t|, " if sign in columns[0]), None)):
        raise DataError(
            f"{source.header_line()}, column {short(columns[0])!r}: the table seems to be separated by {other!r}; "
            "separate cells by commas (.csv) or tabs (.tsv), and use a point in decimal numbers"
        )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _nearest_file(name: str) -> str:
    path = Path(name)
    try:
        near = nearest(path.name, [item.name for item in path.parent.iterdir()])
    except OSError:
        return f"; the directory {path.parent} is missing as well"
    return near or "; check the path"


def require(source: Source, names: Sequence[str]) -> None:
    """Raise DataError for the first name that is not a column of the source."""
    for name in names:
        if name not in source.columns:
            raise DataError(
                f"{source.header_line()}: there is no column {name!r}{nearest(name, source.columns)}; "
                f"the columns are {listing(source.columns)}"
            )


def nearest(name: str, known: Iterable[str]) -> str:
    """Suggest the nearest known names: "; did you mean 'Class'?", or "" where none is near."""
    by_lower = {item.lower(): item for item in known}
    near = difflib.get_close_matches(name.lower(), list(by_lower), n=3, cutoff=0.6)
    return f"; did you mean {' or '.join(repr(by_lower[item]) for item in near)}?" if near else ""


def short(text: str) -> str:
    """Cut text to what a message can show."""
    return text if len(text) <= TEXT_SHOWN else f"{text[:TEXT_SHOWN]}..."


def listing(names: Sequence[str]) -> str:
    """Join names for a message; of many, the first and the last ones."""
    if len(names) <= COLUMNS_SHOWN:
        return ", ".join(names)
    return f"{', '.join(names[: COLUMNS_SHOWN - 3])}, ... {', '.join(names[-2:])}"
