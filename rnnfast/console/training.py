"""The `train` command as a person sees it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from rich.text import Text

from rnnfast import __version__
from rnnfast.config.option import text_of
from rnnfast.config.resolve import Config, flag_of
from rnnfast.console.classes import balance_text, counts_text
from rnnfast.console.compiling import CompileProgress
from rnnfast.console.findings import show_judgement
from rnnfast.console.members import MemberProgress
from rnnfast.console.progress import EpochProgress
from rnnfast.console.race import RaceProgress, race_table
from rnnfast.console.reading import ReadingProgress
from rnnfast.console.rounds import RoundProgress
from rnnfast.console.screen import LABEL, Screen, fields, with_size
from rnnfast.console.text import (
    command,
    count,
    counted,
    duration,
    listed,
    network_text,
    number,
    scaled,
    span,
)
from rnnfast.console.weights import weights_row
from rnnfast.diagnose.versions import versions
from rnnfast.reporter import NUMBA, Reporter, RunInfo

if TYPE_CHECKING:
    from rnnfast.data import Parts, Sequences
    from rnnfast.model.provenance import Member
    from rnnfast.reporter import EpochRecord, Lap, RoundRecord
    from rnnfast.training.presets import Chosen
    from rnnfast.training.result import TrainResult

MOST_IN_PARTS = 5  # of each part of a split
INTERRUPTED = {
    "compiling": "interrupted: the run ends as soon as the compiler lets go; nothing is written",
    "training": "interrupted: the run ends after this epoch and is saved; Ctrl-C again leaves at once",
    "scoring": "interrupted: the run is scored and saved; Ctrl-C again leaves at once",
}  # what Ctrl-C is answered with, by the phase of the run
PHASES = {"compile": "kernels"}  # which are compiled by a first run, and read from the disk by others


class TrainConsole(Reporter):
    """Prints a run: header and progress on stderr, scores and files on stdout.

    started: when the command was, by time.perf_counter; None: now. As a context it ends the redrawn line also when the
    run fails.
    """

    def __init__(self, screen: Screen, config: Config, started: float | None = None) -> None:
        self._started = time.perf_counter() if started is None else started
        self.screen, self.place = screen, list[str]()  # options that name a cluster, for commands that go on
        self.config = config
        self._compiling = CompileProgress(screen)
        self._progress: EpochProgress | MemberProgress = EpochProgress(screen)
        self._reading = ReadingProgress(screen)
        self._race = RaceProgress(screen)
        self._rounds = RoundProgress(screen)

    def __enter__(self) -> TrainConsole:
        """Say at once that something is going on."""
        self.screen.progress(Text(f"rnnfast {__version__}", LABEL))
        if self.screen.verbose:
            shown = ", ".join(f"{name} {text}" for name, text in versions().items())
            self.screen.progress(fields([("Versions", shown)]))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the redrawn line."""
        self._compiling.close()
        self._race.end()
        self._progress.end()

    def reading(self, paths: Sequence[str]) -> None:
        """Name the tables and their sizes."""
        self.screen.reading(paths)

    def parsing(self, read: int, total: int, seconds: float, finished: bool) -> None:
        """Show how far the reading of the tables is."""
        self._reading.parsing(read, total, seconds, finished)

    def cached(self) -> None:
        """Say where the tables came from."""
        self._reading.cached()

    def table(self, data: Sequences) -> None:
        """Say what was read and how its columns were understood."""
        self.screen.progress(fields(table_rows(data, self.screen.verbose)))

    def split(self, parts: Parts) -> None:
        """Say which part has how many sequences, rows and labelled steps, by which rule, and the balance of classes."""
        from rnnfast.data.description import class_balance, part_sizes

        sizes, last = part_sizes(parts), parts.train.schema.predict == "last"
        rows: list[tuple[str, str | Text]] = [("Split", parts.rule)]
        for name, size in sizes.items():
            text = f"{name}: {counted(size.sequences, 'sequence')}, {counted(size.rows, 'row')}"
            unit, labels = ("sequence", size.sequences) if last else ("step", size.rows)
            if size.labelled_steps != labels:
                text += f", {counted(size.labelled_steps, f'labelled {unit}')}"
            if size.classes and len(size.classes) <= MOST_IN_PARTS:
                text += f"; {counts_text(size.classes)}"
            rows.append(("", text))
        self.screen.progress(fields(rows))
        absent = [name for name, n in (class_balance(parts.train) or {}).items() if not n]
        if absent:
            unit = "sequence" if last else "step"
            self.screen.notice(f"no training {unit} has these classes, so they cannot be learned: {listed(absent)}")

    def lap(self, lap: Lap) -> None:
        """Show how far a race is."""
        self._race.update(lap)

    def preset(self, chosen: Chosen) -> None:
        """Say which options were chosen, and by which race; with -v also why."""
        self._race.end()
        if chosen.race:
            self.screen.progress(race_table(chosen.race, self.screen.verbose))
        rows: list[tuple[str, str | Text]] = [("Preset", str(chosen))]
        if not self.screen.verbose:
            rows.append(("", "-v gives the reasons"))
        else:
            reasons = ((f"{flag_of(c.option)} {text_of(c.value)}", c.reason) for c in chosen.choices)
            rows += [("", f"{choice}: {reason}") for choice, reason in reasons]
        self.screen.progress(fields(rows))

    def start(self, info: RunInfo) -> None:
        """Say what will be trained."""
        word = "best" if info.patience else "lowest"
        if info.members > 1:
            self._progress = self._members = MemberProgress(self.screen, info.members, word)
        else:
            self._progress = EpochProgress(self.screen, word)
        network = f"{network_text(info, info.members)}, {counted(info.parameters, 'parameter')}"
        training = (
            f"{info.optimizer}, learning rate {info.lr:g}, {counted(info.batch_size, 'sequence')} per update,"
            f" {info.loss} loss, at most {counted(info.epochs, 'epoch')}, seed {info.seed},"
            f" {counted(info.threads, 'thread')}"
        )
        rows = [("Network", f"{network}, {info.dtype}"), ("Training", training)]
        if info.engine != NUMBA:
            rows.append(("Engine", info.kernel))
        elif self.screen.verbose and info.kernel:
            rows.append(("Kernel", info.kernel))
        self.screen.progress(fields(rows))

    def compiling(self) -> None:
        """Explain the wait of a first run."""
        self._compiling.begin()

    def compiled(self, seconds: float) -> None:
        """Say how long the wait was."""
        self._compiling.end(seconds)

    def epoch(self, record: EpochRecord) -> None:
        """Show a finished epoch."""
        self._progress.update(record)

    def round(self, record: RoundRecord) -> None:
        """Show a round, of long passes now and then."""
        self._rounds.update(record)

    def member(self, number: int, trained: Member) -> None:
        """Show a network of an ensemble that is trained."""
        self._members.member(number, trained)

    def interrupted(self, phase: str) -> None:
        """Answer Ctrl-C at once."""
        if self.screen.animated:
            self.screen.progress(Text())  # the terminal has written ^C
        self.screen.notice(INTERRUPTED[phase])

    def stop(self, reason: str) -> None:
        """Show the course of the training."""
        self._progress.end(reason)

    def notice(self, text: str) -> None:
        """Print a thing worth knowing."""
        self.screen.notice(text)

    def show(self, result: TrainResult) -> None:
        """Print what came out: scores and files as results, times and suggestions beside them."""
        from rnnfast.console.scores import score_sheet  # loads NumPy, which the first line printed need not wait for

        screen = self.screen
        schema = result.model.schema
        if result.evaluations:
            screen.progress(Text())
            screen.result(*score_sheet(result.evaluations, schema.classes, schema.answers, screen.out.width), Text())
        files = [(name.capitalize(), with_size(str(path))) for name, path in result.files.items()]
        together = result.metrics["valid"]["loss"] if "valid" in result.metrics else None
        screen.result(fields([weights_row(result, asdict(result.model.config.train), together), *files]))
        screen.progress(fields([("Time", time_text(result, time.perf_counter() - self._started))]))
        show_judgement(screen, result.findings, result.verdict)
        self._suggest(result)

    def _suggest(self, result: TrainResult) -> None:
        """Print commands that make sense next."""
        if "model" not in result.files or not self.screen.shows_progress:
            return
        run = str(Path(result.files["model"]).parent)
        data = self.config.data.data[0] if self.config.data.data else "FILE.csv"
        name = data if data != "-" else "FILE.csv"
        continues = result.model.schema.continues
        commands = [
            *([["rnnfast", "forecast", "--model", run, "--data", name]] if continues else []),
            ["rnnfast", "predict", "--model", run, "--data", name, "-o", "predictions.csv"],
            ["rnnfast", "inspect", run],
        ]
        if result.resumable:
            commands.insert(0, ["rnnfast", "train", "--resume", run, *self.place])
        elif result.stopped == "interrupted":  # with a new course of the learning rate, from the weights so far
            config = str(result.files["config"])
            fewer = 0 < len(result.members) < self.config.model.ensemble
            networks = ["--ensemble", str(len(result.members))] if fewer else []
            commands.insert(
                0, ["rnnfast", "train", "--config", config, *networks, "--init-from", run, "-o", f"{run}-on"]
            )
        tables = self.config.data
        if tables.test or tables.valid:
            commands.insert(0, ["rnnfast", "eval", "--model", run, "--data", str(tables.test or tables.valid)])
        elif "test" in result.evaluations or ("valid" in result.evaluations and not result.refitted):
            part = "test" if "test" in result.evaluations else "valid"
            commands.insert(0, ["rnnfast", "eval", "--model", run, "--data", name, "--part", part])
        room = self.screen.err.width - 10  # the label's column
        self.screen.progress(fields([("Next", [line for words in commands for line in command(words, room)])]))


