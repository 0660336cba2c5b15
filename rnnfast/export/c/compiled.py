"""A file of C compiled and asked: whether it answers as the model does."""

from __future__ import annotations

import ctypes
import os
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rnnfast.errors import RnnfastError

FLAGS = ("-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-O1", "-shared", "-fPIC")
COMPILERS = ("cc", "gcc", "clang")
LONGEST = 300  # seconds of a compiler
STATE_ROOM = 1 << 16  # bytes beside the state that is said, for padding


def compiler() -> list[str] | None:
    """Return the command of a C compiler, CC's before others; None where there is none."""
    words = shlex.split(os.environ.get("CC", "")) or [name for name in COMPILERS if shutil.which(name)][:1]
    return words if words and shutil.which(words[0]) else None


class Compiled:
    """The functions of a file of C, in this process, as long as the context is open. state: bytes of a state."""

    def __init__(self, text: str, name: str, command: list[str], state: int) -> None:
        self.text, self.name, self.command, self.state = text, name, command, state

    def __enter__(self) -> Compiled:
        """Compile and load. Raises RnnfastError with what the compiler says."""
        self.folder = tempfile.TemporaryDirectory(prefix="rnnfast-")
        source, library = Path(self.folder.name, f"{self.name}.c"), Path(self.folder.name, f"{self.name}.so")
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

    def self_test(self) -> int:
        """Return what the self test returns."""
        return int(getattr(self.library, f"{self.name}_self_test")())

    def answers(self, rows: NDArray[np.float64], offsets: NDArray[np.int64], outputs: int) -> NDArray[np.float64]:
        """Return the answers (n, outputs) to rows of sequences; NaN where a row is refused."""
        reset, step = (getattr(self.library, f"{self.name}_{function}") for function in ("reset", "step"))
        state = ctypes.create_string_buffer(self.state + STATE_ROOM)
        rows = np.ascontiguousarray(rows if rows.shape[1] else np.zeros((len(rows), 1)))
        answers = np.full((len(rows), outputs), np.nan)
        first = set(offsets[:-1].tolist())
        for k in range(len(rows)):
            if k in first:
                reset(state)
            step(state, ctypes.c_void_p(rows[k].ctypes.data), ctypes.c_void_p(answers[k].ctypes.data))
        return answers
