"""A saved model on a stream of rows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from rnnfast.errors import UsageError
from rnnfast.model import load
from rnnfast.model.live.stream import MOST_IDS, Stream
from rnnfast.online.lines import Lines
from rnnfast.online.session import AS_THEY_COME, Report, Session, Shown, replay
from rnnfast.online.states import States

if TYPE_CHECKING:
    from rnnfast.reporter import Reporter


class Limits(NamedTuple):
    """How long states live: as of `Stream`."""

    max_ids: int = MOST_IDS
    ttl: float | None = None
    max_gap: float | None = None


class Past(NamedTuple):
    """What is there before the first row.

    states: file that keeps the states, or None. skip_seen: the input begins again at its first row, and those that
    these states have seen are left out. replay: file of rows that new states see first, or None.
    """

    states: str | Path | None = None
    skip_seen: bool = False
    replay: str | Path | None = None


NO_LIMITS, NO_PAST = Limits(), Past()


def never() -> bool:
    """Return that nobody stops a stream."""
    return False


def answer_stream(
    model_path: str | Path,
    descriptor: int,
    write: Callable[[str], Any],
    *,
    shown: Shown = AS_THEY_COME,
    limits: Limits = NO_LIMITS,
    past: Past = NO_PAST,
    stopped: Callable[[], bool] = never,
    reporter: Reporter | None = None,
) -> Report:
    """Answer rows of CSV or JSON lines from a file descriptor as they come, each with the state of its id.

    write: takes text. stopped: asked several times a second.
    Raises UsageError for models that cannot stream and options that do not fit, ModelError for states of another model,
    DataError for a file to be replayed that cannot be used.
    """
    if past.skip_seen and past.states is None:
        raise UsageError("--skip-seen: only a file of states knows which rows they have seen; add --states FILE.sqlite")
    stream = Stream(load(model_path), *limits, ahead=True)
    file = None if past.states is None else States(past.states, stream)
    try:
        seen = 0 if file is None else file.rows
        if reporter is not None and file is not None and stream.slots.of:
            reporter.notice(f"{len(stream.slots.of):,} states of {seen:,} rows from {past.states}")
        if past.replay is not None and not seen:
            replay(stream, past.replay)
        elif past.replay is not None and reporter is not None:
            reporter.notice("--replay: the states are there already; the file is not read")
        session = Session(stream, write, shown, file, seen if past.skip_seen else 0)
        return session.run(Lines(descriptor), stopped)
    finally:
        if file is not None:
            file.close()
