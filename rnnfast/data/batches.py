"""Tables as batches of rows: what reading a table in bounded memory sees of it at a time.

Parquet files come by pyarrow, an extra that is imported here alone; text by the chunks of pandas' parser.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from rnnfast.data.source import STDIN, Source, nearest, open_sources, require, short
from rnnfast.data.table import Table, check_cells, chunks, even
from rnnfast.errors import DataError, UsageError

PARQUET = b"PAR1"  # first bytes of such a file
PAGE = 1 << 20  # bytes read at a time of each column of a Parquet file, whatever the size of its row groups
# Bytes of a cell in all the forms that it takes between file and store, and of one that is text; measured.
NUMBER_BYTES, TEXT_BYTES = 56, 250
MOST_ROWS, LEAST_ROWS = 1 << 18, 1 << 10  # of a batch: more save no time


class ParquetSource(Source):
    """A Parquet file; rows have numbers, from 0, instead of lines."""

    def where(self, row: int) -> str:
        """Name the place of a row."""
        return f"{self.name}, row {row}"

    def cell(self, row: int, column: str) -> str:
        """Text of a cell, shortened for messages."""
        file = _parquet(self.name)
        for group in range(file.num_row_groups):
            count = file.metadata.row_group(group).num_rows
            if row < count:
                return short(str(file.read_row_group(group, columns=[column]).column(0)[row].as_py()))
            row -= count
        return ""

    def header_line(self) -> str:
        """Name the place of the header."""
        return self.name


@dataclass
class Batch(Table):
    """Consecutive rows of one source; places in messages are those in the whole file. first: its first row there."""

    first: int = 0

    def _local(self, row: int) -> tuple[Source, int]:
        return self.sources[0], int(row) + self.first


def open_files(names: Sequence[str]) -> list[Source]:
    """Open tables of which each can be read several times. Raises as `open_sources`; UsageError for standard input."""
    if STDIN in names:
        raise UsageError("--memory: standard input can be read only once; save the table as a file first")
    return [_open(name) for name in names]


def is_parquet(name: str) -> bool:
    """Whether a file is a Parquet file, by its first bytes."""
    try:
        with Path(name).open("rb") as file:
            return file.read(len(PARQUET)) == PARQUET
    except OSError:
        return False


def _open(name: str) -> Source:
    if not is_parquet(name):
        return open_sources([name])[0]
    names = tuple(_parquet(name).schema_arrow.names)
    if twice := [column for j, column in enumerate(names) if column in names[:j]]:
        raise DataError(f"{name}, column {twice[0]!r}: the name is there twice; rename or remove one")
    return ParquetSource(name, columns=names)


def _parquet(name: str) -> Any:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise UsageError(f"{name}: reading Parquet needs pyarrow; pip install pyarrow") from None
    try:
        return parquet.ParquetFile(name, buffer_size=PAGE, pre_buffer=False)
    except (pyarrow.ArrowException, OSError) as error:
        raise DataError(f"{name}: is a damaged Parquet file ({error}); write it again") from None


def rows_of(source: Source) -> int | None:
    """Rows of a Parquet file, without reading it; None of a text file."""
    return int(_parquet(source.name).metadata.num_rows) if isinstance(source, ParquetSource) else None


def single_precision(source: Source, names: Sequence[str]) -> bool:
    """Whether float32 holds every value of these columns: floats of at most 32 bits, small integers, truth values."""
    if not isinstance(source, ParquetSource):
        return False
    from pyarrow import types

    found = _parquet(source.name).schema_arrow
    kinds = [found.field(name).type for name in names]
    return all(
        types.is_boolean(kind)
        or types.is_float16(kind)
        or types.is_float32(kind)
        or types.is_int8(kind)
        or types.is_uint8(kind)
        or types.is_int16(kind)
        or types.is_uint16(kind)
        for kind in kinds
    )


def batches(sources: Sequence[Source], text: Collection[str], used: Sequence[str] | None, size: int) -> Iterator[Batch]:
    """Yield all rows of the sources in order, in batches that take about `size` bytes while they are worked on.

    text: columns that keep their text, of text files; used: columns that are kept, None for all.
    Raises DataError as `load` does.
    """
    wanted = list(sources[0].columns if used is None else used)
    cost = NUMBER_BYTES * len(wanted) + (TEXT_BYTES - NUMBER_BYTES) * len([name for name in wanted if name in text])
    rows = int(np.clip(size // cost, LEAST_ROWS, MOST_ROWS))
    for source in sources:
        require(source, wanted)
        if used is None and (extra := [name for name in source.columns if name not in wanted]):
            raise DataError(
                f"{source.header_line()}, column {extra[0]!r}: {sources[0].name} has no such column"
                f"{nearest(extra[0], wanted)}; several tables need the same columns"
            )
        first, frames = 0, _parquet_frames if isinstance(source, ParquetSource) else _text_frames
        for frame in frames(source, text, wanted, rows):
            batch = Batch(frame.reset_index(drop=True), [source], [0, len(frame)], no_digest(), first)
            first += len(frame)
            yield batch
        if not first:
            raise DataError(f"{source.name}: has a header line but no rows; there is nothing to read")


def _parquet_frames(source: Source, text: Collection[str], wanted: list[str], rows: int) -> Iterator[pd.DataFrame]:
    import pyarrow

    try:
        for batch in _parquet(source.name).iter_batches(batch_size=rows, columns=wanted, use_threads=False):
            if batch.num_rows:
                yield batch.to_pandas(split_blocks=True)[wanted]
    except (pyarrow.ArrowException, OSError) as error:
        raise DataError(f"{source.name}: is a damaged Parquet file ({error}); write it again") from None


def _text_frames(source: Source, text: Collection[str], wanted: list[str], rows: int) -> Iterator[pd.DataFrame]:
    checked = False
    try:
        for frame in chunks(source, text, rows):
            last = frame.iloc[:, -1]
            if not checked and (last.isna() | (last == "")).any():  # maybe a short row, which pandas fills up
                checked = True
                if not even(source):
                    check_cells(source)
            yield frame[wanted]
    except UnicodeDecodeError:
        raise source.not_utf8() from None
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(f"{source.name}: is a damaged or incomplete gzip file ({error}); compress it again") from None
    except (OSError, ValueError, OverflowError, pd.errors.ParserWarning) as error:  # ParserError is a ValueError
        check_cells(source)
        raise DataError(f"{source.name}: cannot be read as a table: {error}") from None


def no_digest() -> Future[str]:
    """A digest that nobody asks for: that of all rows is computed once, from the files."""
    return Future()
