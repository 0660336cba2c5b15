"""Where a table comes from: a file of text or of columns, standard input or a DataFrame.

A source knows its columns and can say on which line, as an editor counts them, a row stands. Rows are counted as pandas
counts them: the header and blank lines are no rows, and a quoted cell may span several lines.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import IO, Any

import pandas as pd

from rnnfast.data.sources.bounds import Bounds, pieces
from rnnfast.data.sources.encodings import to_utf8, usual_encoding
from rnnfast.data.sources.formats import TEXT, open_text
from rnnfast.data.sources.typedfile import TypedFile
from rnnfast.errors import DataError, did_you_mean

SPACES = " "  # as separator: any number of spaces and tabs
COLUMNS_SHOWN = 12  # of a long header, in messages
LONGEST_CELL = 1 << 24  # characters; a quote without end must not take a whole large file into memory
TEXT_SHOWN = 60  # characters of a cell, in messages
NAME_SHOWN = 100  # of a name in a list of names


@dataclass
class Source:
    """One input table.

    name: as given by the user; columns: header names without surrounding spaces, a nameless one is "column N".
    content: bytes as stored where the source cannot be read twice (standard input), else None.
    frame: the DataFrame itself where there is no file; file: what reads a file with types, None where it is text.
    kind: how the file is stored, as in `kind_of`; delimiter, decimal: separator and decimal mark of text, " " is any
    number of spaces and tabs; headerless: whether the first line is a row.
    reading: stream that the parser is reading; share: of the rows that are read, where that is known; parsed: whether
    all are.
    """

    name: str
    content: bytes | None = None
    frame: pd.DataFrame | None = None
    columns: tuple[str, ...] = ()
    nameless: tuple[str, ...] = ()
    delimiter: str = ","
    decimal: str = "."
    kind: str = TEXT
    file: TypedFile | None = None
    headerless: bool = False
    reading: IO[bytes] | None = field(default=None, repr=False)
    share: float = 0.0
    parsed: bool = False

    @property
    def typed(self) -> bool:
        """Whether cells have types, where those of text are to be recognised."""
        return self.frame is not None or self.file is not None

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

    def stream(self, rows: bool = False) -> IO[bytes]:
        """Open the text as bytes, unpacked and without byte order mark; rows: whether all of them will be in memory."""
        return open_text(self.name, self.content, self.kind, Bounds(self.name, self.size, len(self.columns), rows))

    @property
    def path(self) -> str:
        """Path of the file that does not depend on the present directory."""
        return str(Path(self.name).resolve())

    @property
    def size(self) -> int:
        """Bytes as stored, 0 for a DataFrame and where the file is gone."""
        if self.content is not None:
            return len(self.content)
        try:
            return Path(self.name).stat().st_size if self.frame is None else 0
        except OSError:
            return 0

    def records(self) -> Iterator[tuple[int, list[str]]]:
        """Yield (line of its first character, cells) of the header, where there is one, and of each row.

        Blank lines are left out. Raises DataError for a quote that is never closed and for text that is not UTF-8.
        """
        line = 1
        with self.stream() as stream:
            text = io.TextIOWrapper(stream, encoding="utf-8", newline="")
            reader = csv.reader(spaced(text, self.delimiter), delimiter=self.delimiter, strict=True)
            while True:
                try:
                    cells = _next(reader)
                except StopIteration:
                    return
                except csv.Error as error:
                    if "larger than field limit" in str(error):
                        raise DataError(
                            f"{self.name}, line {line}: has a cell of more than {LONGEST_CELL:,} characters; shorten "
                            'it, or close the quote (") that it begins with'
                        ) from None
                    raise DataError(
                        f'{self.name}, line {line}: a quote (") that is opened on this line is not closed properly; '
                        "close it, or write a quote inside a quoted cell twice"
                    ) from None
                except UnicodeDecodeError:
                    raise self.not_utf8() from None
                cells = unspaced(cells, self.delimiter)
                if len(cells) > 1 or (cells and cells[0].strip()):
                    yield line, cells
                line = reader.line_num + 1

    def where(self, row: int) -> str:
        """Name the place of a row (0-based): file and line, or the row itself where there are no lines."""
        if self.frame is not None:
            return f"{self.name}, row {row}"
        return f"{self.name}, {f'line {self._record(row)[0]}' if self.file is None else self.file.place(row)}"

    def cell(self, row: int, column: str) -> str:
        """Text of a cell as in the file, shortened for messages; "" where a typed one has no value."""
        position = self.columns.index(column)
        value: Any = None
        if self.frame is not None:
            value = self.frame.iat[row, position]
        elif self.file is not None:
            value = self.file.cell(row, column)
        if self.typed:
            return "" if pd.api.types.is_scalar(value) and pd.isna(value) else short(str(value))
        cells = self._record(row)[1]
        return short(cells[position]) if position < len(cells) else ""

    def cells(self, row: int) -> list[str]:
        """Texts of a row as in the file; of one with many columns, the first ones."""
        if self.typed:
            return [self.cell(row, name) for name in self.columns[:COLUMNS_SHOWN]]
        return self._record(row)[1][:COLUMNS_SHOWN]

    def header_line(self) -> str:
        """Name the place of the header."""
        return self.name if self.typed or self.headerless else f"{self.name}, line {next(self.records())[0]}"

    def _record(self, row: int) -> tuple[int, list[str]]:
        return next(islice(self.records(), row + (not self.headerless), None))

    @property
    def _as_it_is(self) -> bool:
        """Whether a file holds the text, and nothing has to unpack it."""
        return self.content is None and self.kind == TEXT

    def not_utf8(self) -> DataError:
        """Build the error for bytes that are no UTF-8, which names the first of them."""
        decoder, line, last = codecs.getincrementaldecoder("utf-8")(), 1, b""
        with self.stream() as stream:
            for content in pieces(stream):
                begun = decoder.getstate()[0]  # a character whose end is still to come
                try:
                    decoder.decode(content)
                except UnicodeDecodeError as error:
                    text = begun + content
                    line += _line_ends(last + text[: error.start])
                    wrong = f"byte 0x{text[error.start]:02x}"
                    encoding = usual_encoding(text)
                    likely = f", but reads as {encoding}" if encoding else ""
                    fix = to_utf8(self.name, encoding, self._as_it_is)
                    return DataError(f"{self.name}, line {line}: {wrong} is not UTF-8 text{likely}; {fix}")
                whole = last + begun + content[: len(content) - len(decoder.getstate()[0])]
                last = whole[-1:] if whole.endswith(b"\r") else b""
                line += _line_ends(whole[: len(whole) - len(last)])
        return DataError(f"{self.name}: not UTF-8 text; {to_utf8(self.name, '', self._as_it_is)}")


def spaced(lines: Iterable[str], separator: str) -> Iterable[str]:
    """Return lines with spaces for tabs where any number of both separates cells."""
    return lines if separator != SPACES else (line.replace("\t", " ") for line in lines)


def unspaced(cells: list[str], separator: str) -> list[str]:
    """Return the cells of a line without the empty ones between two spaces, where spaces separate them."""
    return cells if separator != SPACES else [cell for cell in cells if cell and not cell.isspace()]


def _line_ends(content: bytes) -> int:
    return content.count(b"\n") + content.count(b"\r") - content.count(b"\r\n")


def _next(reader: Iterator[list[str]]) -> list[str]:
    """Return the next row. Python's limit for a cell, which is one for the whole process, is raised meanwhile."""
    before = csv.field_size_limit(LONGEST_CELL)
    try:
        return next(reader)
    finally:
        csv.field_size_limit(before)


