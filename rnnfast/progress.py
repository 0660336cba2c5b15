"""How far training is, in Python: one line that is redrawn, or a function that is called after each epoch.

In a notebook the line is shown unless progress=False; in a script nothing is, unless progress=True.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from importlib import import_module
from shutil import get_terminal_size
from typing import Any

from rnnfast.catalogue import LOSS, headline
from rnnfast.display import counted, printable
from rnnfast.errors import UsageError
from rnnfast.reporter import EpochRecord, Lap, Reporter

MOST_UPDATES = 10  # per second, of the line
LAST = "\n"  # ends the last text of a line

Show = Callable[[str], None]
Progress = bool | Callable[[EpochRecord], Any] | None


def watcher(reporter: Reporter | None, progress: Progress) -> Reporter:
    """Return what a run tells how far it is.

    reporter: takes everything; progress: True for the line, a function that takes each epoch, False for nothing, None
    for the line in a notebook. Raises UsageError for both, and for other objects.
    """
    if reporter is not None:
        if progress is not None:
            raise UsageError("progress and reporter both watch the epochs; give one, or override Reporter.epoch")
        if not isinstance(reporter, Reporter):
            raise UsageError(f"reporter: {reporter!r} is no rnnfast.Reporter; a function goes to progress=")
        return reporter
    if callable(progress):
        return _Function(progress)
    if progress not in (None, True, False):
        raise UsageError(f"progress: {progress!r} is not True, False or a function that takes an epoch")
    show = None if progress is False else _notebook()
    if show is None and progress:
        show = _on_standard_error
    return Reporter() if show is None else Line(show)


class _Function(Reporter):
    """Calls a function after each epoch."""

    def __init__(self, function: Callable[[EpochRecord], Any]) -> None:
        self.function = function

    def epoch(self, record: EpochRecord) -> None:
        """Pass the epoch on."""
        self.function(record)


class Line(Reporter):
    """Shows one line, which is redrawn. show: replaces it by a text, the last of which ends in LAST."""

    def __init__(self, show: Show) -> None:
        self.show = show
        self._drawn = 0.0  # time.monotonic of the last line
        self._text = ""
        self._scores: Mapping[str, Any] = {}  # of the last epoch that was evaluated

    def compiling(self) -> None:
        """Say why nothing happens."""
        self.show("compiling, which the first run of a kind does")

    def lap(self, lap: Lap) -> None:
        """Show how far a race is."""
        self.show(f"race: {lap}")

    def epoch(self, record: EpochRecord) -> None:
        """Show an epoch, unless the last one is shown just now."""
        self._scores = record.valid or self._scores
        self._text = epoch_text(record, self._scores)
        now = time.monotonic()
        if now - self._drawn >= 1 / MOST_UPDATES:
            self._drawn = now
            self.show(self._text)

    def finished(self, result: Any) -> None:
        """Show the last epoch, and why it was the last."""
        best = f", best {result.best_epoch}" if result.best_epoch != result.epochs else ""
        text = self._text or counted(result.epochs, "epoch")
        self.show(f"{text}, ended by {result.stopped}{best}{LAST}")


def epoch_text(record: EpochRecord, scores: Mapping[str, Any]) -> str:
    """Return an epoch in words; scores: of the validation part, at this epoch or the last one that was evaluated."""
    network = [f"network {record.member}"] if record.member else []
    parts = [*network, f"epoch {record.epoch}/{record.epochs}", f"loss {record.train_loss:.4g}"]
    key = headline(scores) if record.monitor == LOSS else record.monitor
    if LOSS in scores:
        parts.append(f"valid {scores[LOSS]:.4g}")
    if key is not None and scores.get(key) is not None:
        parts.append(f"{key} {scores[key]:.3g}")
    return "  ".join([*parts, f"{record.elapsed:.1f} s"])


def _notebook() -> Show | None:
    """Return what redraws a line of a notebook, None outside one; IPython is not imported unless it runs already."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    if not hasattr(shell, "kernel"):
        return None
    handle: Any = None

    def show(text: str) -> None:
        nonlocal handle
        content = {"text/plain": text.removesuffix(LAST)}
        if handle is None:
            handle = import_module("IPython.display").display(content, raw=True, display_id=True)
        else:
            handle.update(content, raw=True)

    return show


def _on_standard_error(text: str) -> None:
    """Redraw the line of a terminal; anywhere else only the last text is written."""
    text = printable(text)
    if sys.stderr.isatty():
        width = get_terminal_size().columns - 1  # a longer line could not be redrawn
        sys.stderr.write(f"\r\033[K{text if text.endswith(LAST) else text[:width]}")
        sys.stderr.flush()
    elif text.endswith(LAST):
        sys.stderr.write(text)
