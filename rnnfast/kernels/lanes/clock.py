"""The time that kernels take to compile."""

import time
from contextlib import contextmanager

from numba.core import event


@contextmanager
def compile_clock(announce=None, check=None):
    """Measure the seconds spent compiling kernels inside the block.

    announce(): called when compiling begins. check(): called before each function is compiled, where it may raise.
    Yields an object with `.seconds`; loading a kernel from the cache is not compiling.
    """
    clock = _CompileClock(announce, check)
    with event.install_listener("numba:compile", clock):
        yield clock


class _CompileClock(event.Listener):
    def __init__(self, announce, check):
        self.seconds, self._depth, self._announce, self._check = 0.0, 0, announce, check

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
