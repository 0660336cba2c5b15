"""Parquet and Feather files: only the columns that are needed are read, through pyarrow."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pandas as pd

from rnnfast.data.formats import needs
from rnnfast.errors import DataError

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
        table = self._read(columns)
        with self._sound():
            table = table.select(list(columns))
            frame: pd.DataFrame = table.to_pandas(ignore_metadata=True, date_as_object=False)
        return frame

    def cell(self, row: int, column: str) -> Any:
        """Read one cell; for messages."""
        return self._read([column]).column(column)[row].as_py()

    def _read(self, columns: Sequence[str] | None) -> Any:
        """Read columns as an Arrow table; None: only the schema."""
        try:
            import pyarrow as pa
            from pyarrow import feather, ipc, parquet
        except ImportError:
            raise needs("parquet", f"{self.name}: a {self.kind} file") from None
        stored = self.name if self.content is None else pa.BufferReader(self.content)
        with self._sound():
            if self.kind == "Parquet":
                with parquet.ParquetFile(stored) as file:
                    return file.schema_arrow if columns is None else file.read(list(columns))
            if columns is None:
                with ipc.open_file(pa.memory_map(stored) if self.content is None else stored) as file:
                    return file.schema
            return feather.read_table(stored, columns=list(columns))

    @contextmanager
    def _sound(self) -> Iterator[None]:
        """Turn what pyarrow says of a damaged file into a DataError."""
        import pyarrow as pa

        try:
            yield
        except FileNotFoundError:
            raise
        except (pa.ArrowException, OSError, ValueError, TypeError, OverflowError) as error:
            first = repr((str(error).splitlines() or [type(error).__name__])[0])[1:-1]
            raise DataError(
                f"{self.name}: is a damaged or incomplete {self.kind} file ({first}); write it again, or save it as CSV"
            ) from None
