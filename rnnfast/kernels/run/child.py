"""The process that compiles beside this one, as a process; what it is asked ahead.py says.

It takes a second of imports until it can compile. A run that will have to compile therefore starts it before its table
is read. That is known of the first run alone, while the cache has no kernel at all: nothing of Numba is imported here.
"""

import os
import subprocess
import sys
from contextlib import contextmanager, suppress
from pathlib import Path

from rnnfast.kernels.lanes.cache import directory, path_of_version
from rnnfast.kernels.lanes.place import ENDING

# Numba looks for the BLAS of SciPy, which no kernel calls: a fifth of a second.
CHILD = (
    "import sys; sys.modules['scipy.linalg.cython_blas'] = None; "
    "from rnnfast.kernels.run import trainer; from rnnfast.kernels.run.ahead import serve; serve()"
)
ready: list[subprocess.Popen[bytes]] = []  # started, and not asked for anything yet


def can_start():
    """Whether a child could leave kernels where this process finds them."""
    return bool(sys.executable) and not getattr(sys, "frozen", False) and directory() == path_of_version()


def start():
    """Start a child, or take one that was started early; OSError where that is not possible.

    It has its own session where there are such, so that Ctrl-C is this process's affair alone, and looks for modules
    where this one does, not in the current directory.
    """
    with suppress(IndexError):
        return ready.pop()
    path = os.pathsep.join(entry or str(Path.cwd()) for entry in sys.path if isinstance(entry, str))
    return subprocess.Popen(
        [sys.executable, "-P", "-c", CHILD],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"PYTHONPATH": path},
        start_new_session=True,
    )


def end(process):
    """End a child, whatever it does."""
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        with suppress(OSError):  # what was written may have nobody to read it
            pipe.close()


@contextmanager
def early_child(processes):
    """Start a child for the block where the cache is empty and there may be so many processes, this one counted.

    `start` takes it; one that nobody has taken is ended after the block.
    """
    if processes < 2 or not can_start() or any(directory().glob(f"*{ENDING}")):
        yield
        return
    with suppress(OSError):
        ready.append(start())
    try:
        yield
    finally:
        while ready:
            end(ready.pop())
