"""What a training run tells whoever watches it; the base class says nothing.

The engine calls these methods in this order and prints nothing itself. The console, progress bars of other programs and
tests subclass Reporter and override what they need. Nothing above this module is imported: results are Any here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class RunInfo:
    """The network and how it will be trained, known before the first epoch."""

    cell: str
    hidden: tuple[int, ...]
    activation: str | None
    parameters: int
    dtype: str
    threads: int
    seed: int
    optimizer: str
    lr: float
    batch_size: int
    loss: str
    epochs: int
    front: tuple[tuple[int, int, int], ...] = ()  # layers before the cell: rows that are stacked, stride, units
    kernel: str = ""  # the compiled kernel that runs, for -v


@dataclass(frozen=True)
class EpochRecord:
    """One finished epoch."""

    epoch: int  # 1-based
    epochs: int  # asked for
    train_loss: float
    valid: Mapping[str, Any] | None  # metrics of the validation part; None where this epoch was not evaluated
    best: bool  # this epoch has the best loss so far
    best_epoch: int
    elapsed: float  # s since training began
    timesteps_per_second: float
    eta: float | None  # s to the end of the last epoch, or to the time limit
    eta_soonest: float | None = None  # s to the end if no better validation loss comes; at most eta


class Reporter:
    """Listener of a run; every method may be overridden and none has to be."""

    def reading(self, paths: Sequence[str]) -> None:
        """Tell that these tables are about to be read."""

    def parsing(self, read: int, total: int, seconds: float, finished: bool) -> None:
        """Tell how many bytes of the tables are read, 0 where it is not known; `finished` with the last call.

        Called about ten times a second by a thread of its own, only where reading takes more than a second.
        """

    def cached(self) -> None:
        """Tell that the tables were parsed by an earlier run."""

    def table(self, data: Any) -> None:
        """Tell what was read: rnnfast.data.Sequences."""

    def split(self, parts: Any) -> None:
        """Tell which sequences train, validate and test: rnnfast.data.Parts."""

    def start(self, info: RunInfo) -> None:
        """Tell what will be trained."""

    def compiling(self) -> None:
        """Tell that kernels are compiled now, which only a first run does."""

    def compiled(self, seconds: float) -> None:
        """Tell how long that took, from the first kernel of the run to the last."""

    def epoch(self, record: EpochRecord) -> None:
        """Tell that an epoch is finished; called after each one, so it must be quick."""

    def interrupted(self, phase: str) -> None:
        """Tell that Ctrl-C was pressed, and the run does not end at once; called by a signal handler.

        phase: compiling (it ends as soon as it can, and nothing is written), training (it ends after this epoch, and
        is saved), scoring (it is saved).
        """

    def stop(self, reason: str) -> None:
        """Tell that no epoch follows, and why: epochs | patience | max_time | interrupted | diverged."""

    def notice(self, text: str) -> None:
        """Tell a thing worth knowing."""

    def finished(self, result: Any) -> None:
        """Tell that the run is over and its files are written: rnnfast.TrainResult."""
