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
    head: str
    parameters: int
    dtype: str
    threads: int
    seed: int
    optimizer: str
    lr: float
    batch_size: int
    loss: str
    epochs: int
    members: int = 1  # networks of an ensemble, whose parameters count together
    patience: int = 0
    front: tuple[tuple[int, int, int], ...] = ()  # layers before the cell: rows that are stacked, stride, units
    kernel: str = ""  # the compiled kernel that runs, for -v


@dataclass(frozen=True)
class EpochRecord:
    """One finished epoch."""

    epoch: int  # 1-based
    epochs: int  # asked for
    train_loss: float
    valid: Mapping[str, Any] | None  # metrics of the validation part; None where this epoch was not evaluated
    best: bool  # this epoch has the best monitored figure so far
    best_epoch: int
    elapsed: float  # s since training began
    timesteps_per_second: float
    eta: float | None  # s to the end of the last epoch, or to the time limit
    eta_soonest: float | None = None  # s to the end if no better validation score comes; at most eta
    monitor: str = "loss"  # the figure of `valid` that tells the best epoch
    fold: int = 0  # of a cross-validation, from 1; 0: there are none
    member: int = 0  # the network of an ensemble whose epoch it is, from 1; 0: there is one network


@dataclass(frozen=True)
class RoundRecord:
    """One finished round of a table in shards."""

    epoch: int  # the pass, from 1
    round: int  # of the pass, from 1
    rounds: int  # of a pass
    train_loss: float  # of its steps
    steps: int
    seconds: float  # until all shards had answered and were averaged
    workers: int  # tasks that run at a time
    slowest: int  # the shard that took longest
    slowest_seconds: float  # of its work, without the way there and back


@dataclass(frozen=True)
class Lap:
    """How far the race of --preset best is: candidates that are judged on a fold, of how many; folds from 1.

    joined: whether these are changes that did well, joined.
    """

    judged: int
    candidates: int
    fold: int
    folds: int
    joined: bool = False

    def __str__(self) -> str:
        """Say it in a phrase."""
        what = "joined change" if self.joined else "candidate"
        several = "s" if self.candidates > 1 else ""
        return f"{self.judged} of {self.candidates} {what}{several}, fold {self.fold} of {self.folds}"


class Reporter:
    """Listener of a run; every method may be overridden and none has to be.

    Example:
        >>> import numpy as np, rnnfast
        >>> class Losses(rnnfast.Reporter):
        ...     def epoch(self, record):
        ...         print(record.epoch, record.train_loss > 0)
        >>> X, y = np.arange(80.0).reshape(20, 4, 1), [0, 1] * 10
        >>> result = rnnfast.train(X, y, hidden=4, epochs=2, reporter=Losses())
        1 True
        2 True
    """

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

    def lap(self, lap: Lap) -> None:
        """Tell that another candidate of a race is judged; called by the thread that did it, one call at a time."""

    def preset(self, chosen: Any) -> None:
        """Tell which options the preset chose, and why: rnnfast.training.presets.Chosen."""

    def folds(self, folds: Any, repeats: int) -> None:
        """Tell how a table is divided for a cross-validation: rnnfast.data.splitting.folds.Folds."""

    def fold(self, result: Any) -> None:
        """Tell that a fold is complete: rnnfast.training.FoldResult."""

    def search(self, values: Mapping[str, Any], folds: int, sequences: int) -> None:
        """Tell which values a search tries of which options, on how many folds of how many sequences."""

    def trials(self, done: int, count: int) -> None:
        """Tell how many networks of a stage of a search are trained; called from several threads, one at a time."""

    def generation(self, trials: Any, folds: int) -> None:
        """Tell that a generation of a search is complete: all rnnfast.training.journal.TrialRecord so far."""

    def finalists(self, finalists: Any) -> None:
        """Tell the best trials again with several seeds, the winner first: rnnfast.training.finals.Finalist."""

    def start(self, info: RunInfo) -> None:
        """Tell what will be trained."""

    def compiling(self) -> None:
        """Tell that kernels are compiled now, which only a first run does."""

    def compiled(self, seconds: float) -> None:
        """Tell how long that took, from the first kernel of the run to the last."""

    def epoch(self, record: EpochRecord) -> None:
        """Tell that an epoch is finished; called after each one, so it must be quick.

        Networks of an ensemble train at the same time: their epochs come as they finish, one call at a time.
        """

    def round(self, record: RoundRecord) -> None:
        """Tell that a round of a table in shards is finished."""

    def interrupted(self, phase: str) -> None:
        """Tell that Ctrl-C was pressed, and the run does not end at once; called by a signal handler.

        phase: compiling (it ends as soon as it can, and nothing is written), training (it ends after this epoch, and
        is saved), scoring (it is saved).
        """

    def member(self, number: int, trained: Any) -> None:
        """Tell that a network of an ensemble is trained: its number, from 1, and rnnfast.model.provenance.Member."""

    def stop(self, reason: str) -> None:
        """Tell that no epoch follows, and why: epochs | patience | max_time | interrupted | diverged."""

    def notice(self, text: str) -> None:
        """Tell a thing worth knowing."""

    def finished(self, result: Any) -> None:
        """Tell that the run is over and its files are written: rnnfast.TrainResult or CrossValidation."""
