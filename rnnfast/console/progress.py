"""Progress of the epochs: one line redrawn in place on a terminal, a line now and then anywhere else."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from rich.live import Live
from rich.text import Text

from rnnfast.catalogue import headline
from rnnfast.console.screen import FAINT, GOOD, LABEL, Screen
from rnnfast.console.text import duration, number, scaled
from rnnfast.reporter import EpochRecord

MOST_UPDATES = 10  # per second, of the line on a terminal
PLAIN_LINES = 20  # of a whole run, where the stream is no terminal
LONGEST_SILENCE = 30.0  # s between two such lines, however slow the epochs are
BAR_CELLS = 16
SEPARATOR = "  "


class EpochProgress:
    """Shows epochs as they finish."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._live: Live | None = None
        self._drawn = 0.0  # time.monotonic of the last line drawn
        self._valid: Mapping[str, Any] | None = None  # of the last epoch that was evaluated
        self._last: EpochRecord | None = None
        self._last_shown = False
        self._best: tuple[EpochRecord, Mapping[str, Any] | None] | None = None
        self._best_shown = False

    def update(self, record: EpochRecord) -> None:
        """Take a finished epoch and draw it when it is time to."""
        if not self._screen.shows_progress:
            return
        if record.valid is not None:
            self._valid = record.valid
        self._last, self._last_shown = record, False
        if record.best:
            self._best, self._best_shown = (record, self._valid), False
        now = time.monotonic()
        if self._screen.animated:
            due = now - self._drawn >= 1 / MOST_UPDATES or record.epoch == record.epochs
        else:
            stride = max(record.epochs // PLAIN_LINES, 1)
            due = record.epoch == 1 or record.epoch % stride == 0 or now - self._drawn >= LONGEST_SILENCE
        if due:
            self._draw(record, now)

    def close(self) -> None:
        """Show the last epoch, and the best one where lines were left out; end the redrawn line."""
        if self._last is not None and not self._last_shown:
            self._draw(self._last, time.monotonic())
        if self._live is not None:
            self._live.stop()
            self._live = None
        elif self._best is not None and not self._best_shown and not self._screen.animated:
            best = replace(self._best[0], eta=None)
            self._screen.progress(epoch_line(best, self._best[1], self._screen.err.width))
            self._best_shown = True

    def _draw(self, record: EpochRecord, now: float) -> None:
        self._drawn, self._last_shown = now, True
        self._best_shown = self._best_shown or record.best
        console = self._screen.err
        line = epoch_line(record, self._valid, console.width, bar=self._screen.animated)
        if not self._screen.animated:
            self._screen.progress(line)
        elif self._live is None:
            self._live = Live(line, console=console, auto_refresh=False, redirect_stdout=False)
            self._live.start(refresh=True)
        else:
            self._live.update(line, refresh=True)


def epoch_line(record: EpochRecord, valid: Mapping[str, Any] | None, width: int, *, bar: bool = False) -> Text:
    """Return what fits of an epoch into one line, the most important parts.

    valid: metrics of the last evaluation, which may be of an earlier epoch.
    """
    epochs = f"{record.epoch:>{len(str(record.epochs))}}/{record.epochs}"
    scores = valid or {}
    key = headline(scores)
    remaining = record.eta is not None and record.epoch < record.epochs
    # Fixed widths, so that lines stand in columns and the redrawn one keeps still.
    best = f"{'★ best' if record.best else f'best {record.best_epoch}':<{len(f'best {record.epochs}')}}"
    parts = {
        "epoch": (f"epoch {epochs}", LABEL),
        "bar": (bar_of(record.epoch / max(record.epochs, 1)) if bar else "", FAINT),
        "loss": (f"loss {number(record.train_loss):>8}", ""),
        "valid": (f"valid {number(scores['loss']):>8}" if "loss" in scores else "", ""),
        "key": (f"{key} {number(scores[key], 3):>6}" if key else "", ""),
        "best": (best if scores else "", GOOD if record.best else FAINT),
        "speed": (f"{scaled(record.timesteps_per_second, 'steps/s'):>14}", FAINT),
        "elapsed": (f"{duration(record.elapsed):>6}", FAINT),
        "eta": (f"ETA {duration(record.eta or 0.0):>6}" if remaining else "", FAINT),
    }
    # What goes, or gets shorter, while room is short: the least important first.
    reductions = [
        ("bar", ""), ("speed", ""), ("elapsed", ""), ("key", ""), ("eta", ""), ("epoch", epochs),
        ("best", "★" if record.best else ""), ("best", ""), ("valid", ""),
    ]  # fmt: skip
    while reductions and _length(parts) > width:
        name, text = reductions.pop(0)
        parts[name] = (text, parts[name][1])
    line = Text(no_wrap=True, overflow="ellipsis")
    for text, style in parts.values():
        if text:
            line.append(SEPARATOR if line else "").append(text, style)
    return line


def _length(parts: Mapping[str, tuple[str, str]]) -> int:
    texts = [text for text, _ in parts.values() if text]
    return sum(map(len, texts)) + len(SEPARATOR) * (len(texts) - 1)


def bar_of(share: float) -> str:
    """Draw a share, from 0 to 1."""
    filled = round(min(share, 1.0) * BAR_CELLS)
    return "━" * filled + " " * (BAR_CELLS - filled)
