"""From what a user names to sources: files, patterns of files, standard input, DataFrames. Reads headers only."""

from __future__ import annotations

import glob
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from rnnfast.data.sources.bounds import whole
from rnnfast.data.sources.columnar import Columnar
from rnnfast.data.sources.dialect import recognise
from rnnfast.data.sources.formats import COLUMNAR, DAMAGED, FOREIGN, MAGIC_BYTES, TEXT, damaged, kind_of
from rnnfast.data.sources.source import Source, listing, short
from rnnfast.errors import DataError, UsageError, did_you_mean

STDIN = "-"  # as given by the user
STDIN_SHOWN = "<stdin>"
TABLES = "a path, a DataFrame, a list of those, or arrays: X (n, T, F) or a list of (T_i, F)"  # what is taken for one
LONGEST_PATH = 4096  # characters
PROBE = 65536  # bytes at the start of a text that are searched for signs of its format


def open_sources(paths: Any) -> list[Source]:
    """Open one table or several: paths, patterns such as 'part-*.csv', '-' for standard input, DataFrames, sources.

    Raises DataError for what is missing, unreadable, empty or no text table, UsageError for nothing, '-' twice and
    other objects.
    """
    paths = paths if isinstance(paths, list | tuple) else [paths]
    for item in paths:
        if not isinstance(item, str | Path | pd.DataFrame | Source):
            raise UsageError(f"{described(item)} is no table; give {TABLES}{_conversion(item)}")
    if sum(isinstance(item, str) and item == STDIN for item in paths) > 1:
        raise UsageError("standard input (-) is given twice; it can be read only once")
    sources: list[Source] = []
    for item in paths:
        if isinstance(item, Source):
            sources.append(item)
            continue
        frame = isinstance(item, pd.DataFrame)
        sources += [_open_frame(item)] if frame else [_open_file(name) for name in _matching(path_name(item))]
    if not sources:
        raise UsageError("no table is given; name at least one file")
    return sources


def reopenable(sources: Sequence[Source]) -> list[Any]:
    """Return what opens the tables again: names, or the sources themselves of what can be read only once."""
    return [source.name if source.content is None and source.frame is None else source for source in sources]


def path_name(path: str | Path) -> str:
    """Return a path as text; raises UsageError for a text that is none, such as a table itself."""
    name = str(path)
    if len(name) > LONGEST_PATH or "\n" in name:
        raise UsageError(f"a text of {len(name):,} characters is no path: {short(name)!r}; give {TABLES}")
    return name


def described(value: Any) -> str:
    """Name the type of an object, and its shape where it is an array."""
    kind = type(value)
    name = kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__.split('.')[0]}.{kind.__name__}"
    return f"{name} of shape {np.shape(value)}" if is_array(value) else name


def is_array(value: Any) -> bool:
    """Whether an object is an array of any library, and not a table or column."""
    table_or_column = isinstance(value, pd.DataFrame) or hasattr(value, "to_pandas") or hasattr(value, "to_frame")
    return hasattr(value, "__array__") and not table_or_column


def _conversion(value: Any) -> str:
    if hasattr(value, "to_pandas"):
        return "; .to_pandas() makes a DataFrame of it"
    return "; .to_frame() makes a DataFrame of it" if hasattr(value, "to_frame") else ""


def _open_frame(frame: pd.DataFrame) -> Source:
    source = Source("<DataFrame>", frame=frame)
    _set_columns(source, [str(name) for name in frame.columns])
    if not len(frame):
        raise DataError(f"{source.name}: has no rows; there is nothing to read")
    return source


def _matching(name: str) -> list[str]:
    """Return the files that a pattern matches, sorted; a file that has the very name of the pattern wins."""
    if not glob.has_magic(name) or Path(name).exists():
        return [name]
    # Path.glob takes no absolute patterns.
    paths = sorted(path for path in glob.glob(name, recursive=True) if not Path(path).is_dir())  # noqa: PTH207
    if not paths:
        raise DataError(f"{name}: no file matches this pattern{_nearest_file(name)}")
    return paths


def _open_file(name: str) -> Source:
    try:
        source = _source(name)
        name = source.name
        with source.stored() as stored:
            source.kind = kind_of(stored.read(MAGIC_BYTES))
        if source.kind in COLUMNAR.values():
            source.columnar = Columnar(name, source.kind, source.content)
            _set_columns(source, source.columnar.columns())
            return source
        _probe(source)
        header = next(source.records(), None)
    except FileNotFoundError:
        raise DataError(f"{name}: no such file{_nearest_file(name)}") from None
    except IsADirectoryError:
        raise DataError(f"{name}: is a directory; name a table in it, such as {Path(name) / 'table.csv'}") from None
    except DAMAGED as error:
        raise damaged(name, source.kind, error) from None
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
        return Source(STDIN_SHOWN, whole(sys.stdin.buffer, STDIN_SHOWN))
    path = Path(name)
    pipe = path.exists() and not path.is_file() and not path.is_dir()
    if not pipe:
        return Source(name)
    with path.open("rb") as stream:
        return Source(name, whole(stream, name))


def _probe(source: Source) -> None:
    """Refuse other formats by their first bytes; recognise separator and decimal mark."""
    with source.stream() as stream:
        start = stream.read(PROBE)
    inner = kind_of(start)
    for magic, what in FOREIGN.items():
        if start.startswith(magic):
            raise DataError(f"{source.name}: is {what}; save the table as CSV in UTF-8")
    if inner != TEXT:
        raise DataError(f"{source.name}: holds a {inner} file packed by {source.kind}; unpack it once")
    if (position := start.find(b"\0")) >= 0:
        line = start.count(b"\n", 0, position) + 1
        raise DataError(f"{source.name}, line {line}: has a zero byte, so it is no text table; save the table as CSV")
    lines = start[: start.rfind(b"\n") + 1] if len(start) == PROBE and b"\n" in start else start
    source.delimiter, source.decimal = recognise(lines, source.name)


def _set_columns(source: Source, names: Sequence[str]) -> None:
    """Set the column names; a name that occurs twice is an error."""
    source.columns = tuple(name or f"column {position}" for position, name in enumerate(names, 1))
    source.nameless = tuple(column for name, column in zip(names, source.columns, strict=True) if not name)
    seen: set[str] = set()
    for column in source.columns:
        if column in seen:
            first, second = [n for n, name in enumerate(source.columns, 1) if name == column][:2]
            raise DataError(
                f"{source.header_line()}, column {short(column)!r}: the name is there twice (columns {first} and "
                f"{second}); rename or remove one"
            )
        seen.add(column)


def _check_header(source: Source) -> None:
    """Refuse a first line of numbers and a table in one column."""
    columns = source.columns
    if all(_is_number(column) for column in columns):
        raise DataError(
            f"{source.header_line()}: holds numbers ({listing(columns[:3])} ...) where column names belong; "
            "add a header line"
        )
    if len(columns) == 1 and (other := next((sign for sign in ",;\t| " if sign in columns[0]), None)):
        raise DataError(
            f"{source.header_line()}, column {short(columns[0])!r}: the table seems to be separated by {other!r}; "
            "separate cells by commas, semicolons, tabs or vertical bars"
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
        near = did_you_mean(path.name, [item.name for item in path.parent.iterdir()], most=3)
    except OSError:
        return f"; the directory {path.parent} is missing as well"
    return near or "; check the path"
