"""The trials of a search in a file, so that an interrupted search goes on where it ended.

One line of JSON each: first what is searched, then each trial of a generation that is complete, then each training of
the best ones again. The file is written anew after each generation, and each training again, whole or not at all. A
search that goes on proposes the same candidates again, since these follow from seed and errors, and takes the errors
from here.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rnnfast.errors import ClusterError, ModelError, UsageError
from rnnfast.records import UNSET, Count, Record, Size, UnsetType, decode, parsed, plain
from rnnfast.training.space import Candidate
from rnnfast.writing import write_whole

FILE = "trials.jsonl"
FORMAT = 2  # 1: halving in folds alone


class Header(Record, frozen=True, kw_only=True):
    """What is searched.

    options: those that are given, by their names; data: digest of the table; size: candidates of a generation; optuna:
    its version; trials, max_time: as given; folds_by: what divides the folds, None in files that are older than this.
    """

    format: int = FORMAT
    data: str
    options: dict[str, Any]
    size: Count
    optuna: str
    trials: Count | None
    max_time: str | None
    folds_by: str | None = None


class TrialRecord(Record, frozen=True, kw_only=True):
    """A configuration that was tried.

    trial: from 1; generation: from 1. options: of the candidate; changes: those of them that the base has not. rungs:
    errors on the first fold after a quarter and a half of the epochs; errors: on the folds on which it ran all of them;
    null where it diverged. error: that of the last rung, or the sum of those of the folds, relative to that of the
    base. seconds: of its generation, by trial.
    """

    trial: Size
    generation: Size
    options: Candidate
    changes: Candidate
    rungs: tuple[float | None, ...]
    errors: tuple[float | None, ...]
    error: float | None
    seconds: float | UnsetType = UNSET


class Repetition(Record, frozen=True, kw_only=True):
    """A training of one of the best trials again.

    trial: its number; fold: from 1; repetition: of seeds, from 1. error: null where it diverged. valid: digest of the
    table that judges, where that is the validation part and no fold.
    """

    trial: Size
    fold: Size
    repetition: Count
    error: float | None
    valid: str | UnsetType = UNSET

    @property
    def place(self) -> tuple[int, int, int]:
        """What comes first in the file."""
        return self.trial, self.fold, self.repetition


@dataclass
class Journal:
    """What a search has come to. directory: where it is written, None: nowhere.

    trials: of generations that are complete; repetitions: of the best of them.
    """

    header: Header
    directory: Path | None = None
    trials: list[TrialRecord] = field(default_factory=list)
    repetitions: list[Repetition] = field(default_factory=list)

    def write(self) -> None:
        """Write the file of the directory, which is made where it is not there."""
        if self.directory is None:
            return
        self.directory.mkdir(parents=True, exist_ok=True)
        ordered = sorted(self.repetitions, key=lambda one: one.place)  # they end in any order
        lines = (json.dumps(plain(record), allow_nan=False) for record in (self.header, *self.trials, *ordered))
        write_whole(self.directory / FILE, "".join(f"{line}\n" for line in lines).encode())


def finite(error: float) -> float | None:
    """Return an error as it is written: null where a training diverged."""
    return error if math.isfinite(error) else None


def read(directory: Path) -> Journal:
    """Read the journal of a directory. Raises UsageError where there is none, ModelError for a damaged one."""
    path, line = directory / FILE, 1
    try:
        lines = path.read_bytes().splitlines() or [b""]
        header = decode(parsed(lines[0]), Header)
        if header.format != FORMAT:
            raise ValueError(f"format is {header.format}: expected {FORMAT}")
        journal = Journal(header, directory)
        while line < len(lines):
            line += 1
            values = parsed(lines[line - 1])
            if isinstance(values, dict) and "repetition" in values:
                journal.repetitions.append(decode(values, Repetition))
            else:
                journal.trials.append(decode(values, TrialRecord))
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file; --resume takes the directory of a search, which holds one") from None
    except (OSError, ValueError) as error:
        what = f"is no journal of trials: {error}; begin anew with another -o DIR"
        raise ModelError(f"{path}, line {line}: {what}") from None
    return journal


def journal_of(directory: Path | None, header: Header, anywhere: Collection[str], force: bool) -> Journal:
    """Return the journal of a search, with the trials of an earlier run in its directory; force: without them.

    anywhere: options that make no other trials. Raises UsageError where the journal there is that of another search.
    """
    journal = Journal(header, directory)
    if directory is not None and not force and (directory / FILE).exists():
        before = read(directory)
        check_same(before.header, header, directory, anywhere)
        journal.trials, journal.repetitions = before.trials, before.repetitions
    return journal


@contextmanager
def going_on(directory: Path | None) -> Iterator[None]:
    """Say how a search goes on that loses its cluster."""
    try:
        yield
    except ClusterError as error:
        if directory is not None and (directory / FILE).exists():
            error.command = f"rnnfast tune --resume {directory}"
        raise


def check_same(before: Header, now: Header, directory: Path, anywhere: Collection[str]) -> None:
    """Raise UsageError where a journal is that of another search; anywhere: options that make no other trials."""
    fix = "give another -o DIR, or --force to begin anew"
    if before.data != now.data:
        raise UsageError(f"{directory / FILE}: its trials are those of another table; {fix}")
    for name in sorted((before.options.keys() | now.options.keys()) - set(anywhere)):
        old, new = plain(before.options.get(name)), plain(now.options.get(name))
        if old != new:
            raise UsageError(f"{directory / FILE}: its trials have {name} {_shown(old)}, not {_shown(new)}; {fix}")
    if before.folds_by not in (None, now.folds_by):
        raise UsageError(f"{directory / FILE}: its trials have folds by {before.folds_by}, not {now.folds_by}; {fix}")
    if (before.size, before.optuna) != (now.size, now.optuna):
        versions = f"Optuna {before.optuna}, not {now.optuna}"
        raise UsageError(f"{directory / FILE}: its trials were proposed by {versions}; {fix}")


def _shown(value: Any) -> str:
    return "by default" if value is None else json.dumps(value)
