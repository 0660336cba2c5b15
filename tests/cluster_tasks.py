"""Functions that tests run on workers of a cluster: they are found there by name, as those of rnnfast are."""

import os
import resource
import signal
import time
from pathlib import Path

from rnnfast.diagnose.machine import simd_bits


def square(number, watch):
    watch.tell({"number": number})
    time.sleep(0.02 * (number % 3))
    return number * number


def process(number, watch):
    time.sleep(0.05)
    return os.getpid()


def width(number, watch):
    return simd_bits()


def memory(number, watch):
    return watch.memory


def fill_disk(size, watch):
    """Let files of this process grow to so many bytes and no further, as on a disk that is full; -1: without bound."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))


def length(text, watch):
    return len(text)


def die_once(path, watch):
    """Kill the worker, but for the first time alone."""
    if not Path(path).exists():
        Path(path).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return "alive"


def die_at_the_end(path, watch):
    """Return an answer that the worker takes along, but for the first time alone, and say when it has ended."""
    if not Path(path).exists():
        Path(path).touch()
        return Last()
    return "alive"


class Last:
    """An answer that kills the worker which sends it."""

    def __reduce__(self):
        os.kill(os.getpid(), signal.SIGKILL)


def time_out(number, watch):
    raise TimeoutError("the disk does not answer")


def die_with(text, path, watch):
    """Kill the first worker that has a text."""
    return die_once(path, watch)


def held_later(path, packed):
    """Hand on what many tasks read, where no worker is killed by it."""
    die_once(path, None)
    return packed


def freeze_once(path, watch):
    """Stop the worker, as a machine without memory does, but for the first time alone."""
    if not Path(path).exists():
        Path(path).write_text(str(os.getpid()))
        os.kill(os.getpid(), signal.SIGSTOP)
    return "awake"


def freeze_with(text, path, watch):
    """Stop the first worker that has a text, while others wait for it."""
    return freeze_once(path, watch)


def fail(text, watch):
    raise ValueError(text)


def fail_once(path, watch):
    if not Path(path).exists():
        Path(path).touch()
        raise OSError("disk full")
    return "written"


def until_cancelled(path, watch):
    """Write a file when nobody waits any more."""
    for _ in range(1000):
        if watch.cancelled:
            Path(path).touch()
            watch.check()
        time.sleep(0.01)
    return "nobody said so"
