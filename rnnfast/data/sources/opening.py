"""From what a user names to sources: files, patterns of files, standard input, DataFrames. Reads headers only."""

from __future__ import annotations

import glob
import io
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from rnnfast.data.sources.bounds import check_columns, whole
from rnnfast.data.sources.columnar import Columnar
from rnnfast.data.sources.dialect import recognise
from rnnfast.data.sources.encodings import to_utf8
from rnnfast.data.sources.formats import COLUMNAR, DAMAGED, FOREIGN, MAGIC_BYTES, SQLITE, TEXT, UTF16, damaged, kind_of
from rnnfast.data.sources.jsonlines import JsonLines, looks_like_array, looks_like_json, no_lines
from rnnfast.data.sources.options import USUAL, FileOptions
from rnnfast.data.sources.rewriting import rewriting
from rnnfast.data.sources.source import Source, is_number, listing, short
from rnnfast.data.sources.sql import is_database, query_rows
from rnnfast.data.sources.titles import check_titles
from rnnfast.data.sources.typedfile import TypedFile
from rnnfast.data.sources.workbook import Workbook, is_workbook
from rnnfast.errors import DataError, UsageError, did_you_mean

STDIN = "-"  # as given by the user
STDIN_SHOWN = "<stdin>"
TABLES = "a path, a DataFrame, a list of those, or arrays: X (n, T, F) or a list of (T_i, F)"  # what is taken for one
LONGEST_PATH = 4096  # characters
PROBE = 65536  # bytes at the start of a text that are searched for signs of its format


def open_sources(paths: Any, options: FileOptions = USUAL) -> list[Source]:
    """Open one table or several: paths, patterns such as 'part-*.csv', '-' for standard input, databases, DataFrames,
    sources.

    Raises DataError for what is missing, unreadable, empty or no table, UsageError for nothing, '-' twice, options that
    do not fit and other objects.
    """
    paths = paths if isinstance(paths, list | tuple) else [paths]
    for item in paths:
        if not (isinstance(item, str | Path | Source) or _is_frame(item)):
            raise UsageError(f"{described(item)} is no table; give {TABLES}{_conversion(item)}")
    if sum(isinstance(item, str) and item == STDIN for item in paths) > 1:
        raise UsageError("standard input (-) is given twice; it can be read only once")
    databases = {str(item) for item in paths if isinstance(item, str | Path) and is_database(str(item))}
    opened = any(isinstance(item, Source) for item in paths)
    if options.query is not None and options.sure and not databases and not opened:
        raise UsageError("--query is for a database, such as --data sqlite:///file.db; leave it out")
    sources: list[Source] = []
    for item in paths:
        if isinstance(item, Source):
            sources.append(item)
        elif _is_frame(item):
            sources.append(_open_frame("<DataFrame>", item))
        elif str(item) in databases:
            sources.append(_open_frame(str(item), query_rows(str(item), options.query)))
        else:
            sources += [_open_file(name, options) for name in _matching(path_name(item))]
    if not sources:
        raise UsageError("no table is given; name at least one file")
    return sources


def _is_frame(item: Any) -> bool:
    """Whether it is a DataFrame; pandas, which takes long to import, is not asked about a path."""
    return not isinstance(item, str | Path | Source) and isinstance(item, pd.DataFrame)


def _exists(name: str) -> bool:
    """Whether it is the name of a file; lines of a table may be too long for one."""
    try:
        return Path(name).exists()
    except OSError:
        return False


def reopenable(sources: Sequence[Source]) -> list[Any]:
    """Return what opens the tables again: names, or the sources themselves of what can be read only once."""
    return [source.name if source.content is None and source.frame is None else source for source in sources]


def path_name(path: str | Path) -> str:
    """Return a path as text; raises UsageError for a text that is none, such as a table itself."""
    name = str(path)
    if len(name) > LONGEST_PATH or ("\n" in name and not _exists(name)):
        raise UsageError(f"a text of {len(name):,} characters is no path: {short(name)!r}; give {TABLES}")
    return name


def described(value: Any) -> str:
    """Name the type of an object, and its shape where it is an array."""
    kind = type(value)
    name = kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__.split('.')[0]}.{kind.__name__}"
    return f"{name} of shape {np.shape(value)}" if is_array(value) else name


def is_array(value: Any) -> bool:
    """Whether an object is an array of any library, and not a table or column."""
    if not hasattr(value, "__array__"):
        return False
    return not (isinstance(value, pd.DataFrame) or hasattr(value, "to_pandas") or hasattr(value, "to_frame"))


def _conversion(value: Any) -> str:
    if hasattr(value, "to_pandas"):
        return "; .to_pandas() makes a DataFrame of it"
    return "; .to_frame() makes a DataFrame of it" if hasattr(value, "to_frame") else ""


def _open_frame(name: str, frame: pd.DataFrame) -> Source:
    source = Source(name, frame=frame)
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


def open_content(content: bytes, name: str, options: FileOptions = USUAL) -> Source:
    """Open a table whose bytes are at hand. Raises as `open_sources`."""
    return _open_file(name, options, content)


