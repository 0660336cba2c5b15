"""Files of predictions, written line by line and complete or absent: CSV, plain or packed, or columns.

A format is told by the end of the file's name. Lines are those of CSV in every format.
"""

from __future__ import annotations

import gzip
import io
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rnnfast.display import printable
from rnnfast.errors import UsageError
from rnnfast.model.csvlines import CsvLines, Lines, Raw, write_lines
from rnnfast.model.parquet import ParquetLines, check_library
from rnnfast.writing import check_writable, replacing

STANDARD_STREAM = "-"
PARQUET, GZIP = ".parquet", ".gz"
FOREIGN = (".xlsx", ".xls", ".json", ".jsonl", ".ndjson", ".feather", ".arrow", ".db", ".sqlite", ".zst", ".zip")
LEVEL = 6  # of gzip: a third of the time of its default, 9, for files that are hardly larger


def check_output(output: str | Path, force: bool) -> None:
    """Raise before work begins where the output could not be written at its end, or would be of another format."""
    if str(output) == STANDARD_STREAM:
        return
    if (ending := Path(output).suffix.lower()) in FOREIGN:
        raise UsageError(f"{output}: {ending} is not written; the formats are .csv, .csv.gz and .parquet")
    check_writable(Path(output), force)
    if has_types(output):
        check_library(str(output))


def has_types(output: str | Path) -> bool:
    """Whether the columns of that format have types."""
    return Path(output).suffix.lower() == PARQUET


@contextmanager
def opened(output: str | Path, kinds: Mapping[str, str]) -> Iterator[CsvLines]:
    """Open the output; a file takes its place when it is complete.

    output: texts are made harmless for spreadsheets unless it is a `Raw` name or a format with types.
    kinds: of each column by name: text, integer, boolean, float32 or float64; a format with types has these.
    """
    raw = isinstance(output, Raw)
    if str(output) == STANDARD_STREAM:
        binary = getattr(sys.stdout, "buffer", None)
        if binary is None or sys.stdout.isatty():
            yield _headed(_Shown(), kinds, raw)
            return
        sys.stdout.flush()
        with _text(binary) as stream:
            yield _headed(stream, kinds, raw)
        return
    with replacing(Path(output)) as file:
        if has_types(output):
            with ParquetLines(file, kinds) as lines:
                yield CsvLines(lines, kinds.values(), raw=True)
        elif Path(output).suffix.lower() == GZIP:
            # Neither time nor name: the same predictions are the same bytes.
            with gzip.GzipFile("", "wb", LEVEL, file, mtime=0) as packed, _text(packed) as stream:
                yield _headed(stream, kinds, raw)
        else:
            with _text(file) as stream:
                yield _headed(stream, kinds, raw)


@contextmanager
def _text(binary: Any) -> Iterator[Lines]:
    """Write text as UTF-8 without translation of line ends, to a binary stream that stays open."""
    stream = io.TextIOWrapper(binary, encoding="utf-8", newline="")
    try:
        yield stream
        stream.flush()
    finally:
        stream.detach()


class _Shown:
    """Standard output where people look at it: texts command no terminal."""

    def write(self, text: str, /) -> object:
        return sys.stdout.write(printable(text))


def _headed(stream: Lines, kinds: Mapping[str, str], raw: bool) -> CsvLines:
    """Write the names of the columns."""
    write_lines(stream, [[name] for name in kinds], range(len(kinds)), raw)
    return CsvLines(stream, kinds.values(), raw)
