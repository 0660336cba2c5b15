"""Parquet and Feather files: only the columns that are needed are read, through pyarrow."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pandas as pd

from rnnfast.data.sources.arrowsizes import feather_pieces, parquet_pieces
from rnnfast.data.sources.bounds import check_bytes, check_rows, check_unpacked
from rnnfast.data.sources.formats import needs
from rnnfast.data.sources.source import LONGEST_CELL, short
from rnnfast.errors import DataError
from rnnfast.memory import available_memory

PAGE = 1 << 20  # bytes read at a time of each column of a Parquet file, whatever the size of its row groups
TEXT_ROWS = 1 << 12  # of texts that are unpacked at a time
INDEX_NAME = re.compile(r"__index_level_\d+__")  # of a column that pandas adds for the row labels


@dataclass(frozen=True)
class Columnar:
    """A file of columns. name: as given by the user; kind: "Parquet" or "Feather"; content: its bytes, or None."""

    name: str
    kind: str
    content: bytes | None

    def columns(self) -> list[str]:
        """Return the names of the columns.

        Raises RnnfastError where pyarrow is not installed, DataError for a damaged file.
        """
        names: list[str] = self._read(None).names
        return [name for name in names if not INDEX_NAME.fullmatch(name)]

    def frame(self, columns: Sequence[str]) -> pd.DataFrame:
        """Read columns as a DataFrame with RangeIndex."""
        check_rows(self.name, self.kind, self.rows(), len(columns))
        pieces = [size for _, size in self._pieces(columns)]
        every = self.kind == "Parquet" or set(columns) == set(self.columns())
        # A Feather file tells the sizes of all columns together; of some it is sure only that a piece is unpacked.
        check_unpacked(self.name, self.kind, sum(pieces) if every else max(pieces, default=0))
        table = self._read(columns)
        with self._sound():
            table = table.select(list(columns))
            table.validate(full=True)  # a damaged Feather file may hold lengths of terabytes
            self._check_cells(table)
            return _frame(table)

    def rows(self) -> int:
        """Return the number of rows, from what the file says about itself."""
        rows = sum(count for count, _ in self._pieces(()))
        if self.kind != "Parquet":
            return rows
        with self._opened() as file:
            return max(int(file.metadata.num_rows), rows)  # either may be wrong

    def _pieces(self, columns: Sequence[str]) -> list[tuple[int, int]]:
        """Return (rows, bytes unpacked) of each piece; of a Feather file with all its columns."""
        with self._opened() as file, self._sound():
            if self.kind == "Parquet":
                return parquet_pieces(file.metadata, columns)
            import pyarrow as pa

            with pa.memory_map(self.name) if self.content is None else pa.BufferReader(self.content) as stored:
                return feather_pieces(stored)

    def single_precision(self, columns: Sequence[str]) -> bool:
        """Whether float32 holds every value of these columns: floats of at most 32 bits, small integers, truths."""
        schema = self._read(None)
        from pyarrow import types

        return all(
            types.is_boolean(kind)
            or types.is_float16(kind)
            or types.is_float32(kind)
            or types.is_int8(kind)
            or types.is_uint8(kind)
            or types.is_int16(kind)
            or types.is_uint16(kind)
            for kind in (schema.field(name).type for name in columns)
        )

    def frames(self, columns: Sequence[str], rows: int) -> Iterator[pd.DataFrame]:
        """Read columns as DataFrames of at most so many rows, in bounded memory."""
        for count, size in self._pieces(columns):
            share = min(rows / max(count, 1), 1.0) if self.kind == "Parquet" else 1.0  # of it that is unpacked at once
            check_unpacked(self.name, self.kind, int(share * size), piece=True)
        with self._opened() as file, self._sound():
            for batch in self._batches(file, list(columns), rows):
                self._check_cells(batch)
                for first in range(0, batch.num_rows, rows):
                    yield _frame(batch.slice(first, rows), split_blocks=True)[list(columns)]

    def place(self, row: int) -> str:
        """Name the place of a row: there are no lines."""
        return f"row {row}"

    def cell(self, row: int, column: str) -> Any:
        """Read one cell; for messages."""
        return self._read([column]).column(column)[row].as_py()

    def _batches(self, file: Any, columns: list[str], rows: int) -> Iterator[Any]:
        """Yield record batches, or tables, of an opened file."""
        if self.kind == "Parquet":
            yield from self._parquet_batches(file, columns, rows)
        else:
            for j in range(file.num_record_batches):
                yield file.get_batch(j).select(columns)

    def _parquet_batches(self, file: Any, columns: list[str], rows: int) -> Iterator[Any]:
        """Yield so many rows at a time, as tables where there are texts, which are unpacked as `_table` does."""
        import pyarrow as pa

        texts = _texts(file.schema_arrow, columns)
        waiting, count, size = [], 0, 0
        for batch in file.iter_batches(min(rows, TEXT_ROWS) if texts else rows, columns=columns, use_threads=False):
            if not texts:
                yield batch
                continue
            size += batch.nbytes
            check_unpacked(self.name, self.kind, size, piece=True)
            waiting.append(batch)
            count += len(batch)
            while count >= rows:
                whole = pa.Table.from_batches(waiting)
                yield whole.slice(0, rows)
                rest = whole.slice(rows)
                waiting, count, size = rest.to_batches(), len(rest), rest.nbytes
        if count:
            yield pa.Table.from_batches(waiting)

    def _check_cells(self, cells: Any) -> None:
        """Raise DataError for a text that is longer than one in a text file may be: each pass over it makes copies."""
        from pyarrow import compute

        for name in _texts(cells.schema, cells.schema.names):
            longest = compute.max(compute.binary_length(cells.column(name))).as_py()
            if longest is not None and longest > LONGEST_CELL:
                raise DataError(
                    f"{self.name}, column {short(name)!r}: has a cell of more than {LONGEST_CELL:,} bytes; shorten it, "
                    "or leave the column out"
                )

    def _stored(self) -> Any:
        """Return the path of the file, or a reader of its content. Raises RnnfastError without pyarrow."""
        try:
            import pyarrow as pa
        except ImportError:
            raise needs("parquet", f"{self.name}: a {self.kind} file") from None
        return self.name if self.content is None else pa.BufferReader(self.content)

    def _mapped(self, stored: Any) -> Any:
        """Open a file of Arrow's own, which is mapped where it has a path."""
        import pyarrow as pa
        from pyarrow import ipc

        return ipc.open_file(pa.memory_map(stored) if self.content is None else stored)

    def _opened(self) -> Any:
        """Open the file for reading by batches: a ParquetFile, or Arrow's reader of a mapped file."""
        stored = self._stored()
        from pyarrow import parquet

        with self._sound():
            if self.kind == "Parquet":
                return parquet.ParquetFile(stored, buffer_size=PAGE, pre_buffer=False)
            return self._mapped(stored)

    def _read(self, columns: Sequence[str] | None) -> Any:
        """Read columns as an Arrow table; None: only the schema."""
        stored = self._stored()
        from pyarrow import feather, parquet

        with self._sound():
            if self.kind == "Parquet":
                with parquet.ParquetFile(stored) as file:
                    return file.schema_arrow if columns is None else self._table(file, list(columns))
            if columns is None:
                with self._mapped(stored) as file:
                    return file.schema
            return feather.read_table(stored, columns=list(columns))

    def _table(self, file: Any, columns: list[str]) -> Any:
        """Read columns of a Parquet file; texts a few rows at a time, as a dictionary of long ones can repeat them."""
        import pyarrow as pa

        if not _texts(file.schema_arrow, columns):
            return file.read(columns)
        batches, size, limit = [], 0, available_memory()
        for batch in file.iter_batches(batch_size=TEXT_ROWS, columns=columns):
            size += batch.nbytes
            check_bytes(self.name, self.kind, size, limit)
            batches.append(batch)
        return pa.Table.from_batches(batches) if batches else file.read(columns)

    @contextmanager
    def _sound(self) -> Iterator[None]:
        """Turn what pyarrow says of a damaged file into a DataError."""
        import pyarrow as pa

        try:
            yield
        except FileNotFoundError:
            raise
        except MemoryError:
            raise DataError(
                f"{self.name}: a {self.kind} file whose columns take more memory than is available; give --memory SIZE "
                "to train from disk in blocks, or fewer rows"
            ) from None
        except (pa.ArrowException, OSError, ValueError, TypeError, OverflowError) as error:
            first = repr((str(error).splitlines() or [type(error).__name__])[0])[1:-1]
            raise DataError(
                f"{self.name}: is a damaged or incomplete {self.kind} file ({first}); write it again, or save it as CSV"
            ) from None


def _texts(schema: Any, columns: Sequence[str]) -> list[str]:
    """Return the names of those of the columns that hold texts, which a dictionary can repeat."""
    from pyarrow import types

    names = set(columns)
    kinds = [(field.name, field.type) for field in schema if field.name in names]
    return [name for name, kind in kinds if types.is_string(kind) or types.is_large_string(kind)]


def _frame(cells: Any, split_blocks: bool = False) -> pd.DataFrame:
    """Return a table of Arrow, or a batch of one, as a DataFrame; whole numbers stay such beside empty cells."""
    from pyarrow import types

    frame: pd.DataFrame = cells.to_pandas(ignore_metadata=True, split_blocks=split_blocks, date_as_object=False)
    for field, column in zip(cells.schema, cells.columns, strict=True):
        if column.null_count and types.is_integer(field.type):  # pandas made floats of them, which lose digits
            name = "UInt64" if types.is_unsigned_integer(field.type) else "Int64"
            frame[field.name] = column.to_pandas(types_mapper=lambda _, name=name: pd.api.types.pandas_dtype(name))
    return frame


def release() -> None:
    """Give back what Arrow keeps for further batches: it would stay as large as they were while a network trains."""
    import pyarrow as pa

    pa.default_memory_pool().release_unused()
