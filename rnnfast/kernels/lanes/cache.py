"""Where compiled kernels are kept between processes.

Numba looks a kernel up by the file of its entry point alone: it sees neither edits in the functions that the entry
calls, nor most of its own flags. The directory therefore carries a digest of all kernel sources, library versions and
flags; a changed callee is compiled anew, an old version's kernels are never loaded.
"""

import atexit
import hashlib
import os
import platform
import secrets
import shutil
import tempfile
import threading
import time
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path

from rnnfast.kernels.lanes.place import VERSIONS, base

# Flags that leave the generated code as it is.
_HARMLESS = ("NUMBA_CACHE_DIR", "NUMBA_NUM_THREADS", "NUMBA_NRT_STATS")

_setting = threading.Lock()  # held while Numba's setting is another one

UNUSED = 60 * 24 * 3600.0  # s


@cache
def digest():
    """Digest of everything that decides the compiled code, besides the processor, which Numba's own index knows."""
    state, package = hashlib.sha256(), Path(__file__).parents[2]
    for folder in ("kernels", "network", "equations", "catalogue"):
        for path in sorted((package / folder).rglob("*.py")):
            state.update(path.relative_to(package).as_posix().encode() + path.read_bytes())
    names = ("numba", "llvmlite", "numpy")
    flags = sorted((k, v) for k, v in os.environ.items() if k.startswith("NUMBA_") and k not in _HARMLESS)
    state.update(repr([(name, version(name)) for name in names] + flags + [platform.python_version()]).encode())
    return state.hexdigest()[:16]


def path_of_version():
    """The directory of this version's kernels, under NUMBA_CACHE_DIR or the user's cache directory."""
    return base() / VERSIONS.replace("*", digest())


@cache
def directory():
    """`path_of_version`, or a private directory, removed at the end, where that cannot be written."""
    path = path_of_version()
    try:
        if not path.exists():
            _forget()
        path.mkdir(parents=True, exist_ok=True)
        os.utime(path)  # used now
        with tempfile.TemporaryFile(dir=path):
            return path
    except OSError:
        private = tempfile.mkdtemp(prefix="rnnfast-")
        atexit.register(shutil.rmtree, private, ignore_errors=True)
        return Path(private)


def _forget():
    """Remove the kernels of versions that were not used for long."""
    for path in base().glob(VERSIONS):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > UNUSED:
                shutil.rmtree(path, ignore_errors=True)


def cached(decorate, function):
    """Apply a caching Numba decorator with this cache directory; kernels of other projects keep theirs."""
    import numba  # whoever only asks for the directory needs nothing of it

    with _setting:
        before = numba.config.CACHE_DIR
        numba.config.CACHE_DIR = str(directory())
        try:
            kernel = decorate(function)
        finally:
            numba.config.CACHE_DIR = before
    # Two processes that compile at once would give their kernels the same number, and one would load the other's.
    stored = kernel._cache._cache_file
    stored._data_name = lambda number: stored._data_name_pattern.format(number=secrets.randbits(63))
    return kernel
