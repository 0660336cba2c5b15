"""How far the reading of tables is, told from a thread beside the parser, which is left alone.

What a parser has read of a packed file is known; plain files it maps into memory, and nothing tells how far it is.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rnnfast.data.sources.formats import position
from rnnfast.data.sources.source import Source
from rnnfast.reporter import Reporter

PATIENCE = 1.0  # s; what takes no longer needs no progress
INTERVAL = 0.1  # s between two reports


@contextmanager
def watching(sources: Sequence[Source], reporter: Reporter | None) -> Iterator[None]:
    """Report while the body runs, from its first second on, and once more at its end where it has been reported."""
    if reporter is None:
        yield
        return
    start, ended = time.monotonic(), threading.Event()
    sizes = [source.size for source in sources]
    total = sum(sizes)

    def watch() -> None:
        wait = PATIENCE
        while not ended.wait(wait):
            position = sum(_read(source, size) for source, size in zip(sources, sizes, strict=True))
            reporter.parsing(min(position, total), total, time.monotonic() - start, False)
            wait = INTERVAL

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        if time.monotonic() - start > PATIENCE:
            reporter.parsing(total, total, time.monotonic() - start, True)


def _read(source: Source, size: int) -> int:
    """Bytes of a source that are read, as far as it is known."""
    if source.parsed:
        return size
    stream = source.reading
    try:
        return int(source.share * size) if stream is None else position(stream)
    except (ValueError, OSError):  # closed meanwhile
        return 0
