"""The race of --preset best as a person sees it: how far it is, and how the candidates did."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text

from rnnfast.config.option import text_of
from rnnfast.config.resolve import flag_of
from rnnfast.console.progress import MOST_UPDATES
from rnnfast.console.screen import FAINT, LABEL, Screen, fields, table
from rnnfast.console.text import counted, percent

if TYPE_CHECKING:
    from rnnfast.reporter import Lap
    from rnnfast.training.race import Race, Runner

MOST_RUNNERS = 8  # that have a line; all with -v
AUTO = "auto, unchanged"
LARGEST_SHOWN = 100


class RaceProgress:
    """Shows how many candidates are judged: one redrawn line on a terminal, a line for each fold anywhere else."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._live: Live | None = None
        self._drawn = 0.0

    def update(self, lap: Lap) -> None:
        """Take another candidate that is judged."""
        line = Text("Race      ", LABEL, no_wrap=True, overflow="ellipsis")
        line.append(str(lap), FAINT)
        if not self._screen.animated:
            if lap.judged == lap.candidates:
                self._screen.progress(line)
        elif self._live is None:
            self._live = Live(line, console=self._screen.err, auto_refresh=False, redirect_stdout=False, transient=True)
            self._live.start(refresh=True)
        elif (now := time.monotonic()) - self._drawn >= 1 / MOST_UPDATES:
            self._drawn = now
            self._live.update(line, refresh=True)

    def end(self) -> None:
        """Remove the line."""
        if self._live is not None:
            self._live.stop()
            self._live = None


def race_table(race: Race, verbose: int) -> RenderableType:
    """Lay out how the candidates did, the winner first."""
    shown = race.runners if verbose else race.runners[:MOST_RUNNERS]
    rows = [[_name(runner), _error(runner), str(runner.folds)] for runner in shown]
    size = f"{counted(race.sequences, 'sequence')} of the training part"
    epochs = "" if race.epochs == 1 else f", {percent(race.epochs)} of the epochs"
    title = fields([("Race", f"{race.folds} folds of {size}{epochs}; errors relative to auto on the same folds")])
    more = len(race.runners) - len(shown)
    rest = [Text(f"and {counted(more, 'candidate')} more (-v shows all)", FAINT)] if more else []
    return Group(title, table(["candidate", "error", "folds"], rows), *rest)


def _name(runner: Runner) -> str:
    """Say what a candidate changes, as flags."""
    return " ".join(f"{flag_of(name)} {text_of(value)}" for name, value in runner.options.items()) or AUTO


def _error(runner: Runner) -> str:
    if not math.isfinite(runner.error):
        return "diverged"
    return f"{runner.error:.2f}" if runner.error < LARGEST_SHOWN else f"over {LARGEST_SHOWN}"
