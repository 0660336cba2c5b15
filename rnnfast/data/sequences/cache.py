"""Parsed tables on disk, so that a table is parsed once: `<user cache directory>/rnnfast/tables`.

An entry is found by everything that decides its content: the bytes of the files, the options, the code that reads them.
So that large files need not be hashed each time, the digest of a file is remembered by its path, size, times and inode,
as Git's index does. Nothing here can fail a run: what cannot be read or written is as if it were not there, and what
is damaged is dropped.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from platformdirs import user_cache_path

from rnnfast import __version__
from rnnfast.caching import make_directory, tell
from rnnfast.data.sequences import entry
from rnnfast.data.sequences.data import SequenceData
from rnnfast.data.sources.origin import Origin
from rnnfast.data.sources.source import Source
from rnnfast.data.sources.table import digest_of
from rnnfast.errors import RnnfastError
from rnnfast.writing import write_whole

FORMAT = 1  # of the entries; another one is another key
# Bytes of a table from which an entry is worth its space: to parse even a small one means to import pandas.
LEAST = 1 << 16
LARGEST, MOST = 2 << 30, 1000  # bytes of all entries together, and entries; the least recently used ones make room
SETTLED = 2_000_000_000  # ns from the last change of a file until its times tell a later change for sure
RECORDS = 1000  # remembered digests of files
ABANDONED = 3600.0  # s after which a half-written entry is of a process that is gone
VARIABLE = "RNNFAST_CACHE_DIR"
TEMPORARY = ".new-"
READING = ("data", "catalogue", "config")  # folders of the code that decides what is read


def directory() -> Path:
    """Return where parsed tables are kept: under RNNFAST_CACHE_DIR, or the user's cache directory."""
    base = os.environ.get(VARIABLE)
    return (Path(base) if base else user_cache_path("rnnfast")) / "tables"


def usage() -> tuple[int, int]:
    """Return the number of parsed tables that are kept and their size in bytes."""
    entries = [size for _, size, _ in _entries()]
    with suppress(OSError):  # tables that are read in blocks lie beside these
        entries += [_size(path) for path in (directory().parent / "stores").iterdir() if path.is_dir()]
    return len(entries), sum(entries)


class Entry:
    """The place of one table that is read in one way.

    sources: opened; settings: all options that decide how they are read, as JSON can hold them.
    """

    def __init__(self, sources: Sequence[Source], settings: Mapping[str, Any]) -> None:
        self._sources = list(sources)
        self._settings = settings
        self._states = states(sources)
        paths = [str(Path(source.name).absolute()) for source in sources]
        self._record = directory() / "digests" / f"{_hash(paths)}.json"

    @property
    def worthwhile(self) -> bool:
        """Whether the table is kept: of files, and not small."""
        return self._states is not None and sum(state[0] for state in self._states) >= LEAST

    def find(self) -> SequenceData | None:
        """Return the table where it is kept, else None."""
        try:
            return self._read()
        except OSError:  # nothing is there, or none of ours
            return None
        except Exception:  # what is damaged raises anything
            tell(f"{directory()}: damaged or foreign tables were dropped, and are read anew")
            return None

    def _read(self) -> SequenceData | None:
        """Return the table; None where its files have changed. Raises whatever a damaged entry leads to."""
        record = json.loads(self._record.read_text(encoding="utf-8"))
        digest = record["digest"]
        if record["states"] != self._states or not record["settled"]:
            if [state[0] for state in record["states"]] != [state[0] for state in self._states or ()]:
                return None
            digest = digest_of(self._sources)  # the times changed, perhaps not the content
            with suppress(RnnfastError, OSError):
                self._remember(digest)
        path = self._path(digest)
        data = entry.read(path)
        with suppress(OSError):
            os.utime(path)  # used now
        data.from_cache = True
        if data.origin is not None:
            data.origin = Origin(self._sources, data.origin.starts)
        return data

    def keep(self, data: SequenceData) -> None:
        """Store the table as far as possible, unless its files changed while they were read."""
        try:
            self._write(data)
        except FileNotFoundError:
            pass  # another process has cleared the cache meanwhile
        except (OSError, RnnfastError) as error:
            tell(f"{directory()}: parsed tables cannot be kept ({getattr(error, 'strerror', None) or error})")
        except ValueError:
            pass  # it has no plain form

    def _write(self, data: SequenceData) -> None:
        digest = data.digest
        if states(self._sources) != self._states:
            return
        self._remember(digest)
        path = self._path(digest)
        make_directory(path.parent)
        new = Path(tempfile.mkdtemp(prefix=TEMPORARY, dir=path.parent))
        try:
            entry.write(data, new)
            if _size(new) <= LARGEST:
                _replace(path, new)
                _make_room(path)
        finally:
            shutil.rmtree(new, ignore_errors=True)

    def _remember(self, digest: str) -> None:
        """Note the digest of the files as they are now."""
        states = self._states or []
        record = {"states": states, "settled": settled(states), "digest": digest}
        make_directory(self._record.parent)
        write_whole(self._record, json.dumps(record).encode())

    def _path(self, digest: str) -> Path:
        return directory() / key_of(self._sources, self._settings, FORMAT, digest)


