"""What listens to a run beside whoever started it: a log of JSON lines, TensorBoard."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rnnfast.config.sections import OutputConfig
from rnnfast.reporter import Reporter


def with_listeners(reporter: Reporter | None, output: OutputConfig) -> Reporter:
    """Return what a run tells how far it is: the reporter, and what the table [output] asks for.

    Raises UsageError for a file or directory that cannot be written, and RnnfastError where a library is missing.
    """
    reporter = reporter or Reporter()
    listeners: list[Reporter] = [reporter]
    if output.log_file is not None:
        from rnnfast.listeners.log_file import LogFile

        listeners.append(LogFile(output.log_file, reporter))
    if output.tensorboard is not None:
        from rnnfast.listeners.tensorboard import TensorBoard

        listeners.append(TensorBoard(output.tensorboard, reporter))
    return reporter if len(listeners) == 1 else _all(listeners)


def _all(listeners: list[Reporter]) -> Reporter:
    """Return a reporter that passes everything on to each of several."""

    def passed_on(name: str) -> Callable[..., None]:
        methods = [getattr(listener, name) for listener in listeners]

        def call(*arguments: Any, **named: Any) -> None:
            for method in methods:
                method(*arguments, **named)

        return call

    every = Reporter()
    for name in vars(Reporter):
        if not name.startswith("_"):
            setattr(every, name, passed_on(name))
    return every
