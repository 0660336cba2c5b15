"""Progress of the epochs: one line redrawn in place on a terminal, a line now and then anywhere else.

When training has ended the redrawn line gives way to the course: some of the epochs, the losses of all, and the ending.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from rich.live import Live

from rnnfast.catalogue import lower_is_better
from rnnfast.console.epochs import Epoch, ending_line, epoch_line, loss_lines
from rnnfast.console.screen import Screen
from rnnfast.reporter import EpochRecord

MOST_UPDATES = 10  # per second, of the line on a terminal
PLAIN_LINES = 20  # of a whole run, where the stream is no terminal
COURSE_LINES = 10  # of a whole run that stay on a terminal
LONGEST_SILENCE = 30.0  # s between two lines of a stream that is no terminal, however slow the epochs are
MOST_EPOCHS = 1000  # that are remembered
ECHO = len("^C") + 1  # columns at the end of the redrawn line for what a terminal shows of Ctrl-C


class Course:
    """The epochs of a run: all of a short one; of a long one every tenth, hundredth, ..., the best and the last."""

    def __init__(self) -> None:
        self._epochs: list[Epoch] = []
        self._stride = 1
        self._best: Epoch | None = None
        self.last: Epoch | None = None

    def add(self, epoch: Epoch) -> None:
        """Take the next epoch."""
        self.last = epoch
        self._best = epoch if epoch.record.best else self._best
        if self._regular(epoch, self._stride):
            self._epochs.append(epoch)
        if len(self._epochs) > MOST_EPOCHS:
            self._stride *= 10
            self._epochs = self.every(self._stride)

    def every(self, stride: int) -> list[Epoch]:
        """Return the first epoch and those whose number is a multiple of the stride."""
        return [epoch for epoch in self._epochs if self._regular(epoch, stride)]

    def chosen(self, most: int) -> list[Epoch]:
        """Return at most so many epochs, in order: the first, the best, the last, and round ones between them."""
        if self.last is None:
            return []
        extra = {epoch.record.epoch: epoch for epoch in (self._best, self.last) if epoch is not None}
        strides = (digit * 10**power for power in range(20) for digit in (1, 2, 5))
        for stride in strides:
            epochs = {epoch.record.epoch: epoch for epoch in self.every(stride)} | extra
            if len(epochs) <= most:
                break
        return [epochs[number] for number in sorted(epochs)]

    @staticmethod
    def _regular(epoch: Epoch, stride: int) -> bool:
        return epoch.record.epoch == 1 or epoch.record.epoch % stride == 0


class EpochProgress:
    """Shows epochs as they finish, and the course of the training when it has ended.

    word: what the epoch with the least validation loss is called, "best" where its weights are restored.
    """

    def __init__(self, screen: Screen, word: str = "best") -> None:
        self._screen, self.word = screen, word
        self._live: Live | None = None
        self._drawn = 0.0  # time.monotonic of the last line drawn
        self._valid: Mapping[str, Any] | None = None  # of the last epoch that was evaluated
        self._course = Course()
        self._last_shown = True
        self._ended = False

    def update(self, record: EpochRecord) -> None:
        """Take a finished epoch and draw it when it is time to."""
        if not self._screen.shows_progress:
            return
        if record.valid is not None:
            self._valid = record.valid
        word = self.word if lower_is_better(record.monitor) else self.word.replace("lowest", "highest")
        epoch = Epoch(record, self._valid, word)
        self._course.add(epoch)
        self._last_shown = False
        now = time.monotonic()
        if self._screen.animated:
            if now - self._drawn >= 1 / MOST_UPDATES:
                self._drawn = now
                self._redraw(epoch)
            return
        stride = max(record.epochs // PLAIN_LINES, 1)
        if record.epoch == 1 or record.epoch % stride == 0 or now - self._drawn >= LONGEST_SILENCE:
            self._drawn, self._last_shown = now, True
            self._print(epoch)

    def end(self, reason: str = "failed") -> None:
        """Show what there is to say of a training that has ended, the first time; reason: a key of ENDINGS."""
        if self._ended:
            return
        self._ended = True
        if self._live is not None:
            self._live.stop()
        last = self._course.last
        if last is None:
            return
        if self._screen.animated:
            for epoch in self._course.chosen(COURSE_LINES):
                self._print(replace(epoch, record=replace(epoch.record, eta=None)))
            self._screen.progress(*loss_lines(self._course.every(1), self._screen.err.width))
        elif not self._last_shown:
            self._print(last)
        self._screen.progress(ending_line(last, reason))

    def _print(self, epoch: Epoch) -> None:
        self._screen.progress(epoch_line(epoch, self._screen.err.width))

    def _redraw(self, epoch: Epoch) -> None:
        console = self._screen.err
        line = epoch_line(epoch, console.width - ECHO, live=True)
        if self._live is None:
            self._live = Live(line, console=console, auto_refresh=False, redirect_stdout=False, transient=True)
            self._live.start(refresh=True)
        else:
            self._live.update(line, refresh=True)
