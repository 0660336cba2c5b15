"""The process of a command: how Python and its libraries start, Ctrl-C, warnings of caches and libraries."""

from __future__ import annotations

import gc
import os
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

# Objects that a process makes before the first search for cycles. A short command makes 150,000 to 220,000, most of
# them of modules, which stay: by its usual threshold of 700 Python would search them 200 times, for 0.07 s.
FIRST_OBJECTS = 250_000
BLAS_THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")


def start_slim() -> None:
    """Search no cycles while libraries are imported, and keep NumPy's products on one thread; before NumPy is imported.

    These products are small: the threads of BLAS would wait for each other longer than they compute.
    """
    usual = gc.get_threshold()

    def after_search(phase: str, info: dict[str, int]) -> None:
        if phase == "stop":
            gc.callbacks.remove(after_search)
            gc.freeze()  # what is no garbage by now stays, and is searched no more
            gc.set_threshold(*usual)

    gc.callbacks.append(after_search)
    gc.set_threshold(FIRST_OBJECTS)
    if not any(name in os.environ for name in BLAS_THREADS):
        os.environ["OPENBLAS_NUM_THREADS"] = "1"


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
