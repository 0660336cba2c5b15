"""Exceptions that rnnfast raises on purpose; each carries the exit code of the command line.

Messages say what is wrong, where, the value seen and how to fix it. Anything else that escapes is a bug.
"""

from __future__ import annotations

import difflib
import signal
from collections.abc import Iterable
from typing import Any

LIKENESS = 0.6  # of two words, from 0 to 1, from which one may be meant by the other
SIGNALLED = 128  # exit code, less the number of the signal, of what a signal ended
WORD_SHOWN = 60  # characters of a word in a message


class RnnfastError(Exception):
    """Base of all expected errors: something failed while running (exit code 1)."""

    exit_code = 1


class UsageError(RnnfastError):
    """An option, a configuration key or a combination of them is wrong (exit code 2)."""

    exit_code = 2


class DataError(RnnfastError):
    """A table cannot be read or does not fit what is asked of it (exit code 3)."""

    exit_code = 3


class ModelError(RnnfastError):
    """A model file is damaged, of another program, or does not fit the data (exit code 4)."""

    exit_code = 4


class QualityError(RnnfastError):
    """`--fail-under` was not met, or `--fail-on-findings` met one (exit code 5)."""

    exit_code = 5


class DivergedError(RnnfastError):
    """The loss or a weight became NaN or infinite (exit code 6).

    Attributes: epoch (1-based), step (1-based update within the epoch), result (TrainResult with the last good weights,
    None until the run has ended).
    """

    exit_code = 6

    def __init__(self, message: str, epoch: int, step: int) -> None:
        super().__init__(message)
        self.epoch = epoch
        self.step = step
        self.result: Any = None

    def __reduce__(self) -> tuple[Any, ...]:
        """Say how the error is made again in another process, without its result."""
        return DivergedError, (self.args[0], self.epoch, self.step)


class Resumable(BaseException):
    """What ends a run that is saved. command: with which it goes on, "" where it does not; it ends the message."""

    command = ""

    def __str__(self) -> str:
        """The message, and how the run goes on."""
        return super().__str__() + (f"; {self.command} goes on" if self.command else "")


class ClusterError(Resumable, RnnfastError):
    """A cluster has no worker, no scheduler, or no answer for longer than a run waits (exit code 1)."""


class TrainingInterrupted(Resumable, KeyboardInterrupt):
    """Ctrl-C or SIGTERM ended a training run; a KeyboardInterrupt, so that a loop over runs ends with it.

    Attributes: result (TrainResult of the epochs that were complete; None where none was, or Ctrl-C was pressed twice),
    exit_code (130, after SIGTERM 143).
    """

    def __init__(self, message: str, result: Any = None, number: int = signal.SIGINT) -> None:
        """number: of the signal."""
        super().__init__(message)
        self.result = result
        self.exit_code = SIGNALLED + number


def did_you_mean(word: str, words: Iterable[str], most: int = 1) -> str:
    """Return "; did you mean 'train'?" for the words nearest to `word`, whatever their case; "" where none is near.

    most: so many of them, as in "; did you mean 'x1' or 'x2'?".
    """
    by_lower = {item.lower(): item for item in words}
    nearest = difflib.get_close_matches(word.lower(), list(by_lower), n=most, cutoff=LIKENESS)
    return f"; did you mean {' or '.join(repr(_shown(by_lower[item])) for item in nearest)}?" if nearest else ""


def _shown(word: str) -> str:
    return word if len(word) <= WORD_SHOWN else f"{word[:WORD_SHOWN]}..."
