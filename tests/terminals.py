"""A stream in place of a terminal, and what stays on its screen."""

import io
import re

import pytest
from rich.cells import cell_len

WIDTHS = (40, 80, 120)  # columns
SEQUENCE = re.compile(r"\x1b\[([0-9;?]*)([A-Za-z])")
MOVES_OR_TEXT = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\r\n]|[^\x1b\r\n]+")


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal with colours, of which no variable says more."""
    for name in ("NO_COLOR", "FORCE_COLOR", "RNNFAST_NO_COLOR", "COLUMNS", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


def too_long(text: str, width: int) -> list[str]:
    """Return the lines that a terminal of this width does not hold."""
    return [line for line in text.splitlines() if cell_len(line) > width]


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    encoding = "utf-8"  # type: ignore[assignment]

    def isatty(self) -> bool:
        return True


def screen_of(written: str) -> list[str]:
    """Return the lines that a terminal shows of what was written, those that have scrolled away included.

    It knows what rich and click write: ends of lines, the cursor up or hidden, a line erased; colours are left out.
    """
    lines, row, column = [""], 0, 0
    for part in MOVES_OR_TEXT.findall(written):
        sequence = SEQUENCE.fullmatch(part)
        if part == "\n":
            row, column = row + 1, 0
            lines += [""] * (row + 1 - len(lines))
        elif part == "\r":
            column = 0
        elif sequence is None:
            line = f"{lines[row]:<{column}}"
            lines[row] = line[:column] + part + line[column + len(part) :]
            column += len(part)
        elif sequence[2] == "A":
            row -= int(sequence[1] or 1)
        elif sequence[0] == "\x1b[2K":
            lines[row] = ""
        else:
            assert sequence[2] == "m" or sequence[1] == "?25", f"this terminal does not know {part!r}"
    return [line.rstrip() for line in lines]
