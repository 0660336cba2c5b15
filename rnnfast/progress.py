"""How far training is, in Python: one line that is redrawn, or a function that is called after each epoch.

In a notebook a table is shown with the line, unless progress=False; in a script nothing is, unless progress=True.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from html import escape
from importlib import import_module
from shutil import get_terminal_size
from typing import Any

from rnnfast.catalogue import LOSS, headline
from rnnfast.display import counted, on_one_line, printable, table_html
from rnnfast.errors import UsageError
from rnnfast.reporter import EpochRecord, Lap, Reporter

COLUMNS = ("network", "epoch", "loss", "valid", "score", "", "time")  # of the table
MOST_ROWS = 12  # of the table, but for the newest
MOST_UPDATES = 10  # per second, of the line
LAST = "\n"  # ends the last text of a line

Show = Callable[[str], None]
Contents = Callable[[dict[str, str]], None]
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
    in_notebook = None if progress is False else _notebook()
    if in_notebook is not None:
        return Course(in_notebook)
    return Line(_on_standard_error) if progress else Reporter()


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


class Course(Line):
    """Shows a table of the epochs with the line below: of a long run those of even distance, and the newest.

    Networks that are trained side by side have a row each. show: replaces the output of a cell, by its types.
    """

    def __init__(self, show: Contents) -> None:
        super().__init__(lambda text: show({"text/plain": text.removesuffix(LAST), "text/html": self._html(text)}))
        self._every = 1  # epochs from one row to the next
        self._rows: dict[int, Sequence[str]] = {}  # by epoch, or by network
        self._newest: Sequence[str] = ()

    def epoch(self, record: EpochRecord) -> None:
        """Take the epoch as a row."""
        cells = epoch_cells(record, record.valid or {})
        number = record.member or record.epoch
        if record.member or number % self._every == 0:
            self._rows[number] = cells
        if not record.member and len(self._rows) > MOST_ROWS:
            self._every *= 2
            self._rows = {number: row for number, row in self._rows.items() if number % self._every == 0}
        self._newest = cells
        super().epoch(record)

    def _html(self, text: str) -> str:
        rows = [row for _, row in sorted(self._rows.items())]
        rows += [self._newest] if self._newest and self._newest not in rows else []
        return table_html(COLUMNS, rows, text) if rows else f"<p>{escape(printable(text))}</p>"


def epoch_cells(record: EpochRecord, scores: Mapping[str, Any]) -> Sequence[str]:
    """Return an epoch as the cells of COLUMNS; scores: of the validation part, at this epoch."""
    key = headline(scores) if record.monitor == LOSS else record.monitor
    score = None if key is None else scores.get(key)
    return (
        str(record.member or ""),
        f"{record.epoch}/{record.epochs}",
        f"{record.train_loss:.4g}",
        f"{scores[LOSS]:.4g}" if LOSS in scores else "",
        "" if score is None else f"{key} {score:.3g}",
        "best" if record.best else "",
        f"{record.elapsed:.1f} s",
    )


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


def _notebook() -> Contents | None:
    """Return what redraws an output of a notebook, None outside one; IPython is not imported unless it runs already."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    if not hasattr(shell, "kernel"):
        return None
    handle: Any = None

    def show(content: dict[str, str]) -> None:
        nonlocal handle
        if handle is None:
            handle = import_module("IPython.display").display(content, raw=True, display_id=True)
        else:
            handle.update(content, raw=True)

    return show


def _on_standard_error(text: str) -> None:
    """Redraw the line of a terminal; anywhere else only the last text is written."""
    end = LAST if text.endswith(LAST) else ""
    text = on_one_line(text.removesuffix(LAST)) + end
    if sys.stderr.isatty():
        width = get_terminal_size().columns - 1  # a longer line could not be redrawn
        sys.stderr.write(f"\r\033[K{text if text.endswith(LAST) else text[:width]}")
        sys.stderr.flush()
    elif text.endswith(LAST):
        sys.stderr.write(text)
