"""Lines of a stream, as many at a time as are there: one for a row that comes alone, thousands for a file."""

from __future__ import annotations

import os
import threading
from collections import deque

READ = 1 << 18  # bytes asked for at a time
BLOCK = 1 << 23  # bytes of a block: some ten thousand rows share the cost of a call
AHEAD = 2 * BLOCK  # bytes that are read before somebody wants them


class Lines:
    """Whole lines of a file descriptor, read by a thread while earlier ones are worked on.

    quoted: whether a line end inside double quotes is none.
    """

    def __init__(self, descriptor: int, quoted: bool = False) -> None:
        self.quoted, self._descriptor = quoted, descriptor
        self._pieces: deque[bytes] = deque()
        self._waiting, self._ended, self._rest = 0, False, b""
        self._error: OSError | None = None
        self._changed = threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()

    def block(self, timeout: float) -> bytes | None:
        """Return the whole lines that are there, b"" where none came in so many seconds, None at the end.

        The last line of a stream need not end. Raises OSError where the stream cannot be read.
        """
        with self._changed:
            if not self._pieces and not self._ended:
                self._changed.wait(timeout)
            pieces, size = [self._rest], len(self._rest)
            while self._pieces and size < BLOCK:
                pieces.append(self._pieces.popleft())
                size += len(pieces[-1])
                self._waiting -= len(pieces[-1])
            ended = self._ended and not self._pieces
            self._changed.notify()
        if self._error is not None:
            raise self._error
        text = b"".join(pieces)
        end = len(text) if ended else whole_lines(text, self.quoted)
        self._rest = text[end:]
        return None if ended and not text else text[:end]

    def _read(self) -> None:
        """Read until the end of the stream, no more ahead than AHEAD."""
        try:
            while piece := os.read(self._descriptor, READ):
                with self._changed:
                    self._pieces.append(piece)
                    self._waiting += len(piece)
                    self._changed.notify()
                    while self._waiting > AHEAD:
                        self._changed.wait()
        except OSError as error:
            self._error = error
        with self._changed:
            self._ended = True
            self._changed.notify()


def whole_lines(text: bytes, quoted: bool) -> int:
    """Return where the last whole line of a text ends. quoted: as of `Lines`."""
    end = text.rfind(b"\n") + 1
    while quoted and end and text.count(b'"', 0, end) % 2:
        end = text.rfind(b"\n", 0, end - 1) + 1
    return end
