"""From files and options to sequences: in memory, or in blocks where they are larger than their memory."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import fields
from glob import has_magic
from pathlib import Path
from typing import Any, TypeAlias, Unpack

import pandas as pd

from rnnfast.config.resolve import Config
from rnnfast.config.sections import DataConfig, reading_options
from rnnfast.config.typed import ReadOptions
from rnnfast.data.columns.schema import Schema
from rnnfast.data.reading.arrays import Arrays, is_arrays, open_arrays, with_labels
from rnnfast.data.reading.memory import read_whole
from rnnfast.data.reading.request import Request
from rnnfast.data.reading.stores import stored_table
from rnnfast.data.sequences.base import Sequences
from rnnfast.data.sequences.budget import PROCESS, Budget
from rnnfast.data.sequences.cache import Entry
from rnnfast.data.sequences.data import SequenceData
from rnnfast.data.sources.batches import open_files, rows_of
from rnnfast.data.sources.bounds import pieces
from rnnfast.data.sources.formats import DAMAGED, TEXT
from rnnfast.data.sources.opening import PROBE, STDIN, open_sources, path_name
from rnnfast.data.sources.options import USUAL, FileOptions
from rnnfast.data.sources.source import Source
from rnnfast.data.sources.sql import is_database
from rnnfast.data.sources.watch import watching
from rnnfast.errors import RnnfastError, UsageError, did_you_mean
from rnnfast.memory import limited
from rnnfast.reporter import Reporter

File: TypeAlias = "str | Path | pd.DataFrame"
Table: TypeAlias = "File | Sequence[File] | Arrays | tuple[Arrays, Any]"  # what is read

# Bytes in memory of a cell of a table, counting copies that training makes, and of what belongs to a row as a whole.
CELL_BYTES, ROW_BYTES = 36, 150
TEXT_FACTOR, PACKED_FACTOR = 6, 5  # bytes in memory for one of a text file, and of text for one of a packed file


def read_table(
    data: Table,
    y: Any = None,
    *,
    schema: Schema | None = None,
    require_target: bool = True,
    reporter: Reporter | None = None,
    **options: Unpack[ReadOptions],
) -> SequenceData:
    """Read tables with one row per step into sequences.

    data: file of text (comma, semicolon, tab or bar between cells, or JSON lines; plain, .gz, .zst or .zip), Parquet,
    Feather or Excel, a pattern such as "part-*.csv", "-" for standard input, a database such as "sqlite:///file.db"
    with the option query, a DataFrame, or a list of them, read as one table; or arrays X with their labels y, as
    reading/arrays.py says.
    schema: of a training table; columns are then found by name, further ones and `options` but split_by, cache and
    those that say how files are written are ignored.
    require_target: False accepts a table without target (y is then (rows, 0)) and reads no weights.
    reporter: is told how far the reading is, where it takes more than a second.
    options: how a table is read; help(rnnfast.ReadOptions) lists them. Of split_by the column, if any, is read.
    Raises DataError, naming file, line, column and value, for tables that cannot be used; UsageError for wrong options.

    Example:
        >>> import pandas as pd, rnnfast
        >>> table = pd.DataFrame({"card": ["a", "a", "b"], "amount": [5.0, 7.5, 2.0], "fraud": [0, 1, 0]})
        >>> data = rnnfast.read_table(table, id="card", target="fraud")
        >>> data.sequences, data.schema.task
        (2, 'binary')
    """
    option_names = (*reading_options(), "cache")
    for name in options:
        if name not in option_names:
            raise UsageError(f"read_table: unknown option {name!r}{did_you_mean(name, option_names, most=3)}")
    config = Config().with_values(options, "read_table").data
    return read_decided(with_labels(data, y), Request(config, schema, require_target), reporter)


def read_decided(paths: Any, request: Request, reporter: Reporter | None = None) -> SequenceData:
    """Read tables as `read`, and let all labels decide which steps are predicted, where they are to decide it."""
    data = read(paths, request, reporter)
    return data.predicting(data.rule()) if data.auto_predict else data


def read(paths: Any, request: Request, reporter: Reporter | None = None) -> SequenceData:
    """Read tables into memory, or take what an earlier run kept of them. Where the labels are to decide which steps are
    predicted, they have not done so yet. Raises as `read_table`.
    """
    sources, request = (
        open_arrays(paths, request) if is_arrays(paths) else (open_sources(paths, request.files), request)
    )
    entry = Entry(sources, request.settings())
    cacheable = request.config.cache and entry.worthwhile
    if cacheable and (earlier := entry.find()) is not None:
        if reporter is not None:
            reporter.cached()
        return earlier
    with watching(sources, reporter):
        data = read_whole(sources, request)
    if cacheable:
        entry.keep(data)
    return data


def open_table(
    paths: Any, request: Request, budget: Budget | None, opened: ExitStack, reporter: Reporter | None = None
) -> Sequences:
    """Read tables into memory, or where they do not fit into the budget into a store on disk, read in blocks.

    paths: as data of `read_table`, arrays with labels as a pair; with a budget files only. opened: keeps the store
    until it is closed.
    Raises as `read_table`.
    """
    if budget is None:
        return read(paths, request, reporter)
    names = file_names(paths)
    if names is None:
        raise UsageError("memory: only files are read in blocks; DataFrames and arrays are in memory already")
    with limited(budget.total):
        if STDIN in names or any(map(is_database, names)) or needs_store(names, budget, request.files):
            return opened.enter_context(stored_table(names, request, budget, reporter))
        return read(paths, request, reporter)


def file_names(paths: Any) -> list[str] | None:
    """Return the names of files, None where there is anything else."""
    items = [paths] if isinstance(paths, str | Path) else paths
    if not isinstance(items, list | tuple) or not all(isinstance(item, str | Path) for item in items):
        return None
    return [path_name(item) for item in items]


def bytes_in_memory(names: Sequence[str], options: FileOptions = USUAL, most: int | None = None) -> int:
    """Estimate what training on whole tables takes, besides the process itself; 0 where that cannot be told.

    options: how the files are opened; most: bytes from which on more or less makes no difference; packed files are
    unpacked to count them. None: their size as stored tells.
    """
    if not all(Path(name).is_file() or has_magic(name) for name in names):
        return 0  # standard input and pipes can be read only once
    total = 0
    with suppress(RnnfastError):  # reading will say what is wrong
        for source in open_files(names, options):
            if (rows := rows_of(source)) is not None:
                total += rows * _row_bytes(source)
            elif source.typed and source.kind == "zip":  # a workbook
                total += source.size * TEXT_FACTOR * PACKED_FACTOR
            elif source.kind == TEXT:
                total += max(source.size * TEXT_FACTOR, _rows_of_text(source) * _row_bytes(source))
            elif most is None:
                total += source.size * TEXT_FACTOR * PACKED_FACTOR
            else:
                total += _unpacked(source, most)
    return total


def _row_bytes(source: Source) -> int:
    return CELL_BYTES * len(source.columns) + ROW_BYTES


def _rows_of_text(source: Source) -> int:
    """Estimate the rows of a plain file by the lines at its start: those of a million ids are short."""
    with suppress(OSError), source.stream() as stream:
        start = stream.read(PROBE)
        return source.size * start.count(b"\n") // max(len(start), 1)
    return 0


def _unpacked(source: Source, most: int) -> int:
    """Bytes in memory of a packed file; what more than `most` takes is not unpacked to the end."""
    size = rows = need = 0
    with suppress(*DAMAGED), source.stream() as stream:
        for content in pieces(stream):
            size, rows = size + len(content), rows + content.count(b"\n")
            need = max(size * TEXT_FACTOR, rows * _row_bytes(source))
            if need > most:
                break
    return need


def needs_store(names: Sequence[str], budget: Budget, options: FileOptions = USUAL) -> bool:
    """Whether tables do not fit into a budget of memory."""
    most = budget.total - PROCESS if budget.in_memory is None else budget.in_memory
    return bytes_in_memory(names, options, most) > most


def check_read(config: DataConfig) -> None:
    """Raise UsageError for options that say how a table is read, where it is read already."""
    elsewhere = ("missing", "split_by")  # say more than how a table is read
    for declared in fields(DataConfig):
        name, is_set = declared.name, getattr(config, declared.name) != declared.default
        if is_set and name in (*reading_options(), "memory") and name not in elsewhere:
            raise UsageError(f"{name}: the table is read already; give {name} to read_table, or the path to train")
