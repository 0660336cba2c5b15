"""The networks of an ensemble as a person sees them: a line for each."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rich.live import Live
from rich.text import Text

from rnnfast.console.epochs import ENDINGS, SEPARATOR, Epoch, epoch_line
from rnnfast.console.progress import ECHO, LONGEST_SILENCE, MOST_UPDATES
from rnnfast.console.screen import CAUTION, FAINT, LABEL, Screen
from rnnfast.console.text import duration, number
from rnnfast.reporter import EpochRecord

if TYPE_CHECKING:
    from rnnfast.model.provenance import Member


class MemberProgress:
    """Shows the networks of an ensemble as they are trained.

    The redrawn line is that of the first one that trains; word: as of EpochProgress.
    """

    def __init__(self, screen: Screen, members: int, word: str) -> None:
        self._screen, self._members, self._word = screen, members, word
        self._live: Live | None = None
        self._began = self._drawn = time.monotonic()
        self._training: dict[int, Epoch] = {}  # the last epoch of each network that trains
        self._trained = 0
        self._ended = False

    def update(self, record: EpochRecord) -> None:
        """Take a finished epoch and draw it when it is time to."""
        before = self._training.get(record.member)
        valid = record.valid if record.valid is not None or before is None else before.valid
        self._training[record.member] = Epoch(record, valid, self._word)
        now = time.monotonic()
        if now - self._drawn < (1 / MOST_UPDATES if self._screen.animated else LONGEST_SILENCE):
            return
        self._drawn, first = now, min(self._training)
        line = Text(f"{self._name(first)}{SEPARATOR}", LABEL, no_wrap=True, overflow="ellipsis")
        room = self._screen.err.width - len(line)
        if self._screen.animated:
            self._redraw(line.append_text(epoch_line(self._training[first], room - ECHO, live=True)))
        else:
            self._screen.progress(line.append_text(epoch_line(self._training[first], room)))

    def member(self, number_of_it: int, trained: Member) -> None:
        """Show a network that is trained."""
        self._trained, self._drawn = self._trained + 1, time.monotonic()
        self._training.pop(number_of_it, None)
        words = [f"{self._name(number_of_it)}{SEPARATOR}{ENDINGS[trained.stopped].format(f'epoch {trained.epochs:,}')}"]
        if trained.valid_loss is not None:
            words += [f"best {trained.best_epoch:,}"] if self._word == "best" else []  # else those of the last epoch
            words.append(f"valid {number(trained.valid_loss)}")
        self._screen.progress(Text(", ".join(words)))

    def end(self, reason: str = "failed") -> None:
        """Say how training ended, the first time; reason: a key of ENDINGS."""
        if self._ended:
            return
        self._ended = True
        if self._live is not None:
            self._live.stop()
        if not self._trained and not self._training:
            return
        all_trained = self._trained == self._members
        line = Text(f"{self._trained} of {self._members} networks trained", LABEL if all_trained else CAUTION)
        if reason in ("interrupted", "diverged", "failed"):
            line = Text(ENDINGS[reason].format(line.plain), CAUTION)
        self._screen.progress(line.append(f", {duration(time.monotonic() - self._began)}", FAINT))

    def _name(self, member: int) -> str:
        return f"network {member:>{len(str(self._members))}}/{self._members}"

    def _redraw(self, line: Text) -> None:
        if self._live is None:
            console = self._screen.err
            self._live = Live(line, console=console, auto_refresh=False, redirect_stdout=False, transient=True)
            self._live.start(refresh=True)
        else:
            self._live.update(line, refresh=True)
