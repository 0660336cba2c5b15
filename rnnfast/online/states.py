"""States in an SQLite file, so that a stream goes on where it was, whatever ended it.

One transaction holds the states that changed since the last one, and how many rows were read by then: after a restart
either all of it counts or nothing. A state belongs to its model: to the weights, the columns and their encoding.
"""

from __future__ import annotations

import hashlib
import sqlite3
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np

from rnnfast.errors import ModelError, RnnfastError, UsageError
from rnnfast.model.live.stream import Stream
from rnnfast.records import json_line, plain

EVERY = 5.0  # seconds between two transactions
TABLES = """
CREATE TABLE IF NOT EXISTS about (name TEXT PRIMARY KEY, value TEXT);
CREATE TABLE IF NOT EXISTS states (id TEXT PRIMARY KEY, used INTEGER, record BLOB);
"""


class States:
    """The states of a stream in a file.

    rows: of the input that they have seen. Raises UsageError for a file that is none of these, ModelError for the
    states of another model.
    """

    def __init__(self, path: str | Path, stream: Stream) -> None:
        self.path, self.stream, self._saved = Path(path), stream, monotonic()
        try:
            # Threads may take turns, one at a time.
            self._file = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
            self._file.execute("PRAGMA journal_mode=WAL")
            self._file.executescript(TABLES)
            about = dict(self._file.execute("SELECT name, value FROM about"))
        except sqlite3.DatabaseError as error:
            raise UsageError(f"--states {path}: is no file of states ({error}); name a new one") from None
        digest = digest_of(stream.model)
        if about.get("model", digest) != digest:
            raise ModelError(
                f"--states {path}: holds the states of another model; name another file, and warm it up with --replay"
            )
        self._about, self.rows, self._uses = {"model": digest}, int(about.get("rows", 0)), int(about.get("uses", 0))
        self._restore(about)
        stream.slots.changed = set()

    def save(self, rows: int, now: bool = False) -> None:
        """Write what changed, every few seconds or now. rows: of the input that the states have seen."""
        if not now and monotonic() - self._saved < EVERY:
            return
        stream = self.stream
        slots, changed = stream.slots, stream.slots.changed or set[str]()
        here = [name for name in slots.of if name in changed]  # the least recently used one first
        evicted = [(name,) for name in changed if name not in slots.of]
        records = stream.memory.records(np.array([slots.of[name] for name in here], np.int64))
        uses = range(self._uses, self._uses + len(here))
        self._about |= {"rows": str(rows), "uses": str(uses.stop), "dates": str(int(bool(stream.dates)))}
        lines = ((name, use, record.tobytes()) for name, use, record in zip(here, uses, records, strict=True))
        try:
            self._file.execute("BEGIN IMMEDIATE")
            self._file.executemany("DELETE FROM states WHERE id = ?", evicted)
            self._file.executemany("INSERT OR REPLACE INTO states VALUES (?, ?, ?)", lines)
            self._file.executemany("INSERT OR REPLACE INTO about VALUES (?, ?)", list(self._about.items()))
            self._file.execute("COMMIT")
        except sqlite3.OperationalError as error:
            raise RnnfastError(f"--states {self.path}: cannot be written: {error}") from None
        self.rows, self._uses, self._saved = rows, uses.stop, monotonic()
        changed.clear()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _restore(self, about: dict[str, str]) -> None:
        """Take the states of the file. Writes: the slots and the memory of the stream."""
        stream = self.stream
        if about.get("dates") == "1":
            stream.set_dates(True)
        rows = self._file.execute("SELECT id, record FROM states ORDER BY used DESC LIMIT ?", (stream.slots.most,))
        lines = rows.fetchall()[::-1]
        if not lines:
            return
        slots, _ = stream.slots.assign([name for name, _ in lines], 0)
        stream.reserve()
        try:
            records = np.frombuffer(b"".join(record for _, record in lines), np.uint8).reshape(len(lines), -1)
            stream.memory.restore(np.array(slots, np.int64), records)
        except ValueError:
            raise ModelError(f"--states {self.path}: is damaged; name a new file") from None


def digest_of(model: Any) -> str:
    """Hash what a state depends on: weights, those of a linear part too, columns and their encoding."""
    parts = [model.header.architecture, model.schema, model.encoder.record()]
    if model.linear_part is not None:
        part = plain(model.linear_part)
        del part["temperature"]  # no state depends on it, and models of earlier versions have none
        parts.append(part)
    digest = hashlib.sha256("".join(json_line(plain(part)) for part in parts).encode())
    for name, tensor in sorted(model.parameters.items()):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(tensor).tobytes())
    return digest.hexdigest()
