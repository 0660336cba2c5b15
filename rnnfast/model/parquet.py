"""Lines of CSV as a Parquet file: texts of numbers become numbers again, which have all their digits."""

from __future__ import annotations

import io
from collections.abc import Mapping
from types import TracebackType
from typing import IO, Any, Self

from rnnfast.data.sources.formats import needs

CHUNK = 1 << 22  # characters that become a row group
TYPES = {"text": "string", "integer": "int64", "boolean": "bool_", "float32": "float32", "float64": "float64"}


def check_library(name: str) -> None:
    """Raise RnnfastError where pyarrow is not installed; name: of the file, as given by the user."""
    try:
        import pyarrow  # noqa: F401
    except ImportError:
        raise needs("parquet", f"{name}: a Parquet file") from None


class ParquetLines:
    """Takes lines of CSV without header; a context that completes the file. kinds: of each column, see TYPES."""

    def __init__(self, file: IO[bytes], kinds: Mapping[str, str]) -> None:
        import pyarrow
        from pyarrow import parquet

        self._types = {name: getattr(pyarrow, TYPES[kind])() for name, kind in kinds.items()}
        self._writer: Any = parquet.ParquetWriter(file, pyarrow.schema(self._types.items()))
        self._lines: list[str] = []
        self._size = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self._flush()
        self._writer.close()

    def write(self, text: str, /) -> None:
        """Take a line, or several."""
        self._lines.append(text)
        self._size += len(text)
        if self._size >= CHUNK:
            self._flush()

    def _flush(self) -> None:
        """Write a row group of what is there."""
        from pyarrow import csv

        content = "".join(self._lines).encode()
        self._lines, self._size = [], 0
        if not content:
            return
        table = csv.read_csv(
            io.BytesIO(content),
            csv.ReadOptions(column_names=list(self._types), block_size=len(content) + 1, use_threads=False),
            csv.ParseOptions(newlines_in_values=True),
            csv.ConvertOptions(column_types=self._types, null_values=[""], strings_can_be_null=False),
        )
        self._writer.write_table(table)
