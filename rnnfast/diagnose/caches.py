"""What rnnfast keeps on disk between runs: parsed tables, tables in blocks, compiled kernels."""

from __future__ import annotations

import shutil
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from rnnfast.records import Record

KINDS = ("tables", "kernels")  # what can be cleared alone


class Kept(Record, frozen=True):
    """What one cache holds.

    kind: of KINDS; what: for people; directory: where; entries: so many; bytes: of all; limit: bytes above which the
    least recently used entries are removed, None for no such limit.
    """

    kind: str
    what: str
    directory: str
    entries: int
    bytes: int
    limit: int | None = None


class Caches(Record, frozen=True):
    """What `cache show` and `cache clear` print. caches: what is kept; cleared: what was removed."""

    caches: tuple[Kept, ...]
    cleared: tuple[Kept, ...] = ()


@dataclass(frozen=True)
class _Cache:
    """A cache: its folders are those of a directory that a pattern matches, an entry is a file that another matches."""

    kind: str
    what: str
    directory: Path
    folders: str
    entries: str
    limit: int | None = None

    def kept(self) -> Kept:
        """Count entries and bytes."""
        size = 0
        for folder in self.directory.glob(self.folders):
            for file in folder.rglob("*"):
                with suppress(OSError):  # another process removed it
                    size += file.stat().st_size if file.is_file() else 0
        entries = len(list(self.directory.glob(self.entries)))
        return Kept(self.kind, self.what, str(self.directory), entries, size, self.limit)

    def clear(self) -> None:
        """Remove all folders; what cannot be removed stays."""
        for folder in list(self.directory.glob(self.folders)):
            shutil.rmtree(folder, ignore_errors=True)


def show() -> Caches:
    """Count what is kept."""
    return Caches(tuple(each.kept() for each in _caches()))


def clear(kinds: Collection[str] = KINDS) -> Caches:
    """Remove what is kept of these kinds; runs that are going on may fail."""
    cleared = []
    for each in _caches():
        if each.kind in kinds:
            cleared.append(each.kept())
            each.clear()
    return Caches(show().caches, tuple(cleared))


def _caches() -> list[_Cache]:
    from rnnfast.data.sequences import cache, entry
    from rnnfast.data.sequences.files import DESCRIPTION
    from rnnfast.kernels.lanes.place import ENDING, VERSIONS, base

    tables = cache.directory()
    return [
        _Cache("tables", "parsed tables", tables, "*", f"*/{entry.INDEX}", cache.LARGEST),
        _Cache("tables", "tables in blocks", tables.parent / "stores", "*", f"*/{DESCRIPTION}"),
        # A folder for each version of the code that is compiled
        _Cache("kernels", "compiled kernels", base(), VERSIONS, f"{VERSIONS}/*{ENDING}"),
    ]
