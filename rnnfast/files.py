"""Where results may be written."""

from __future__ import annotations

import os
from pathlib import Path

from rnnfast.errors import RnnfastError, UsageError


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
