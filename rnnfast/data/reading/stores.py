"""Where the store of a table lies: found again, made now, or in a temporary directory.

A store is kept in the user's cache directory and found again by the names, paths, sizes and times of the files and by
the options that say how they are read; with `--no-cache`, or where it cannot be kept, it lies in a temporary directory
that is removed at the end.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from rnnfast.caching import remove, tell
from rnnfast.data.reading.checks import check_labelled
from rnnfast.data.reading.disk import make_store
from rnnfast.data.reading.request import Request
from rnnfast.data.sequences import cache
from rnnfast.data.sequences.budget import Budget
from rnnfast.data.sequences.files import DESCRIPTION, NotStored
from rnnfast.data.sequences.store import FORMAT, Store
from rnnfast.data.sequences.stored import StoredSequences
from rnnfast.data.sources.batches import open_files
from rnnfast.data.sources.source import Source
from rnnfast.data.sources.table import digest_of
from rnnfast.data.sources.watch import watching
from rnnfast.records import replace
from rnnfast.reporter import Reporter

ABANDONED = 24 * 3600.0  # s after which nobody still makes a store
UNUSED = 30 * ABANDONED  # s after which a store is removed


@contextmanager
def stored_table(
    names: Sequence[str], request: Request, budget: Budget, reporter: Reporter | None = None
) -> Iterator[StoredSequences]:
    """Open the store of tables, made now or kept from before. Raises as `read_table`."""
    sources = open_files(names, request.files)
    if request.config.cache and (table := _lasting(sources, request, budget, reporter)) is not None:
        yield _checked(table, request)
        return
    temporary = Path(tempfile.mkdtemp(prefix="rnnfast-"))
    try:
        with watching(sources, reporter):
            make_store(sources, request, budget, temporary / "table")
        yield _checked(StoredSequences.open(temporary / "table", budget, sources), request)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _lasting(
    sources: Sequence[Source], request: Request, budget: Budget, reporter: Reporter | None
) -> StoredSequences | None:
    """Return the store from the cache, made now where it is not there or is damaged; None where none can be kept."""
    directory = stores() / _key(sources, request)
    table = _opened(directory, budget, sources)
    if table is None:
        _forget_halves()
        try:
            with watching(sources, reporter):
                make_store(sources, request, budget, directory)
        except NotStored as error:
            tell(f"{error}; it is read into a temporary directory")
            return None
        table = StoredSequences.open(directory, budget, sources)
    with suppress(OSError):
        os.utime(directory)  # used now
    _forget(directory)
    return table


def _opened(directory: Path, budget: Budget, sources: Sequence[Source]) -> StoredSequences | None:
    """Open a store that is there and whole; a damaged one is removed, and one of other files than there are now."""
    if not directory.exists():
        return None
    try:
        table = StoredSequences.open(directory, budget, sources)
        if _is_of(table.store, sources):
            return table
        remove(directory)
        return None
    except Exception:  # what is damaged raises anything
        remove(directory)
        tell(f"{directory.parent}: damaged or foreign tables were dropped, and are read anew")
        return None


def _is_of(store: Store, sources: Sequence[Source]) -> bool:
    """Whether a store is of the files as they are.

    Size and times tell, but for a change within the grain of the clock after the one that the store was made of: then
    their content does, until the times are old enough.
    """
    description, states = store.description, cache.states(sources)
    if description.settled:
        return True
    if digest_of(sources) != description.digest:
        return False
    if states is not None and cache.settled(states):
        with suppress(OSError):
            replace(description, settled=True).write(store.directory)
    return True


def _checked(table: StoredSequences, request: Request) -> StoredSequences:
    if request.schema is not None and request.require_target:
        check_labelled(table)
    return table


def stores() -> Path:
    """The directory of all stores."""
    return cache.directory().parent / "stores"


def _key(sources: Sequence[Source], request: Request) -> str:
    """Name the store of files as they are now, read in this way by this code."""
    content = {"paths": [source.path for source in sources], "states": cache.states(sources)}
    return cache.key_of(sources, request.settings(), FORMAT, content)


def _forget_halves() -> None:
    """Remove what processes left that were killed while they made a store."""
    for path in stores().glob("*.tmp"):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > ABANDONED:
                shutil.rmtree(path, ignore_errors=True)


def _forget(own_store: Path) -> None:
    """Remove the stores that nobody has used for long, or whose files are gone; never one that a run may be reading."""
    for path in own_store.parent.glob(f"*/{DESCRIPTION}"):
        with suppress(Exception):  # of a damaged one
            unused = time.time() - path.parent.stat().st_mtime
            paths = json.loads(path.read_text(encoding="utf-8")).get("paths", ())
            orphan = not all(Path(file).exists() for file in paths)
            if path.parent != own_store and unused > (ABANDONED if orphan else UNUSED):
                shutil.rmtree(path.parent, ignore_errors=True)
