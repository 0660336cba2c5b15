"""The checkpoints in the directory of a run: RUN/checkpoint-N.rnnfast, of which the last two stay."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from rnnfast.checkpoint.file import read, write
from rnnfast.checkpoint.record import Checkpoint
from rnnfast.errors import ModelError, RnnfastError, UsageError

PREFIX, SUFFIX = "checkpoint-", ".rnnfast"
STAY = 2  # checkpoints


def checkpoints(directory: Path) -> list[Path]:
    """Return the checkpoints of a directory, the last one first."""
    paths = directory.glob(f"{PREFIX}*{SUFFIX}")
    return sorted((path for path in paths if _number(path)), key=_number, reverse=True)


def last(directory: Path) -> tuple[Checkpoint, list[str]]:
    """Read the last checkpoint of a directory that is whole.

    Returns: it, and a sentence on each file that is not.
    Raises: UsageError where there is none, ModelError where none is whole or they are of several runs.
    """
    paths = checkpoints(directory)
    if not paths:
        raise UsageError(
            f"{directory}: holds no checkpoint to go on from: --resume takes the directory of a run that was killed or "
            "interrupted, and checkpoints are removed when a run ends well"
        )
    whole: list[Checkpoint] = []
    errors: list[str] = []
    for path in paths:
        try:
            checkpoint = read(path)
            if checkpoint.number != _number(path):
                raise ModelError(f"{path}: was written as {PREFIX}{checkpoint.number}{SUFFIX}, and is another one now")
            whole.append(checkpoint)
        except ModelError as error:
            errors.append(str(error))
    if not whole:
        raise ModelError(f"{'; '.join(errors)}: there is nothing to go on from; begin anew without --resume")
    if len({checkpoint.run for checkpoint in whole}) > 1:
        names = " and ".join(f"{PREFIX}{checkpoint.number}{SUFFIX}" for checkpoint in whole)
        raise ModelError(f"{directory}: {names} are of different runs; move away those that are not of this one")
    return whole[0], [f"{error}; {PREFIX}{whole[0].number}{SUFFIX} is used" for error in errors]


def keep(directory: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint and remove all but the last two.

    Raises RnnfastError, which names the last good one, where it cannot be written.
    """
    path = directory / f"{PREFIX}{checkpoint.number}{SUFFIX}"
    try:
        write(path, checkpoint)
    except RnnfastError as error:
        before = checkpoints(directory)
        again = f"rnnfast {checkpoint.origin.command} --resume {directory}"
        good = f"; {before[0]} is the last good one, from which {again} goes on" if before else ""
        raise RnnfastError(f"{error}{good}") from None
    for old in checkpoints(directory)[STAY:]:
        _remove(old)


def discard(directory: Path, after: int = 0) -> None:
    """Remove the checkpoints after a number, all by default, and what writing left where it was killed."""
    for path in checkpoints(directory):
        if _number(path) > after:
            _remove(path)
    for path in directory.glob(f".{PREFIX}*.tmp"):
        _remove(path)


def _number(path: Path) -> int:
    """Return the number in the name of a checkpoint, from 1; 0 for another file."""
    text = path.name.removeprefix(PREFIX).removesuffix(SUFFIX)
    return int(text) if text.isdecimal() and path.is_file() else 0


def _remove(path: Path) -> None:
    with suppress(OSError):
        path.unlink()
