"""Losses and metrics of each epoch as TensorBoard reads them; folds and networks of an ensemble are runs beside it.

Tags are those of history.csv: `loss/train`, then `loss/valid` and each metric of the validation part. Steps are epochs.
"""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from rnnfast.catalogue import LOSS
from rnnfast.errors import RnnfastError, UsageError
from rnnfast.reporter import EpochRecord, Reporter


class TensorBoard(Reporter):
    """Writes event files into a directory, and for fold 2 and network 1 into `fold2/network1` of it.

    reporter: is told, once, where they cannot be written any more, as a run does not end for them. Each epoch is
    written at once: tensorboardX's SummaryWriter would wait without end for a thread that a full disk has ended.
    """

    def __init__(self, directory: str, reporter: Reporter) -> None:
        try:
            from tensorboardX.event_file_writer import EventsWriter
            from tensorboardX.proto.event_pb2 import Event
            from tensorboardX.summary import scalar
        except ImportError:
            raise RnnfastError(
                "--tensorboard needs tensorboardX, which is not installed; "
                "install it with: python -m pip install 'rnnfast[tensorboard]'"
            ) from None
        self._make, self._event, self._scalar = EventsWriter, Event, scalar
        self._directory, self._reporter, self._full = Path(directory), reporter, False
        self._writers: dict[Path, Any] = {}
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"--tensorboard {directory}: cannot be made: {error.strerror or error}") from None

    def epoch(self, record: EpochRecord) -> None:
        """Write the figures of an epoch."""
        figures = {f"{LOSS}/train": record.train_loss, "steps per second": record.timesteps_per_second}
        figures |= {f"{name}/valid": x for name, x in (record.valid or {}).items() if isinstance(x, int | float)}
        if self._full:
            return
        try:
            writer = self._writer(record)
            for tag, value in figures.items():
                event = self._event(wall_time=time.time(), step=record.epoch, summary=self._scalar(tag, value))
                writer.write_event(event)
            writer.flush()
        except OSError as error:
            self._full = True
            self.finished(None)
            self._reporter.notice(f"--tensorboard {self._directory}: the figures end here: {error.strerror or error}")

    def finished(self, result: Any) -> None:
        """Close the files, of which each epoch is on the disk."""
        for writer in self._writers.values():
            with suppress(OSError):
                writer.close()
        self._writers.clear()

    def _writer(self, record: EpochRecord) -> Any:
        """Return the writer of the network whose epoch it is."""
        parts = [f"{name}{number}" for name, number in (("fold", record.fold), ("network", record.member)) if number]
        path = self._directory.joinpath(*parts)
        if path not in self._writers:
            path.mkdir(parents=True, exist_ok=True)
            self._writers[path] = self._make(str(path / "events"))
        return self._writers[path]