_CELL = re.compile(r"^-?\d+[.,]\d+$|^-\d+$|\d[-./]\d\d?[-./]\d")  # a fraction, a negative number or a date: no name


def require(source: Source, names: Sequence[str]) -> None:
    """Raise DataError for the first name that is not a column of the source."""
    columns = set(source.columns)
    for name in names:
        if name not in columns:
            near = did_you_mean(name, source.columns, most=3)
            cells = not (near or source.typed or source.headerless) and any(map(_CELL.search, source.columns))
            raise DataError(
                f"{source.header_line()}: there is no column {short(name)!r}{f'{near} The' if near else '; the'} "
                f"columns are {listing(source.columns) if source.columns else 'none'}"
                f"{'; where the first line is a row already, --columns names them' if cells else ''}"
            )


def common_columns(sources: Sequence[Source], selection: Sequence[str] | None) -> list[str]:
    """Return the columns that are read: a selection that every source has, or for None all, which must be the same.

    Raises DataError for the first column that is missing, or that other sources lack.
    """
    columns = list(sources[0].columns if selection is None else selection)
    names = set(columns)
    for source in sources:
        require(source, columns)
        if selection is None and (extra := [name for name in source.columns if name not in names]):
            raise DataError(
                f"{source.header_line()}, column {short(extra[0])!r}: {sources[0].name} has no such column"
                f"{did_you_mean(extra[0], columns, most=3)}; several tables need the same columns"
            )
    return columns


def short(text: str, most: int = TEXT_SHOWN) -> str:
    """Cut text to what a message can show in quotes."""
    return text if len(text) <= most else f"{text[:most]}..."


def is_number(text: str) -> bool:
    """Whether a text is a number to Python."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def typed(option: str, *names: str, word: str = "") -> str:
    """Return an option with a list of names as it is typed in a shell, each with a word after it, as in "=mean".

    What cannot be typed in such a list, a comma or a sign that is none to read, becomes one that matches any; so does
    the end of a name of more than NAME_SHOWN characters.
    """
    signs = ["".join(sign if sign.isprintable() and sign != "," else "?" for sign in name) for name in names]
    cut = [name if len(name) <= NAME_SHOWN else f"{name[:NAME_SHOWN]}*" for name in signs]
    return f"{option} {shlex.quote(','.join(name + word for name in cut))}"


def plain(name: str) -> str:
    """Return a name as a message can show it without quotes: cut, and signs that are none to read escaped."""
    name = short(name, NAME_SHOWN)
    return name if name.isprintable() else "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in name)


def listing(names: Sequence[str]) -> str:
    """Join names for a message; of many, the first and the last ones."""
    if len(names) > COLUMNS_SHOWN:
        return f"{listing(names[: COLUMNS_SHOWN - 3])}, ... {listing(names[-2:])}"
    return ", ".join(map(plain, names))
