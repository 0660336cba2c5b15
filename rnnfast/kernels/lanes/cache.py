"""Where compiled kernels are kept between processes.

Numba looks a kernel up by the file of its entry point alone: it sees neither edits in the functions that the entry
calls, nor most of its own flags. The directory therefore carries a digest of all kernel sources, library versions and
flags; a changed callee is compiled anew, an old version's kernels are never loaded.
"""

import atexit
import hashlib
import os
import platform
import shutil
import tempfile
import time
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path

from rnnfast.caching import make_private, tell
from rnnfast.kernels.lanes.place import VERSIONS, base

# Flags that leave the generated code as it is.
_HARMLESS = ("NUMBA_CACHE_DIR", "NUMBA_NUM_THREADS", "NUMBA_NRT_STATS")

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


def fault():
    """Why `path_of_version` cannot be used; "" where it can."""
    path = path_of_version()
    try:
        if not path.exists():
            _forget()
        make_private(path)
        os.utime(path)  # used now
        with tempfile.TemporaryFile(dir=path):
            return ""
    except OSError as error:
        return f"{error.filename or path}: {error.strerror or error}"


@cache
def directory():
    """`path_of_version`, or a private directory, removed at the end, where that cannot be used; None without either."""
    if not (reason := fault()):
        return path_of_version()
    tell(f"compiled kernels are not kept, and every run compiles its own: {reason}")
    try:
        private = tempfile.mkdtemp(prefix="rnnfast-")
    except OSError:
        return None
    atexit.register(shutil.rmtree, private, ignore_errors=True)
    return Path(private)


def _forget():
    """Remove the kernels of versions that were not used for long."""
    for path in base().glob(VERSIONS):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > UNUSED:
                shutil.rmtree(path, ignore_errors=True)


def cached(decorate, function):
    """Apply a Numba decorator and keep what is compiled in this directory, whatever other projects do with theirs."""
    from rnnfast.kernels.lanes.files import KernelFiles  # whoever only asks for the directory needs nothing of Numba

    kernel = decorate(function)
    kernel._cache = KernelFiles(function, directory())
    return kernel
