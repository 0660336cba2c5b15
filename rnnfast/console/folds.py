"""The `cv` command as a person sees it."""

from __future__ import annotations

import time
from types import TracebackType
from typing import TYPE_CHECKING

from rich.live import Live
from rich.table import Table
from rich.text import Text

from rnnfast.config.resolve import Config
from rnnfast.console.metrics import figure, metric_tables
from rnnfast.console.progress import MOST_UPDATES
from rnnfast.console.scores import details
from rnnfast.console.screen import WIDE, Screen, fields, table, with_size
from rnnfast.console.text import counted, duration, listed, percent
from rnnfast.console.training import TrainConsole
from rnnfast.metrics.evaluation import telling
from rnnfast.reporter import EpochRecord

if TYPE_CHECKING:
    from rnnfast.data.splitting.folds import Folds
    from rnnfast.training.fold_results import CrossValidation, FoldResult

INTERRUPTED = {
    "compiling": "interrupted: nothing is trained; Ctrl-C again leaves at once",
    "training": "interrupted: the folds that are complete are shown; Ctrl-C again leaves at once",
    "scoring": "interrupted: the folds that are complete are shown; Ctrl-C again leaves at once",
}
MOST_FOLDS = 20  # that have a line of their own
FEW, MANY = 2, 4  # metrics of each fold, on a narrow and on a wide screen


class FoldConsole(TrainConsole):
    """Prints a cross-validation: header and a line for each fold on stderr, scores on stdout."""

    def __init__(self, screen: Screen, config: Config, started: float | None = None) -> None:
        super().__init__(screen, config, started)
        self._live: Live | None = None
        self._drawn = 0.0  # time.monotonic of the last line drawn
        self._done = self._count = 0  # folds that are complete, and all

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the redrawn line."""
        self._end_line()
        super().__exit__(kind, error, trace)

    def folds(self, folds: Folds, repeats: int) -> None:
        """Say how the table is divided."""
        self._count = len(folds) * repeats
        share = self.config.data.split[0]
        rest = "the rest trains"
        if share < 1:
            rest = f"{percent(share)} of the rest train, {percent(1 - share)} end training"
        text = f"{folds.rule}; {rest}"
        text += f"; {counted(repeats, 'repeat')}, with a seed each" if repeats > 1 else ""
        self.screen.progress(fields([("Folds", text)]))
        if folds.untested:
            self.screen.notice(f"{counted(folds.untested, 'row')} before the first fold are tested by none")

    def compiling(self) -> None:
        """Explain the wait of a first run."""
        self._end_line()
        super().compiling()

    def epoch(self, record: EpochRecord) -> None:
        """Redraw the line on a terminal."""
        now = time.monotonic()
        if not self.screen.animated or now - self._drawn < 1 / MOST_UPDATES:
            return
        self._drawn = now
        text = f"{self._done} of {self._count} folds   fold {record.fold}: epoch {record.epoch:,}/{record.epochs:,}"
        line = Text(text, no_wrap=True, overflow="ellipsis")
        if self._live is None:
            self._live = Live(line, console=self.screen.err, auto_refresh=False, redirect_stdout=False, transient=True)
            self._live.start(refresh=True)
        else:
            self._live.update(line, refresh=True)

    def _end_line(self) -> None:
        """Remove the redrawn line."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def fold(self, result: FoldResult) -> None:
        """Show the scores of a fold."""
        self._done += 1
        name = f"fold {result.number}" + (f" of repeat {result.repeat}" if result.of_several else "")
        wide = self.screen.err.width >= WIDE
        scores = [f"{key} {figure(key, result.metrics[key])}" for key in telling(result.metrics)[: FEW if wide else 1]]
        epochs = [f"{counted(result.epochs, 'epoch')}, best {result.best_epoch}"] if wide else []
        self.screen.progress(Text(f"{'   '.join([name, *scores, *epochs])}, {duration(result.seconds)}"))

    def interrupted(self, phase: str) -> None:
        """Answer Ctrl-C at once."""
        if self.screen.animated:
            self.screen.progress(Text())  # the terminal has written ^C
        self.screen.notice(INTERRUPTED[phase])

    def finished(self, result: CrossValidation) -> None:
        """Say which scores are those of some folds alone."""
        self._end_line()
        for numbers, names in result.undefined().items():
            folds = f"{'fold' if len(numbers) == 1 else 'folds'} {listed([str(number) for number in numbers])}"
            have = "has" if len(names) == 1 else "have"
            self.screen.notice(f"{listed(names)} {have} no value in {folds}: mean and std are over the others")

    def show_folds(self, result: CrossValidation) -> None:
        """Print mean, spread and baseline, the scores of each fold, and details of all answers together."""
        screen, schema = self.screen, result.schema
        screen.progress(Text())
        summary, width = result.summary(), screen.out.width
        screen.result(*metric_tables(summary, width, compared="mean"), Text(), self._fold_table(result))
        if len(result.folds) > MOST_FOLDS:
            screen.result(Text(f"and {counted(len(result.folds) - MOST_FOLDS, 'fold')} more (--json has them)"))
        screen.result(*details(summary["pooled"], schema.classes, schema.answers, width, "all folds"), Text())
        if "output" in result.files:
            screen.result(fields([("Predictions", with_size(str(result.files["output"])))]))
        screen.progress(fields([("Time", f"total {duration(time.perf_counter() - self._started)}")]))

    def _fold_table(self, result: CrossValidation) -> Table:
        """Lay out the folds, a line each."""
        wide = self.screen.out.width >= WIDE
        metrics = telling(result.folds[0].metrics)[: MANY if wide else FEW]
        lines = [
            [
                f"{fold.repeat}.{fold.number}" if fold.of_several else str(fold.number),
                f"{fold.epochs:,}",
                f"{fold.evaluation.labelled_steps:,}",
                *(figure(name, fold.metrics.get(name)) for name in metrics),
            ]
            for fold in result.folds[:MOST_FOLDS]
        ]
        return table(["fold", "epochs", "labels", *metrics], lines, gap=3 if wide else 1)
