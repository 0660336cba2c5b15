"""The time that kernels take to compile."""

import time
from contextlib import contextmanager

from numba.core import event


@contextmanager
def compile_clock(begin=None, end=None):
    """Measure the seconds spent compiling kernels inside the block.

    begin(): called when the first of them is compiled. end(seconds): called after the block where begin was, also when
    it fails. Yields an object with `.seconds`; loading a kernel from the cache is not compiling.
    """
    clock = _CompileClock(begin)
    try:
        with event.install_listener("numba:compile", clock):
            yield clock
    finally:
        if clock.started and end is not None:
            end(clock.seconds)


class _CompileClock(event.Listener):
    def __init__(self, begin):
        self.seconds, self.started, self._depth, self._begin = 0.0, False, 0, begin

    def on_start(self, event):
        if self._depth == 0:
            self._start = time.perf_counter()
            if not self.started and self._begin is not None:
                self._begin()
            self.started = True
        self._depth += 1

    def on_end(self, event):
        self._depth -= 1
        if self._depth == 0:
            self.seconds += time.perf_counter() - self._start