def key_of(sources: Sequence[Source], settings: Mapping[str, Any], form: int, content: Any) -> str:
    """Name what is kept of tables by everything that decides it.

    settings: as of Entry; form: number of the format on disk; content: what tells the contents of the files.
    """
    key = {
        "format": form,
        "versions": [__version__, version("pandas"), code()],
        "content": content,
        # Their names and sizes too: notes and models hold names, and two files may be cut elsewhere.
        "sources": [[source.name, source.size] for source in sources],
        "settings": settings,
    }
    return _hash(key)


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:32]


@cache
def code() -> str:
    """Digest of the code that reads tables: an edited one must not be given what another one read."""
    return digest_of_code(Path(__file__).parents[2])


def digest_of_code(package: Path) -> str:
    """Hash the modules of a package that decide what is read of a table."""
    state = hashlib.sha256()
    for path in sorted(file for folder in READING for file in (package / folder).rglob("*.py")):
        state.update(path.relative_to(package).as_posix().encode() + path.read_bytes())
    return state.hexdigest()


def states(sources: Sequence[Source]) -> list[list[int]] | None:
    """Return size, times and inode of each file; None where a source is no file, or is one no more."""
    states = []
    for source in sources:
        if source.frame is not None or source.content is not None:
            return None
        try:
            status = Path(source.name).stat()
        except OSError:
            return None
        states.append([status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino])
    return states


def settled(states: Sequence[Sequence[int]]) -> bool:
    """Whether files were changed so long ago that any change from now on has another time; states: as of `states`."""
    return time.time_ns() - max((max(state[1:3]) for state in states), default=0) > SETTLED


def _replace(path: Path, new: Path) -> None:
    """Give a complete entry its name; a damaged one of that name gives way."""
    try:
        new.rename(path)
    except OSError:
        old = path.with_name(f"{new.name}-old")
        path.rename(old)
        with suppress(OSError):  # another process may have been quicker
            new.rename(path)
        shutil.rmtree(old, ignore_errors=True)


def _make_room(newest: Path) -> None:
    """Remove the least recently used entries above their total size and number, and what processes left behind."""
    entries = sorted(_entries())
    total = sum(size for _, size, _ in entries)
    for place, (_, size, path) in enumerate(entries):
        if (total > LARGEST or len(entries) - place > MOST) and path != newest:
            shutil.rmtree(path, ignore_errors=True)
            total -= size
    for path in directory().glob(f"{TEMPORARY}*"):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > ABANDONED:
                shutil.rmtree(path, ignore_errors=True)
    records = sorted((directory() / "digests").glob("*.json"), key=lambda path: path.stat().st_mtime)
    for path in records[:-RECORDS]:
        path.unlink(missing_ok=True)


def _entries() -> list[tuple[float, int, Path]]:
    """Return time of last use, size in bytes and path of each entry."""
    entries = []
    with suppress(OSError):
        for path in directory().iterdir():
            if not path.name.startswith(".") and (path / entry.INDEX).exists():
                with suppress(OSError):
                    entries.append((path.stat().st_mtime, _size(path), path))
    return entries


def _size(path: Path) -> int:
    return sum(file.stat().st_size for file in path.iterdir())
