"""What a person reads, and the exit code, when a command fails."""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
import traceback
from collections.abc import Callable
from typing import Any

import click

from rnnfast.cli.common import State
from rnnfast.console.terminal import is_terminal, takes_colour
from rnnfast.display import on_one_line, printable
from rnnfast.errors import RnnfastError, TrainingInterrupted

FAILED = 1
INTERRUPTED = 130
WIDEST = 110  # columns of a message


def result_of(job: Callable[[], Any]) -> tuple[Any, int]:
    """Run a job. Returns its result, or what Ctrl-C or SIGTERM leaves of it, if anything, and the exit code."""
    try:
        return job(), 0
    except TrainingInterrupted as error:
        if error.result is None:
            raise
        return error.result, error.exit_code


def report(error: BaseException, state: State) -> int:
    """Print what went wrong, the important line last, and return the exit code."""
    if isinstance(error, click.Abort) and error.__cause__ is not None:
        error = error.__cause__  # click takes any EOFError for Ctrl-D
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else FAILED
    if isinstance(error, BrokenPipeError):
        return FAILED  # the reader of stdout has left; there is nobody to tell
    if state.debug:
        click.echo(printable("".join(traceback.format_exception(error))), err=True, nl=False)
    if isinstance(error, TrainingInterrupted) or (state.interrupted and isinstance(error, KeyboardInterrupt)):
        _print(str(error) or "interrupted", state, label="rnnfast:")
        return error.exit_code if isinstance(error, TrainingInterrupted) else INTERRUPTED
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        click.echo(error.format_message(), err=True)
        return error.exit_code
    if isinstance(error, click.ClickException):
        return _usage(error, state)
    if isinstance(error, RnnfastError):
        _print(str(error), state)
        return error.exit_code
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename is not None else ""
        _print(f"{where}{error.strerror or error}", state)
        return FAILED
    if isinstance(error, MemoryError):
        _print("there is not enough memory; use fewer columns (--features), or a part of the table", state)
        return FAILED
    _print(_unexpected(error), state)
    return FAILED


def _print(message: str, state: State, label: str = "rnnfast: error:") -> None:
    message = on_one_line(message)
    if is_terminal(sys.stderr):  # which would break inside words
        width = min(shutil.get_terminal_size().columns, WIDEST)
        message = textwrap.fill(f"{label} {message}", width, break_long_words=False, break_on_hyphens=False)
        message = message.removeprefix(label).removeprefix(" ")
    styled = click.style(label, fg="red", bold=True) if takes_colour(sys.stderr, state.no_color) else label
    # What click would strip or keep of the colours is decided above.
    click.echo(f"{styled} {message}", err=True, color=True)


def _usage(error: click.ClickException, state: State) -> int:
    """Print the usage of the command, where to find help, and what is wrong."""
    context = getattr(error, "ctx", None)
    if context is not None:
        click.echo(context.get_usage(), err=True)
        click.echo(f"Try '{context.command_path} -h' for help.", err=True)
    message = error.format_message().replace("\n\t", " ")  # click's own lines, of choices
    _print(message[:1].lower() + message[1:], state)
    return error.exit_code


def _unexpected(error: BaseException) -> str:
    """Save the traceback of a bug and return the message that names the file."""
    text = "".join(traceback.format_exception(error))
    kind = f"unexpected {type(error).__name__}: {' '.join(str(error).split())}"
    path = _saved(text)
    if path is None:
        return f"{kind} (--debug shows the traceback)"
    return f"{kind} (this is a bug; its traceback is in {path})"


def _saved(text: str) -> str | None:
    """Write a traceback to the user's cache directory, or a temporary one; return the path or None."""
    import tempfile
    import time
    from pathlib import Path

    import platformdirs

    name = f"traceback-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.txt"
    for directory in (platformdirs.user_cache_path("rnnfast") / "tracebacks", Path(tempfile.gettempdir())):
        try:
            directory.mkdir(parents=True, exist_ok=True)
            # A new file: a link that somebody put there under this name is not followed.
            with (directory / name).open("x", encoding="utf-8", errors="replace") as file:
                file.write(text)
        except OSError:
            continue
        return str(directory / name)
    return None
