"""The `tune` command as a person sees it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from rnnfast.config.option import text_of
from rnnfast.config.resolve import Config, flag_of
from rnnfast.console.progress import MOST_UPDATES
from rnnfast.console.screen import FAINT, Screen, fields, table, with_size
from rnnfast.console.text import command, counted, duration, listed, percent
from rnnfast.console.training import TrainConsole

if TYPE_CHECKING:
    from rnnfast.training.finals import Finalist
    from rnnfast.training.journal import TrialRecord
    from rnnfast.training.tune_results import TuneResult

INTERRUPTED = {
    "compiling": "interrupted: the run ends as soon as the compiler lets go; the trials are written",
    "training": "interrupted: the best network so far, if any, is trained and written; Ctrl-C again leaves at once",
    "scoring": "interrupted: the run is scored and saved; Ctrl-C again leaves at once",
}
BEST = 5  # trials that are shown while the search goes on
FAMILIES = 8  # options that are named in a line
PRESET = "what the preset chooses"


class TuneConsole(TrainConsole):
    """Prints a search: the best trials so far on stderr, redrawn on a terminal, then the network as `train` does."""

    def __init__(self, screen: Screen, config: Config, started: float | None = None) -> None:
        super().__init__(screen, config, started)
        self._live: Live | None = None
        self._drawn = 0.0  # time.monotonic of the last redrawing
        self._best: list[TrialRecord] = []
        self._tried = self._generation = self._folds = 0

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove the redrawn table."""
        self._end_live()
        super().__exit__(kind, error, trace)

    def search(self, values: Mapping[str, Any], folds: int, sequences: int) -> None:
        """Say what is searched, and how trials are compared."""
        names = listed([name.replace("_", "-") for name in values], FAMILIES)
        where = f"{folds} folds" if folds > 1 else "a third"
        self.screen.progress(
            fields(
                [
                    ("Search", names),
                    ("", f"trials are scored on {where} of the {counted(sequences, 'sequence')} that train"),
                ]
            )
        )
        if self.screen.verbose:
            rows = [
                (flag_of(name), ", ".join(str(value) or "none" for value in tried)) for name, tried in values.items()
            ]
            self.screen.progress(fields([("", f"{flag}: {text}") for flag, text in rows]))

    def trials(self, done: int, count: int) -> None:
        """Redraw the table on a terminal."""
        now = time.monotonic()
        if not self.screen.animated or now - self._drawn < 1 / MOST_UPDATES:
            return
        self._drawn = now
        what = f"generation {self._generation + 1}" if not self._generation or count else "the best again"
        line = Text(f"{what}: {done} of {count} trainings", FAINT, no_wrap=True, overflow="ellipsis")
        shown = Group(self._table(self._best), line) if self._best else Group(line)
        if self._live is None:
            self._live = Live(shown, console=self.screen.err, auto_refresh=False, redirect_stdout=False, transient=True)
            self._live.start(refresh=True)
        else:
            self._live.update(shown, refresh=True)

    def generation(self, trials: Sequence[TrialRecord], folds: int) -> None:
        """Take the trials so far; without a terminal, a line says the best of them."""
        complete = [trial for trial in trials if len(trial.errors) == folds and trial.error is not None]
        self._best = sorted(complete, key=lambda trial: (trial.error, trial.trial))[:BEST]
        self._tried, self._generation, self._folds = len(trials), trials[-1].generation, folds
        if not self.screen.animated:
            best = self._best[0]
            error = f"error {_relative(best.error)} of the preset's"
            self.screen.progress(
                Text(f"generation {self._generation}: {counted(self._tried, 'trial')}, best {error}: {_changes(best)}")
            )

    def finalists(self, finalists: Sequence[Finalist]) -> None:
        """Show the best trials again."""
        self._end_live()
        best, seeds = finalists[0], finalists[0].seeds
        self.screen.progress(Text(), _finalist_table(finalists), Text())
        if seeds == 1 and len(finalists) > 1:
            self.screen.notice("the trials were not repeated with other seeds: the best one is partly luck")
        if not best.trial.changes:
            self.screen.notice("no trial is better than what the preset chooses by more than seeds differ")
        elif isinstance(best.untouched, float):
            text = f"on the validation part, which no trial has seen, its error is {_relative(best.untouched)}"
            self.screen.notice(f"{text} of the preset's; the trial had said {_relative(best.error)}")

    def interrupted(self, phase: str) -> None:
        """Answer Ctrl-C at once."""
        if self.screen.animated:
            self.screen.progress(Text())  # the terminal has written ^C
        self.screen.notice(INTERRUPTED[phase])

    def show_search(self, result: TuneResult) -> None:
        """Print the choice, then scores and files of the network as `train` does."""
        best = result.best
        counts = f"{counted(len(result.trials), 'trial')} in {counted(result.generations, 'generation')}"
        rows: list[tuple[str | Text, str | Text]] = [("Chosen", f"trial {best.trial.trial}: {_changes(best.trial)}")]
        if best.trial.changes:
            error = f"{_relative(best.mean)} of the preset's"
            if best.seeds > 1:
                error += f", the mean of {best.seeds} seeds; its trial had {_relative(best.error)}"
            rows.append(("Error", error))
        self.screen.progress(Text())
        self.screen.result(fields([*rows, ("Trials", f"{counts}, {duration(result.seconds)}")]))
        self.show(result.result)
        if "trials" in result.files:
            path = result.files["trials"]
            self.screen.result(fields([("Journal", with_size(str(path)))]))
            words = ["rnnfast", "tune", "--resume", str(path.parent), *self.place]
            self.screen.progress(fields([("Go on", command(words, self.screen.err.width - 10))]))

    def _table(self, trials: Sequence[TrialRecord]) -> Table:
        lines = [[str(trial.trial), _changes(trial), _relative(trial.error)] for trial in trials]
        title = f"best of {counted(self._tried, 'trial')}"
        return table(["trial", title, "error"], lines, left=2)

    def _end_live(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None


def _finalist_table(finalists: Sequence[Finalist]) -> Table:
    """Lay out the finalists, a line each."""
    repeated = finalists[0].seeds > 1
    headers = ["trial", "changes", "error", *([f"{finalists[0].seeds} seeds", "+-"] if repeated else [])]
    lines = [
        [
            str(one.trial.trial),
            _changes(one.trial),
            _relative(one.error),
            *([_relative(one.mean), _relative(one.std)] if repeated else []),
        ]
        for one in finalists
    ]
    return table(headers, lines, left=2)


def _changes(trial: TrialRecord) -> str:
    """Say what makes a trial another one than the preset's."""
    changes = (f"{name.replace('_', '-')} {_value(value)}" for name, value in trial.changes.items())
    return ", ".join(changes) or PRESET


def _value(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else text_of(value) or "none"


def _relative(error: float | None) -> str:
    return "diverged" if error is None else percent(error)
