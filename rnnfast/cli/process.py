"""What reaches a command from outside its own lines: Ctrl-C, and warnings of caches and libraries."""

from __future__ import annotations

import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from rnnfast.cli.common import State
from rnnfast.display import printable


@contextmanager
def noting_ctrl_c(state: State) -> Iterator[None]:
    """Note that Ctrl-C was pressed: a KeyboardInterrupt without it is an error like any other."""

    def handle(number: int, frame: FrameType | None) -> None:
        state.interrupted = True
        raise KeyboardInterrupt

    ours = threading.current_thread() is threading.main_thread()
    if not ours or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    signal.signal(signal.SIGINT, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@contextmanager
def showing_warnings(state: State) -> Iterator[None]:
    """Show what caches have to say as notes at the end, and warnings of libraries at once, escaped."""
    notes: list[str] = []

    def show(message: Warning | str, category: type[Warning], filename: str, lineno: int, *where: Any) -> None:
        from rnnfast.caching import CacheWarning

        if issubclass(category, CacheWarning):
            notes.append(str(message))
        else:
            sys.stderr.write(printable(warnings.formatwarning(message, category, filename, lineno)))

    with warnings.catch_warnings():
        warnings.showwarning = show  # type: ignore[assignment]
        try:
            yield
        finally:
            for note in notes:
                state.screen().notice(note)


def escape_logs() -> None:
    """Let what libraries log, where nobody listens, reach standard error escaped."""
    import logging

    class Escaped(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            return printable(super().format(record))

    if logging.lastResort is not None:
        logging.lastResort.setFormatter(Escaped())
