"""The trials of a search in a file, so that an interrupted search goes on where it ended.

One line of JSON each: first what is searched, then each trial of a generation that is complete. The file is written
anew after each generation, whole or not at all. A search that goes on proposes the same candidates again, since these
follow from seed and errors, and takes the errors from here.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rnnfast.errors import ClusterError, ModelError, UsageError
from rnnfast.records import UNSET, Count, Record, Size, UnsetType, decode, parsed, plain
from rnnfast.training.space import Candidate
from rnnfast.writing import write_whole

FILE = "trials.jsonl"
FORMAT = 1


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

    trial: from 1; generation: from 1. options: of the candidate; changes: those of them that the base has not. errors:
    on the folds that it ran on, null where it diverged; error: their sum relative to that of the base on the same
    folds. seconds: of its generation, by trial.
    """

    trial: Size
    generation: Size
    options: Candidate
    changes: Candidate
    errors: tuple[float | None, ...]
    error: float | None
    seconds: float | UnsetType = UNSET


def read(directory: Path) -> tuple[Header, list[TrialRecord]]:
    """Read the journal of a directory. Raises UsageError where there is none, ModelError for a damaged one."""
    path, line = directory / FILE, 1
    try:
        lines = path.read_bytes().splitlines() or [b""]
        header = decode(parsed(lines[0]), Header)
        if header.format != FORMAT:
            raise ValueError(f"format is {header.format}: expected {FORMAT}")
        trials = list[TrialRecord]()
        while line < len(lines):
            line += 1
            trials.append(decode(parsed(lines[line - 1]), TrialRecord))
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file; --resume takes the directory of a search, which holds one") from None
    except (OSError, ValueError) as error:
        what = f"is no journal of trials: {error}; begin anew with another -o DIR"
        raise ModelError(f"{path}, line {line}: {what}") from None
    return header, trials


def write(directory: Path, header: Header, trials: list[TrialRecord]) -> None:
    """Write the journal of a directory, which is made where it is not there."""
    directory.mkdir(parents=True, exist_ok=True)
    lines = (json.dumps(plain(record), allow_nan=False) for record in (header, *trials))
    write_whole(directory / FILE, "".join(f"{line}\n" for line in lines).encode())


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
