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
from typing import Any, NamedTuple

from rnnfast.display import printable
from rnnfast.errors import UsageError
from rnnfast.model.csvlines import CsvLines, Lines, write_lines
from rnnfast.model.parquet import ParquetLines, check_library
from rnnfast.writing import check_writable, replacing

STANDARD_STREAM = "-"
PARQUET, GZIP = ".parquet", ".gz"
FOREIGN = (".xlsx", ".xls", ".json", ".jsonl", ".ndjson", ".feather", ".arrow", ".db", ".sqlite", ".zst", ".zip")
LEVEL = 6  # of gzip: a third of the time of its default, 9, for files that are hardly larger


class Output(NamedTuple):
    """A file to write. name: of it, '-' for CSV on stdout; raw: texts are written as they are, formulas too."""

    name: str
    raw: bool = False

    @classmethod
    def of(cls, output: str | Path | Output) -> Output:
        """Return the output that has a name alone."""
        return output if isinstance(output, Output) else cls(str(output))

    @property
    def absolute(self) -> str:
        """Its name, to be found from anywhere."""
        return str(Path(self.name).absolute())

    @property
    def has_types(self) -> bool:
        """Whether the columns of its format have types."""
        return Path(self.name).suffix.lower() == PARQUET


def check_output(output: Output, force: bool) -> None:
    """Raise before work begins where the output could not be written at its end, or would be of another format."""
    if output.name == STANDARD_STREAM:
        return
    path = Path(output.name)
    if (ending := path.suffix.lower()) in FOREIGN:
        raise UsageError(f"{path}: {ending} is not written; the formats are .csv, .csv.gz and .parquet")
    check_writable(path, force)
    if output.has_types:
        check_library(output.name)


@contextmanager
def opened(output: Output, kinds: Mapping[str, str]) -> Iterator[CsvLines]:
    """Open the output; a file takes its place when it is complete.

    Texts are made harmless for spreadsheets unless the output is raw or of a format with types.
    kinds: of each column by name: text, integer, boolean, float32 or float64; a format with types has these.
    """
    path, raw = Path(output.name), output.raw
    if output.name == STANDARD_STREAM:
        binary = getattr(sys.stdout, "buffer", None)
        if binary is None or sys.stdout.isatty():
            yield _headed(_Shown(), kinds, raw)
            return
        sys.stdout.flush()
        with _text(binary) as stream:
            yield _headed(stream, kinds, raw)
        return
    with replacing(path) as file:
        if output.has_types:
            with ParquetLines(file, kinds) as lines:
                yield CsvLines(lines, kinds.values(), raw=True)
        elif path.suffix.lower() == GZIP:
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
