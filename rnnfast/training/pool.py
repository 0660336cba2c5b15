"""Independent pieces of work on threads of one process: members of an ensemble, folds, trials.

Kernels let go of Python while they run, so threads are enough, and tables are shared. Nothing that a piece computes may
depend on when it runs: then the results are the same for any number of threads. Kernels are compiled by one thread at a
time (kernels/lanes/clock.py): pieces that need the same ones wait for the first, and load nothing twice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor, wait
from functools import wraps
from threading import Event, Lock
from typing import Any, TypeVar

from rnnfast.reporter import Reporter
from rnnfast.training.stopping import Interrupt, Phase

T = TypeVar("T")

# Seconds after which this thread looks for Ctrl-C: some systems do not wake a thread that waits for others.
ANSWER = 0.1


def run_pieces(pieces: Sequence[Callable[[Interrupt], T]], threads: int, interrupt: Interrupt) -> list[T]:
    """Run pieces of work, so many at a time, and return their results in the order of the pieces.

    pieces: each is called with an Interrupt that says whether Ctrl-C was pressed, also where that was before it began.
    A piece that trains should do so on one thread. interrupt: that of the run, whose phase is compiling until a piece
    trains; a single piece runs in this thread, and gets it as it is, where it may.
    Raises: the first error in the order of the pieces, or what Ctrl-C raises here, when the pieces that run have ended;
    after an error none begins.
    """
    if len(pieces) == 1 and not interrupt.apart:
        return [pieces[0](interrupt)]
    interrupt.phase = Phase.COMPILING
    failed = Event()

    def begin(piece: Callable[[Interrupt], T]) -> T:
        if failed.is_set():
            raise CancelledError  # nobody sees it: an earlier piece has failed, or this thread was interrupted
        try:
            return piece(interrupt.of_piece())
        except BaseException:
            failed.set()
            raise

    with ThreadPoolExecutor(threads) as executor:
        futures = [executor.submit(begin, piece) for piece in pieces]
        try:
            while wait(futures, ANSWER).not_done:
                pass
            return [future.result() for future in futures]
        finally:
            failed.set()


def one_at_a_time(reporter: Reporter) -> Reporter:
    """Return a reporter that takes what several threads tell, and passes it on one call at a time."""
    lock, shared = Lock(), Reporter()

    def locked(method: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(method)
        def call(*arguments: Any, **named: Any) -> Any:
            with lock:
                return method(*arguments, **named)

        return call

    for name in vars(Reporter):
        if not name.startswith("_"):
            setattr(shared, name, locked(getattr(reporter, name)))
    return shared
