"""When a table is read in blocks, and where its store lies meanwhile.

A store is kept in the user's cache directory and found again by the paths, sizes and times of the files and by the
options that say how they are read; with `--no-cache` it lies in a temporary directory that is removed at the end.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import fields
from glob import has_magic
from pathlib import Path

from rnnfast.config.sections import DataConfig
from rnnfast.data.disk.batches import open_files, rows_of
from rnnfast.data.disk.budget import PROCESS, Budget
from rnnfast.data.disk.store import DESCRIPTION, FORMAT, INDEX_BYTES, Store
from rnnfast.data.disk.streaming import make_store
from rnnfast.data.sources.bounds import pieces
from rnnfast.data.sources.formats import DAMAGED, TEXT
from rnnfast.data.sources.source import Source
from rnnfast.data.sources.watch import watching
from rnnfast.data.store import cache
from rnnfast.errors import RnnfastError, UsageError
from rnnfast.reporter import Reporter

# What reading decides, and so the content of a store; other options are of the run.
READING = ("id", "time", "target", "features", "ignore", "missing", "task", "predict", "window")
# Options whose meaning takes all rows of a table at a time, or inputs that a store does not hold.
WHOLE_TABLE = ("categorical", "horizon", "lag_target", "season", "weight", "split_by")
# Bytes in memory of a cell of a table, counting copies that training makes, and of what belongs to a row as a whole.
CELL_BYTES, ROW_BYTES = 36, 150
ABANDONED = 24 * 3600.0  # s after which nobody still makes a store
UNUSED = 30 * ABANDONED  # s after which a store is removed
TEXT_FACTOR, PACKED_FACTOR = 6, 5  # bytes in memory for one of a text file, and of text for one of a packed file


def bytes_in_memory(names: Sequence[str], most: int | None = None) -> int:
    """Estimate what training on whole tables takes, besides the process itself; 0 where that cannot be told.

    most: bytes from which on more or less makes no difference; packed files are unpacked to count them. None: their
    size as stored tells.
    """
    if not all(Path(name).is_file() or has_magic(name) for name in names):
        return 0  # standard input and pipes can be read only once
    total = 0
    with suppress(RnnfastError):  # reading will say what is wrong
        for source in open_files(names):
            if source.columnar is not None:
                total += (rows_of(source) or 0) * (CELL_BYTES * len(source.columns) + ROW_BYTES)
            elif source.kind == TEXT or most is None:
                packed = 1 if source.kind == TEXT else PACKED_FACTOR
                total += source.size * TEXT_FACTOR * packed
            else:
                total += _unpacked(source, most)
    return total


def _unpacked(source: Source, most: int) -> int:
    """Bytes in memory of a packed file; what more than `most` takes is not unpacked to the end."""
    size = rows = needed = 0
    with suppress(*DAMAGED), source.stream() as stream:
        for content in pieces(stream):
            size, rows = size + len(content), rows + content.count(b"\n")
            needed = max(size * TEXT_FACTOR, rows * (CELL_BYTES * len(source.columns) + ROW_BYTES))
            if needed > most:
                break
    return needed


def needs_store(names: Sequence[str], budget: Budget) -> bool:
    """Whether tables do not fit into a budget of memory."""
    return bytes_in_memory(names, budget.total) + PROCESS > budget.total


@contextmanager
def stored_table(
    config: DataConfig, budget: Budget, reporter: Reporter | None = None
) -> Iterator[tuple[Store, Budget]]:
    """Open the store of the tables of `data`, made now or kept from before, and the budget less its index.

    Raises as `read_table`; UsageError for options that need the whole table in memory.
    """
    _check(config)
    sources = open_files(config.data)
    if config.cache:
        directory = tables() / _key(sources, config)
        if not (directory / DESCRIPTION).is_file():
            _forget_halves()
            with watching(sources, reporter):
                make_store(sources, config, budget, directory)
        os.utime(directory)  # used now
        _forget(directory)
        yield _opened(directory, budget)
    else:
        temporary = Path(tempfile.mkdtemp(prefix="rnnfast-"))
        try:
            with watching(sources, reporter):
                make_store(sources, config, budget, temporary / "table")
            yield _opened(temporary / "table", budget)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def tables() -> Path:
    """The directory of all stores."""
    return cache.directory().parent / "stores"


def _opened(directory: Path, budget: Budget) -> tuple[Store, Budget]:
    store = Store.open(directory)
    return store, Budget(budget.total, INDEX_BYTES * store.sequences)


def _check(config: DataConfig) -> None:
    """Raise UsageError for options that only tables in memory have."""
    defaults = {declared.name: declared.default for declared in fields(DataConfig)}
    for name in WHOLE_TABLE:
        if getattr(config, name) != defaults[name]:
            flag = "--" + name.replace("_", "-")
            raise UsageError(f"{flag} needs the whole table in memory: give more --memory, or leave {flag} out")
    if config.stride is not None and config.stride != config.window:
        raise UsageError(
            f"--stride {config.stride}: a table that is read in blocks has windows side by side; give more --memory, "
            "or leave --stride out"
        )


def _key(sources: Sequence[Source], config: DataConfig) -> str:
    """Name the store of files as they are now, read with these options by this code."""
    paths = [str(Path(source.name).resolve()) for source in sources]
    options = [(name, getattr(config, name)) for name in READING]
    key = (FORMAT, cache.code(), paths, cache.states(sources), options)
    return hashlib.sha256(repr(key).encode()).hexdigest()[:24]


def _forget_halves() -> None:
    """Remove what processes left that were killed while they made a store."""
    for path in tables().glob("*.tmp"):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > ABANDONED:
                shutil.rmtree(path, ignore_errors=True)


def _forget(kept: Path) -> None:
    """Remove the stores that nobody has used for long, or whose files are gone; never one that a run may be reading."""
    for path in kept.parent.glob(f"*/{DESCRIPTION}"):
        with suppress(OSError, ValueError, KeyError):
            unused = time.time() - path.parent.stat().st_mtime
            names = json.loads(path.read_text(encoding="utf-8"))["source"]
            gone = not all(Path(name).exists() for name in names)
            if path.parent != kept and unused > (ABANDONED if gone else UNUSED):
                shutil.rmtree(path.parent, ignore_errors=True)
