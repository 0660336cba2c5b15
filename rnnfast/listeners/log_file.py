"""A run as JSON lines: one object for each thing that happens, with `time` (UTC) and `event`, the rest its fields."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from weakref import finalize

from rnnfast.errors import UsageError
from rnnfast.records import plain
from rnnfast.reporter import EpochRecord, Lap, Reporter, RoundRecord, RunInfo


class LogFile(Reporter):
    """Appends to a file, so that several runs may share one; each line is written whole, and at once.

    reporter: is told, once, where the file cannot be written any more, as a run does not end for its log.
    """

    def __init__(self, path: str, reporter: Reporter) -> None:
        self._path, self._reporter = path, reporter
        try:
            self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        except OSError as error:
            raise UsageError(f"--log-file {path}: cannot be written: {error.strerror or error}") from None
        self._close = finalize(self, os.close, self._file)

    def reading(self, paths: Sequence[str]) -> None:
        """Write which tables are read."""
        self._write("reading", {"data": list(paths)})

    def table(self, data: Any) -> None:
        """Write what was read."""
        facts = {"source": data.source, "rows": int(data.rows), "sequences": int(data.sequences)}
        self._write("table", {**facts, "task": data.schema.task})

    def split(self, parts: Any) -> None:
        """Write how many sequences train, validate and test."""
        self._write("split", {"sequences": {name: int(part.sequences) for name, part in parts.named().items()}})

    def lap(self, lap: Lap) -> None:
        """Write how far a race is."""
        self._write("lap", lap)

    def preset(self, chosen: Any) -> None:
        """Write what the preset chose."""
        self._write("preset", chosen)

    def start(self, info: RunInfo) -> None:
        """Write what will be trained."""
        self._write("start", info)

    def compiled(self, seconds: float) -> None:
        """Write how long compiling took."""
        self._write("compiled", {"seconds": seconds})

    def epoch(self, record: EpochRecord) -> None:
        """Write an epoch."""
        self._write("epoch", record)

    def round(self, record: RoundRecord) -> None:
        """Write a round."""
        self._write("round", record)

    def fold(self, result: Any) -> None:
        """Write the scores of a fold."""
        self._write("fold", result.report())

    def finalists(self, finalists: Any) -> None:
        """Write the best trials of a search."""
        self._write("finalists", {"finalists": finalists})

    def member(self, number: int, trained: Any) -> None:
        """Write that a network of an ensemble is trained."""
        self._write("member", {"number": number, **plain(trained)})

    def stop(self, reason: str) -> None:
        """Write why no epoch follows."""
        self._write("stop", {"reason": reason})

    def notice(self, text: str) -> None:
        """Write a notice."""
        self._write("notice", {"text": text})

    def finished(self, result: Any) -> None:
        """Write what the command prints with --json."""
        self._write("finished", result.report())

    def _write(self, event: str, fields: Any) -> None:
        if not self._close.alive:
            return
        values: Mapping[str, Any] = plain(fields)
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line = json.dumps({"time": now, "event": event, **values}, allow_nan=False) + "\n"
        try:
            os.write(self._file, line.encode())
        except OSError as error:
            self._close()
            self._reporter.notice(f"--log-file {self._path}: the log ends here: {error.strerror or error}")
