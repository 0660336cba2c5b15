"""Progress of reading tables: a line on a terminal that is gone when they are read."""

from __future__ import annotations

from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from rnnfast.console.compiling import KERNELS, WHY
from rnnfast.console.epochs import SEPARATOR, bar_of
from rnnfast.console.screen import FAINT, LABEL, Screen, fields
from rnnfast.console.text import duration, percent
from rnnfast.reporter import Reporter

SPINNER = "line"  # of ASCII signs, which every terminal has


class ReadingProgress(Reporter):
    """Shows a bar where it is known how much is read, else that the program works, and for how long."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._live: Live | None = None
        self._spinner = Spinner(SPINNER, style=FAINT)

    def notice(self, text: str) -> None:
        """Print a thing worth knowing."""
        self._screen.notice(text)

    def compiling(self) -> None:
        """Explain the wait of a first run."""
        self._screen.progress(fields([(KERNELS, f"compiling, {WHY}; takes some seconds")]))

    def cached(self) -> None:
        """Say with -v where the tables came from."""
        if self._screen.verbose:
            self._screen.progress(fields([("Cache", "parsed by an earlier run; --no-cache reads the file itself")]))

    def parsing(self, read: int, total: int, seconds: float, finished: bool) -> None:
        """Draw the line, or remove it."""
        if finished:
            if self._live is not None:
                self._live.stop()
                self._live = None
            return
        if not self._screen.animated or self._screen.json:
            return
        if self._live is None:
            self._live = Live(console=self._screen.err, auto_refresh=False, redirect_stdout=False, transient=True)
            self._live.start()
        text = Text("reading", LABEL)
        if read:
            text.append(f"{SEPARATOR}{bar_of(read / total)}", FAINT).append(f"{SEPARATOR}{percent(read / total)}", "")
        text.append(f"{SEPARATOR}{duration(seconds)}", FAINT)
        self._spinner.update(text=text)
        self._live.update(self._spinner, refresh=True)
