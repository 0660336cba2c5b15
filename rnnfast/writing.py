"""Where results may be written, and writing them whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from rnnfast.errors import RnnfastError, UsageError

BEGINNING = 40  # characters of a name, of up to four bytes each


def check_writable(path: Path, force: bool) -> None:
    """Raise before work begins where the output could not be written at its end.

    Devices and pipes such as /dev/stdout are written to as they are.
    """
    if path.is_dir():
        raise UsageError(f"{path}: is a directory; name a file")
    if path.is_file() and not force:
        raise UsageError(f"{path}: exists; give another name, or --force to replace it")
    if not path.parent.is_dir():
        raise UsageError(f"{path}: there is no directory {path.parent}; create it first")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise RnnfastError(f"{path}: no permission to write there")


@contextmanager
def replacing(path: Path, synced: bool = False) -> Iterator[IO[bytes]]:
    """Open a temporary file beside `path` that takes its name when all went well, and is deleted otherwise.

    synced: it is on the disk before it takes the name, and the name is before this returns: what a machine that loses
    its power leaves is whole too.

    What exists and is no plain file (/dev/null, a pipe) is written as it is: a rename would take its place.
    Raises RnnfastError where the file cannot be written.
    """
    direct = path.exists() and not path.is_file()
    # Of a name only the beginning, as one may be as long as the system allows; several threads may write one file.
    temporary = path if direct else path.with_name(f".{path.name[:BEGINNING]}.{os.urandom(8).hex()}.tmp")
    try:
        with temporary.open("wb") as stream:
            yield stream
            if synced:
                stream.flush()
                os.fsync(stream.fileno())
        if not direct:
            temporary.replace(path)
        if synced:
            _sync_directory(path.parent)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise RnnfastError(f"{path}: cannot be written: {error.strerror or error}") from None
    finally:
        if not direct:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)


def write_whole(path: Path, content: bytes, synced: bool = False) -> None:
    """Write a file so that it is never half there; synced: as of `replacing`."""
    with replacing(path, synced) as stream:
        stream.write(content)


def _sync_directory(directory: Path) -> None:
    """Bring the names of a directory to the disk, where the system can do that."""
    with suppress(OSError):
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
