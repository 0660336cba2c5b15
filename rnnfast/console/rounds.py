"""Rounds of a table in shards, where a pass has several and takes long."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rich.text import Text

from rnnfast.console.screen import FAINT, LABEL, Screen
from rnnfast.console.text import counted, duration, loss_text, scaled

if TYPE_CHECKING:
    from rnnfast.reporter import RoundRecord

SILENCE = 10.0  # s between two lines


class RoundProgress:
    """Prints a round now and then."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._printed = time.monotonic()

    def update(self, record: RoundRecord) -> None:
        """Take a finished round, and print it when it is time to."""
        now = time.monotonic()
        if record.rounds == 1 or now - self._printed < SILENCE or not self._screen.shows_progress:
            return
        self._printed = now
        self._screen.progress(round_line(record))


def round_line(record: RoundRecord) -> Text:
    """Say how far a pass is, what the round lost, how quick it was, and who was slowest."""
    line = Text(no_wrap=True, overflow="ellipsis")
    line.append(f"round {record.round}/{record.rounds} of pass {record.epoch}", LABEL)
    line.append(f"  loss {loss_text(record.train_loss)}")
    speed = scaled(record.steps / max(record.seconds, 1e-9), "steps/s")
    slowest = f"shard {record.slowest} slowest, {duration(record.slowest_seconds)} of {duration(record.seconds)}"
    return line.append(f"  {speed}  {counted(record.workers, 'worker')}  {slowest}", FAINT)