def _open_file(name: str, options: FileOptions, content: bytes | None = None) -> Source:
    try:
        source = _source(name) if content is None else Source(name, content)
        name = source.name
        with source.stored() as stored:
            source.kind = kind_of(stored.read(MAGIC_BYTES))
        source.file = _typed(source)
        if source.file is None:
            start = _start(source)
            if looks_like_json(start):
                source.file = JsonLines(name, source.stream)
        if source.file is not None:
            _check_typed(source, options)
            _set_columns(source, source.file.columns())
            return source
        source.delimiter, source.decimal = recognise(start, name, options)
        if not options.columns:
            check_titles(source, start.decode("utf-8", errors="replace"))
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
    _name_columns(source, [cell.strip() for cell in header[1]], options)
    return source


def _typed(source: Source) -> TypedFile | None:
    """Return what reads a file with types; None where it is text, packed or plain."""
    if source.kind in COLUMNAR.values():
        return Columnar(source.name, source.kind, source.content)
    if source.kind == "zip" and is_workbook(source.name if source.content is None else io.BytesIO(source.content)):
        return Workbook(source.name, source.content)
    return None


def _check_typed(source: Source, options: FileOptions) -> None:
    """Raise UsageError for options that say how text is written where there is none."""
    assert source.file is not None
    for flag, value in (("--sep", options.separator), ("--columns", options.columns)):
        if value and options.sure:
            raise UsageError(
                f"{flag}: {source.name} is a {source.file.kind} file, which names its columns; leave it out"
            )


def _name_columns(source: Source, first: list[str], options: FileOptions) -> None:
    """Name the columns by the first line, or by --columns where it is a row; first: its cells."""
    if not options.columns or set(options.columns) <= set(first):
        _check_header(source, first)
        _set_columns(source, first)
        return
    cells = first
    while len(cells) > len(options.columns) and not cells[-1]:  # lines that end in a separator
        cells = cells[:-1]
    if len(cells) != len(options.columns):
        line = next(source.records())[0]
        if not options.sure and len(set(first)) == len(first) and not any(map(is_number, first)):
            _set_columns(source, first)
            return
        raise DataError(
            f"{source.name}, line {line}: the row has {len(cells)} cells ({listing(cells)}), and --columns names "
            f"{len(options.columns)} ({listing(options.columns)}); name each column once"
        )
    source.headerless = True
    _set_columns(source, options.columns)


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


def _start(source: Source) -> bytes:
    """Return the whole lines at the start of a text; refuses other formats by their first bytes."""
    with source.stream() as stream:
        start = stream.read(PROBE)
    inner = kind_of(start)
    if start.startswith(SQLITE):
        example = "--query 'select * from TABLE'"
        raise DataError(f"{source.name}: is a database; read it with --data sqlite:///{source.name} {example}")
    for magic, what in FOREIGN.items():
        if start.startswith(magic):
            wide = what == UTF16
            fix = to_utf8(source.name, "utf-16", source.content is None) if wide else "save the table as CSV in UTF-8"
            raise DataError(f"{source.name}: is {what}; {fix}")
    if inner != TEXT:
        raise DataError(f"{source.name}: holds a {inner} file packed by {source.kind}; unpack it once")
    if (position := start.find(b"\0")) >= 0:
        line = start.count(b"\n", 0, position) + 1
        raise DataError(f"{source.name}, line {line}: has a zero byte, so it is no text table; save the table as CSV")
    if looks_like_array(start):
        raise no_lines(source.name)
    return start[: start.rfind(b"\n") + 1] if len(start) == PROBE and b"\n" in start else start


def _set_columns(source: Source, names: Sequence[str]) -> None:
    """Set the column names; a name that occurs twice is an error, and so are more columns than memory can hold."""
    if source.frame is None:
        check_columns(source.name, len(names))
    source.columns = tuple(name or f"column {position}" for position, name in enumerate(names, 1))
    source.nameless = tuple(column for name, column in zip(names, source.columns, strict=True) if not name)
    earlier: set[str] = set()
    for column in source.columns:
        if column in earlier:
            first, second = [n for n, name in enumerate(source.columns, 1) if name == column][:2]
            command = rewriting(source, dtype="str")
            way = f", as pandas does: {command}" if command else ""
            raise DataError(
                f"{source.header_line()}, column {short(column)!r}: the name is there twice (columns {first} and "
                f"{second}); rename or remove one{way}"
            )
        earlier.add(column)


def _check_header(source: Source, first: Sequence[str]) -> None:
    """Refuse a first line of numbers, and a table in one column; first: cells of that line."""
    place = f"{source.name}, line {next(source.records())[0]}"
    if all(map(is_number, first)):
        raise DataError(
            f"{place}: holds numbers ({listing(first[:3])} ...) where column names belong; add a header line, or name "
            "them with --columns a,b,c"
        )
    if len(first) == 1 and (other := next((sign for sign in ",;\t| " if sign in first[0]), None)):
        raise DataError(
            f"{place}, column {short(first[0])!r}: the table seems to be separated by {other!r}; say so with --sep "
            f"{shlex.quote(other)}"
        )


def _nearest_file(name: str) -> str:
    path = Path(name)
    try:
        near = did_you_mean(path.name, [item.name for item in path.parent.iterdir()], most=3)
    except OSError:
        return f"; the directory {path.parent} is missing as well"
    return near or "; check the path"
