"""What caches share: directories and files of this user alone, and a word about what is wrong with them.

A cache saves time and decides nothing: what cannot be read, written or trusted is made anew, and said once, as a
`CacheWarning`. Compiled kernels are code, so they are loaded only from where nobody but this user (and the
administrator, who may do anything) can have put them.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
import warnings
from pathlib import Path

PRIVATE = 0o700
BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH
ADMINISTRATOR = 0
HAS_OWNERS = hasattr(os, "getuid")  # on Windows a user's directories are kept from others by other means
DIRECTLY = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)


class CacheWarning(UserWarning):
    """A cache is of no use, or part of it was dropped; results do not depend on it."""


_shown: set[str] = set()


def tell(text: str) -> None:
    """Warn of a cache, once in a process: Python itself forgets what it has shown where a library changes filters."""
    if text not in _shown:
        _shown.add(text)
        warnings.warn(text, CacheWarning, stacklevel=2)


def make_directory(path: Path) -> None:
    """Make a directory, and what is missing above it, for this user alone. Raises OSError as `Path.mkdir` does."""
    missing = [parent for parent in path.parents if not parent.exists()]
    for directory in (*reversed(missing), path):
        directory.mkdir(PRIVATE, exist_ok=True)


def make_private(path: Path) -> None:
    """Make a directory of this user alone, or make it so.

    Raises OSError where that is not possible, and where others could put something into it or in its place.
    """
    make_directory(path)
    if not HAS_OWNERS:
        return
    status = path.lstat()
    if not stat.S_ISDIR(status.st_mode):
        raise _refusal(path, "is a link; name the directory itself")
    if fault := _fault(status):
        raise _refusal(path, f"{fault}; remove it")
    _check_parents(path)
    if stat.S_IMODE(status.st_mode) != PRIVATE:
        path.chmod(PRIVATE)


def read_own(path: Path) -> bytes:
    """Read a file that nobody but this user can have written. Raises OSError, for one of others too."""
    with os.fdopen(os.open(path, DIRECTLY), "rb") as stream:
        if HAS_OWNERS and (fault := _fault(os.fstat(stream.fileno()))):
            raise _refusal(path, fault)
        return stream.read()


def remove(path: Path) -> None:
    """Remove a file or directory, where that is possible."""
    try:
        path.unlink()
    except OSError:
        shutil.rmtree(path, ignore_errors=True)


def _check_parents(path: Path) -> None:
    """Raise where somebody could exchange one of the directories above: its owner, or whoever may write there.

    In a directory with the sticky bit, such as /tmp, only its owner and that of an entry may rename the entry.
    """
    for parent in path.parents:
        status = parent.stat()
        if status.st_uid not in (ADMINISTRATOR, os.getuid()):
            raise _refusal(path, f"{parent} belongs to another user")
        if status.st_mode & BY_OTHERS and not status.st_mode & stat.S_ISVTX:
            raise _refusal(path, f"others can write to {parent}; chmod go-w takes that from them")


def _fault(status: os.stat_result) -> str:
    """Say why what has that status may hold something of another user; "" where it cannot."""
    if status.st_uid != os.getuid():
        return "it belongs to another user"
    if status.st_mode & BY_OTHERS:
        return "others can write to it"
    return ""


def _refusal(path: Path, reason: str) -> PermissionError:
    return PermissionError(errno.EACCES, reason, str(path))
