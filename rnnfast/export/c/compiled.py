"""A file of C compiled and asked: whether it answers as the model does."""

from __future__ import annotations

import ctypes
import os
import shlex
import shutil
import subprocess
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnfast.errors import RnnfastError
from rnnfast.export.c.source import Source

FLAGS = ("-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-O1", "-shared", "-fPIC")
COMPILERS = ("cc", "gcc", "clang")
LONGEST = 300  # seconds of a compiler
STATE_ROOM = 1 << 16  # bytes beside the state that is said, for padding


def compiler() -> list[str] | None:
    """Return the command of a C compiler, CC's before others; None where there is none."""
    words = shlex.split(os.environ.get("CC", "")) or [name for name in COMPILERS if shutil.which(name)][:1]
    return words if words and shutil.which(words[0]) else None


class Compiled:
    """Files of C, end to end as one, compiled and loaded into this process as long as the context is open."""

    def __init__(self, text: str, command: list[str]) -> None:
        self.text, self.command = text, command

    def __enter__(self) -> Compiled:
        """Compile and load. Raises RnnfastError with what the compiler says."""
        self.folder = tempfile.TemporaryDirectory(prefix="rnnfast-")
        source, library = Path(self.folder.name, "model.c"), Path(self.folder.name, "model.so")
        source.write_text(self.text, encoding="ascii")
        command = [*self.command, *FLAGS, "-o", str(library), str(source), "-lm"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST, check=False)
            if done.returncode:
                message = done.stderr.strip().splitlines()
                raise RnnfastError(f"{' '.join(self.command)} does not compile the export: {' '.join(message[:3])}")
            self.library = ctypes.CDLL(str(library))
        except BaseException as error:
            self.folder.cleanup()
            if isinstance(error, OSError | subprocess.TimeoutExpired):
                raise RnnfastError(f"{' '.join(self.command)} cannot be run: {error}") from None
            raise
        return self

    def __exit__(self, *error: object) -> None:
        """Delete the files."""
        self.folder.cleanup()

    def self_test(self, source: Source) -> int:
        """Return what the self test of one of the files returns."""
        return int(self._function(source, "self_test")())

    def answers(self, source: Source, rows: NDArray[np.float64], offsets: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the answers (n, outputs) of one of the files to rows of sequences; NaN where there is none."""
        rows = np.ascontiguousarray(rows if rows.shape[1] else np.zeros((len(rows), 1)))
        state, answers = (
            ctypes.create_string_buffer(source.state + STATE_ROOM),
            np.full((len(rows), source.outputs), np.nan),
        )
        for first, stop in pairwise(offsets.tolist()):
            if source.whole:
                part = np.full((stop - first, source.outputs), np.nan)
                self._function(source, "window")(state, _pointer(rows[first:]), stop - first, _pointer(part))
                places = np.arange((stop - first - 1) % source.stride, stop - first, source.stride)
                answers[first + places] = part[: len(places)]
                continue
            self._function(source, "reset")(state)
            for k in range(first, stop):
                self._function(source, "step")(state, _pointer(rows[k]), _pointer(answers[k]))
        return answers

    def _function(self, source: Source, name: str) -> Any:
        return getattr(self.library, f"{source.name}_{name}")


def _pointer(array: NDArray[np.float64]) -> ctypes.c_void_p:
    """Return where an array lies."""
    return ctypes.c_void_p(array.ctypes.data)