def time_text(result: TrainResult, total: float) -> str:
    """Say what the command took, and its parts; start-up is what no phase of the run counts: Python and libraries."""
    parts = {"start-up": max(0.0, total - sum(result.seconds.values())), **result.seconds}
    words = (f"{PHASES.get(phase, phase)} {duration(spent)}" for phase, spent in parts.items())
    text = f"total {duration(total)}: {', '.join(words)}"
    if result.timesteps_per_second:
        text += f"; {scaled(result.timesteps_per_second, 'steps/s')} in training"
    return text


def table_rows(data: Sequences, verbose: int = 0) -> list[tuple[str, str | Text]]:
    """Return labelled lines on what was read: size, lengths, columns, class balance, notes."""
    from rnnfast.data.columns.horizon import steps_ahead
    from rnnfast.data.description import class_balance, lengths

    schema, steps = data.schema, lengths(data)
    size = f"{counted(data.rows, 'row')} in {counted(data.sequences, 'sequence')}"
    if steps.min == steps.max:
        size += f" of {counted(steps.max, 'step')}"
    else:
        size += f" of {count(steps.min)} to {count(steps.max)} steps (median {count(steps.median)})"
    where = "the last step of each sequence" if schema.predict == "last" else "every step"
    if schema.horizon:
        where = f"{steps_ahead(schema)} of {where}"
    rows: list[tuple[str, str | Text]] = [("Data", size)]
    rows += [("" if j else "Columns", note) for j, note in enumerate(data.notes)]
    if verbose or not data.notes:
        rows.append(("Features", ", ".join(schema.columns) if verbose else listed(list(schema.columns))))
    rows.append(("Task", f"{schema.task}: {listed(list(schema.targets))} {'' if schema.horizon else 'at '}{where}"))
    balance = class_balance(data)
    if balance is not None:
        rows.append(("Classes", balance_text(balance, "sequence" if schema.predict == "last" else "step")))
    elif data.range is not None:
        low, high, mean = data.range
        rows.append(("Range", f"{span(low, high)}, mean {number(mean)}"))
    return rows
