"""The time that kernels take to compile."""

import threading
import time
from contextlib import contextmanager

from numba.core import event

# Held while kernels of a run are compiled: others that need the same ones find them done.
_compiling = threading.RLock()


@contextmanager
def compile_clock(announce=None, check=None):
    """Measure the seconds spent compiling kernels inside the block, which one thread at a time may be in.

    announce(): called when compiling begins. check(): called before each function is compiled, where it may raise.
    Yields an object with `.seconds`; loading a kernel from the cache is not compiling.
    """
    clock = _CompileClock(announce, check)
    with _compiling, event.install_listener("numba:compile", clock):
        yield clock


class _CompileClock(event.Listener):
    def __init__(self, announce, check):
        self.seconds, self._depth, self._announce, self._check = 0.0, 0, announce, check
        self._thread = threading.get_ident()

    def notify(self, event):
        """Take what this thread does; listeners hear of every thread's kernels."""
        if threading.get_ident() == self._thread:
            super().notify(event)

    def on_start(self, event):
        if self._check is not None:
            self._check()
        if self._depth == 0:
            self._start = time.perf_counter()
            if self._announce is not None:
                self._announce()
                self._announce = None
        self._depth += 1

    def on_end(self, event):
        self._depth -= 1
        if self._depth == 0:
            self.seconds += time.perf_counter() - self._start
