"""The wait for kernels that are compiled: a clock on a terminal, one line anywhere else."""

from __future__ import annotations

import time

from rich.live import Live
from rich.text import Text

from rnnfast.console.screen import FAINT, LABEL, Screen, fields
from rnnfast.console.text import duration

KERNELS = "Kernels"
WHY = "once for networks of this kind"
SIGNS = "-\\|/"  # of ASCII, which every terminal has
REFRESHES = 8  # per second; a thread of rich draws, also while a kernel is optimised


class CompileProgress:
    """Shows that kernels are compiled, and for how long."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._live: Live | None = None
        self._start = 0.0

    def begin(self) -> None:
        """Say that it begins, or start the clock."""
        if not self._screen.animated:
            self._screen.progress(fields([(KERNELS, f"compiling, {WHY}; takes some seconds")]))
            return
        self._start = time.monotonic()
        self._live = Live(
            console=self._screen.err,
            get_renderable=self._line,
            refresh_per_second=REFRESHES,
            redirect_stdout=False,
            transient=True,
        )
        self._live.start(refresh=True)

    def end(self, seconds: float) -> None:
        """Put what it took into the place of the clock."""
        if self._live is not None:
            self.close()
            self._screen.progress(fields([(KERNELS, f"compiled in {duration(seconds)}, {WHY}")]))

    def close(self) -> None:
        """Remove the clock."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _line(self) -> Text:
        seconds = time.monotonic() - self._start
        sign = SIGNS[int(seconds * REFRESHES) % len(SIGNS)]
        line = Text(f"{KERNELS:<10}", LABEL, no_wrap=True, overflow="ellipsis")
        return line.append(f"{sign} compiling, {seconds:.1f} s so far, {WHY}", FAINT)
