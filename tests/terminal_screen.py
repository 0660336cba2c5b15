"""What a command leaves on a terminal: it runs in one of its own, and what it redraws or erases is gone at the end."""

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CONTROL = re.compile(r"\x1b\[\??(\d*)[;\d]*([A-Za-z])|(\r?\n)|(\r)")


def lines_left(output: str) -> list[str]:
    """Return the lines that a terminal shows of an output; colours are left out."""
    lines, row, column = [""], 0, 0
    position = 0
    for control in CONTROL.finditer(output + "\n"):
        text = output[position : control.start()]
        lines[row] = lines[row][:column].ljust(column) + text + lines[row][column + len(text) :]
        column += len(text)
        position = control.end()
        if control[3]:
            row, column = row + 1, 0
            lines += [""] * (row == len(lines))
        elif control[4]:
            column = 0
        elif control[2] == "A":
            row = max(row - int(control[1] or 1), 0)
        elif control[2] == "K":
            lines[row] = "" if control[1] == "2" else lines[row][:column]
    return [line.rstrip() for line in lines]


def run_on_terminal(arguments: Sequence[str], columns: int) -> list[str]:
    """Run rnnfast on a terminal of that width, without colours; return the lines that are left."""
    import pty  # not on Windows

    settings = {"PYTHONPATH": str(ROOT), "COLUMNS": str(columns), "TERM": "xterm", "NO_COLOR": "1"}
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "rnnfast", *arguments]
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=os.environ | settings)
    os.close(theirs)
    parts = []
    while part := _read(ours):
        parts.append(part)
    os.close(ours)
    assert process.wait() == 0, b"".join(parts).decode()
    return lines_left(b"".join(parts).decode())


def _read(descriptor: int) -> bytes:
    """Return what the terminal has next; nothing where the command has ended, which Linux says by an error."""
    try:
        return os.read(descriptor, 1 << 16)
    except OSError:
        return b""
