"""Losses and metrics of each epoch as TensorBoard reads them; folds and networks of an ensemble are runs beside it.

Tags are those of history.csv: `loss/train`, then `loss/valid` and each metric of the validation part. Steps are epochs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rnnfast.catalogue import LOSS
from rnnfast.errors import RnnfastError, UsageError
from rnnfast.reporter import EpochRecord, Reporter


class TensorBoard(Reporter):
    """Writes event files into a directory, and for fold 2 and network 1 into `fold2/network1` of it."""

    def __init__(self, directory: str) -> None:
        try:
            from tensorboardX import SummaryWriter
        except ImportError:
            raise RnnfastError(
                "--tensorboard needs tensorboardX, which is not installed; "
                "install it with: python -m pip install 'rnnfast[tensorboard]'"
            ) from None
        self._make, self._directory = SummaryWriter, Path(directory)
        self._writers: dict[Path, Any] = {}
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"--tensorboard {directory}: cannot be made: {error.strerror or error}") from None

    def epoch(self, record: EpochRecord) -> None:
        """Write the figures of an epoch."""
        writer = self._writer(record)
        writer.add_scalar(f"{LOSS}/train", record.train_loss, record.epoch)
        writer.add_scalar("steps per second", record.timesteps_per_second, record.epoch)
        for name, value in (record.valid or {}).items():
            if isinstance(value, int | float):
                writer.add_scalar(f"{name}/valid", value, record.epoch)

    def stop(self, reason: str) -> None:
        """Write what is still in memory."""
        for writer in self._writers.values():
            writer.flush()

    def finished(self, result: Any) -> None:
        """Close the files."""
        for writer in self._writers.values():
            writer.close()

    def _writer(self, record: EpochRecord) -> Any:
        """Return the writer of the network whose epoch it is."""
        parts = [f"{name}{number}" for name, number in (("fold", record.fold), ("network", record.member)) if number]
        path = self._directory.joinpath(*parts)
        if path not in self._writers:
            self._writers[path] = self._make(str(path), flush_secs=2)
        return self._writers[path]
