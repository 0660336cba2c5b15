"""Excel workbooks (.xlsx): the first sheet that holds anything, its first row the header; through openpyxl."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from rnnfast.data.sources.formats import DAMAGED, needs
from rnnfast.data.sources.source import short
from rnnfast.data.sources.typedfile import RowFile
from rnnfast.errors import DataError
from rnnfast.memory import available_memory, shown

FOLDER = "xl/"  # in the zip archive that a workbook is
TEXTS = "xl/sharedStrings.xml"  # which is in memory as long as rows are read
TEXTS_FACTOR = 10  # bytes in memory of one in that file
# Rows of a sheet are packed to a tenth or a fortieth of their size. What unpacks to a hundred times as much holds one
# thing again and again, and takes minutes to read; Apache POI draws the line there, too.
MOST_PACKED, NO_BOMB = 100, 50_000_000  # times, and bytes that are read in any case
ERRORS = ("#N/A", "#NULL!")  # cells of formulas without a value; others are mistakes, and stay text


class Workbook(RowFile):
    """A sheet of a workbook. content: its bytes, or None where it is a file."""

    def __init__(self, name: str, content: bytes | None) -> None:
        self.name, self.kind, self.content = name, "Excel", content

    def columns(self) -> list[str]:
        """Return the names in the first row that is not empty; raises DataError for a workbook without one."""
        header = next(self._filled(None), None)
        if header is None:
            raise DataError(f"{self.name}: is an empty workbook; it needs a header row and rows")
        names = ["" if cell is None else str(cell).strip() for cell in header[1]]
        while not names[-1]:
            names.pop()
        return names

    def records(self, columns: Sequence[str], whole: bool) -> Iterator[tuple[int, tuple[Any, ...]]]:
        """Yield (row of the sheet, cells) of each row below the header; empty rows are left out."""
        names = [name or f"column {place}" for place, name in enumerate(self.columns(), 1)]
        place_of = {name: place for place, name in enumerate(names)}
        places = [place_of[name] for name in columns]
        rows = self._filled(len(names) + 1)
        next(rows)
        for number, cells in rows:
            if len(cells) > len(names) and cells[len(names)] is not None:
                raise self.error(
                    number,
                    f"has a cell ({short(str(cells[len(names)]))!r}) beyond the header; name its column or "
                    "empty it; where this row is the header, delete those above it",
                )
            yield number, tuple(_plain(cells[place]) if place < len(cells) else None for place in places)

    def _filled(self, width: int | None) -> Iterator[tuple[int, tuple[Any, ...]]]:
        """Yield (row, cells up to `width`) of each row of the first filled sheet that is not empty."""
        with self._sound(), self._stored() as stored:
            book = self._opened(stored)
            try:
                for sheet in book.worksheets:
                    sheet.reset_dimensions()  # what the file says of its size is not trusted
                    any_row = False
                    for number, cells in enumerate(sheet.iter_rows(max_col=width, values_only=True), 1):
                        if any(cell is not None and cell != "" for cell in cells):
                            any_row = True
                            yield number, cells
                    if any_row:
                        return
            finally:
                book.close()

    def _stored(self) -> IO[bytes]:
        """Open the bytes: openpyxl takes files by their name only where it ends in .xlsx."""
        return Path(self.name).open("rb") if self.content is None else io.BytesIO(self.content)

    def _opened(self, stored: IO[bytes]) -> Any:
        """Open the workbook; raises DataError for a bomb, and where its texts alone fill the memory."""
        try:
            import openpyxl
        except ImportError:
            raise needs("xlsx", f"{self.name}: an Excel workbook") from None
        packed = stored.seek(0, io.SEEK_END)
        with zipfile.ZipFile(stored) as archive:  # which unpacks no more of a file than its directory says
            texts = sum(item.file_size for item in archive.infolist() if item.filename == TEXTS)
            unpacked = sum(item.file_size for item in archive.infolist())
        if unpacked > max(MOST_PACKED * packed, NO_BOMB):
            raise DataError(
                f"{self.name}: an Excel workbook of {shown(packed)} that unpacks to {shown(unpacked)}, more than "
                f"{MOST_PACKED} times as much; save the table as CSV"
            )
        available = available_memory()
        if available is not None and TEXTS_FACTOR * texts > available:
            raise DataError(
                f"{self.name}: an Excel workbook whose texts take {shown(TEXTS_FACTOR * texts)} of memory, and "
                f"{shown(available)} are available; save the table as CSV"
            )
        return openpyxl.load_workbook(stored, read_only=True, data_only=True)

    @contextmanager
    def _sound(self) -> Iterator[None]:
        """Turn what is raised for a damaged workbook into a DataError."""
        try:
            yield
        except FileNotFoundError:
            raise
        except (*DAMAGED, OSError, KeyError, ValueError, TypeError, AttributeError, IndexError, SyntaxError) as error:
            # XML that is none is a SyntaxError
            raise DataError(
                f"{self.name}: is a damaged Excel workbook ({short(str(error), 100) or type(error).__name__}); "
                "save the table as CSV"
            ) from None


def is_workbook(stored: Any) -> bool:
    """Whether an opened zip archive is a workbook; False where it is damaged, too."""
    try:
        with zipfile.ZipFile(stored) as archive:
            return any(name.startswith(FOLDER) for name in archive.namelist())
    except DAMAGED:
        return False


def _plain(value: Any) -> Any:
    """Return a cell with None for what counts as empty."""
    return None if value in ERRORS or value == "" else value
