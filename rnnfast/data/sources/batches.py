"""Tables as batches of rows: what reading a table in bounded memory sees of it at a time.

Files of columns come by pyarrow's batches, text by the chunks of pandas' parser.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

import numpy as np
import pandas as pd

from rnnfast.data.sources import columnar
from rnnfast.data.sources.opening import STDIN, open_sources
from rnnfast.data.sources.options import USUAL, FileOptions
from rnnfast.data.sources.origin import Origin
from rnnfast.data.sources.parsing import check_cells, chunks, even, readable
from rnnfast.data.sources.source import Source, common_columns
from rnnfast.data.sources.sql import is_database
from rnnfast.data.sources.table import Table, slices, with_marks
from rnnfast.errors import DataError, UsageError

# Bytes of a cell in all the forms that it takes between file and store, and of one that is text; measured.
NUMBER_BYTES, TEXT_BYTES = 56, 250
PROBE_BYTES = 1 << 25  # of the first rows, which show what the columns are: the same for any budget
MOST_ROWS, LEAST_ROWS = 1 << 18, 1 << 10  # of a batch: more save no time


@dataclass
class Batch(Table):
    """Consecutive rows of one source; places in messages are those in the whole file. first: its first row there."""

    first: int = 0

    @property
    def origin(self) -> Origin:
        """What finds file and line of a row."""
        return Origin(self.sources, [-self.first, self.rows])


def open_files(names: Sequence[str], options: FileOptions = USUAL) -> list[Source]:
    """Open tables of which each can be read several times.

    Raises as `open_sources`; UsageError for standard input and databases.
    """
    if STDIN in names:
        raise UsageError("--memory: standard input can be read only once; save the table as a file first")
    if any(map(is_database, names)):
        raise UsageError(
            "--memory: the rows of a query are read at once; save them as a file first (Parquet or CSV), or leave "
            "--memory out"
        )
    return open_sources(list(names), options)


def rows_of(source: Source) -> int | None:
    """Rows of a file of columns, without reading them; None of any other file."""
    return None if source.file is None else source.file.rows()


def single_precision(source: Source, names: Sequence[str]) -> bool:
    """Whether float32 holds every value of these columns by their types."""
    return source.file is not None and source.file.single_precision(names)


def same_types(sources: Sequence[Source]) -> bool:
    """Whether a column has one type in all batches: that of a single file of columns."""
    return len(sources) == 1 and isinstance(sources[0].file, columnar.Columnar)


def rows_of_batch(columns: Collection[str], text: Collection[str], size: int) -> int:
    """Return how many rows of these columns take about `size` bytes while they are worked on; text: as of `batches`."""
    text = set(text)
    cost = NUMBER_BYTES * len(columns) + (TEXT_BYTES - NUMBER_BYTES) * len([name for name in columns if name in text])
    return int(np.clip(size // cost, LEAST_ROWS, MOST_ROWS))


def first_rows(table: Table, text: Collection[str]) -> pd.DataFrame:
    """Return the rows at the start of a table that show what its columns are: the same in memory and of a batch."""
    rows = rows_of_batch(table.sources[0].columns, text, PROBE_BYTES)
    return table.frame.iloc[: min(rows, table.starts[1])]


def batches(
    sources: Sequence[Source], text: Collection[str], selection: Sequence[str] | None, size: int, bounded: bool = False
) -> Iterator[Batch]:
    """Yield all rows of the sources in order, in batches that take about `size` bytes while they are worked on.

    text: columns that keep their text, of text files; selection: columns that are kept, None for all. bounded: refuse a
    packed file whose rows, all together, memory could not hold.
    Raises DataError as `load` does.
    """
    columns = common_columns(sources, selection)
    rows = rows_of_batch(columns, text, size)
    for source in sources:
        first, total = 0, rows_of(source)
        if source.frame is not None:
            frames = slices(source, columns, rows)
        elif source.file is not None:
            frames = source.file.frames(columns, rows)
        else:
            frames = _text_frames(source, text, columns, rows, bounded)
        for frame in frames:
            if not len(frame):  # of a file without rows
                continue
            batch = Batch(frame.reset_index(drop=True), [source], [0, len(frame)], no_digest(), first)
            first += len(frame)
            source.share = first / total if total else 0.0
            yield batch
        source.parsed = True
        if not first:
            raise DataError(f"{source.name}: has a header line but no rows; there is nothing to read")


def _text_frames(
    source: Source, text: Collection[str], columns: list[str], rows: int, bounded: bool
) -> Iterator[pd.DataFrame]:
    checked = False
    with readable(source):
        for frame in chunks(source, text, rows, bounded):
            last = frame.iloc[:, -1]
            if not checked and (last.isna() | (last == "")).any():  # maybe a short row, which pandas fills up
                checked = True
                if not even(source):
                    check_cells(source)
            yield with_marks(frame[columns], source, text)


def no_digest() -> Future[str]:
    """A digest that nobody asks for: that of all rows is computed once, from the files."""
    return Future()


def release(sources: Sequence[Source]) -> None:
    """Give back memory that is kept for further batches, once no batch is left."""
    if any(isinstance(source.file, columnar.Columnar) for source in sources):
        columnar.release()
