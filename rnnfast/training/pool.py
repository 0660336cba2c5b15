"""Independent pieces of work on threads of one process, or on a cluster: members of an ensemble, folds, trials.

Kernels let go of Python while they run, so threads are enough, and tables are shared. Nothing that a piece computes may
depend on when or where it runs: then the results are the same for any number of threads and workers. Kernels are
compiled by one thread at a time (kernels/lanes/clock.py): pieces that need the same ones wait for the first, and load
nothing twice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import wraps
from threading import Event, Lock
from typing import Any, TypeVar

from rnnfast.checkpoint.record import Network
from rnnfast.cluster.shared import Shared
from rnnfast.cluster.task import Cluster, Task
from rnnfast.config.resolve import Config
from rnnfast.errors import TrainingInterrupted
from rnnfast.reporter import Reporter
from rnnfast.training.away import STATE, Answer, Before, away
from rnnfast.training.stopping import Interrupt, Phase

T = TypeVar("T")

# Seconds after which this thread looks for Ctrl-C: some systems do not wake a thread that waits for others.
ANSWER = 0.1


def ignored(answer: Any) -> None:
    """Do nothing with an answer."""


@dataclass(frozen=True)
class Piece:
    """A piece of work that may run elsewhere: a call of function(work, *arguments, reporter, interrupt).

    name: in messages. function: it stands in a module. work: what all pieces have in common, such as a table.
    reporter: is told what the piece tells; done: called with the answer of the piece, by the thread that has it. stage:
    of the run, by whose name checkpoints know its networks.
    """

    name: str
    function: Callable[..., Any]
    work: Shared
    arguments: tuple[Any, ...]
    reporter: Reporter
    done: Callable[[Any], None] = ignored
    stage: str = ""

    def __call__(self, interrupt: Interrupt) -> Any:
        """Run it here."""
        answer = self.function(self.work.value, *self.arguments, self.reporter, interrupt)
        self.done(answer)
        return answer


def run_on(cluster: Cluster | None, pieces: Sequence[Piece], threads: int, interrupt: Interrupt) -> list[Any]:
    """Run pieces on a cluster, or, without one, on threads of this process as `run_pieces` does.

    Returns: the answers in the order of the pieces; of a cluster None for those that Ctrl-C left without one. What a
    piece that runs at Ctrl-C has last told of its networks is saved. Raises as `run_pieces` and `Cluster.run`.
    """
    if cluster is None:
        return run_pieces(pieces, threads, interrupt)
    answers: list[Any] = [None] * len(pieces)
    slot = interrupt.slot

    def before(piece: Piece) -> Before | None:
        if slot is None:
            return None
        return Before(slot.name, slot.keeper.states_of(slot.of(piece.stage)), slot.keeper.interval)

    def save(name: str, config: Config, state: Network) -> None:
        assert slot is not None  # else no piece has states
        slot.keeper.take(name, config, state)

    tasks = [Task(one.name, away, (one.function, one.work, one.arguments, before(one))) for one in pieces]
    if not interrupt.apart:
        interrupt.phase = Phase.TRAINING

    def take(number: int, answer: Answer) -> None:
        answers[number] = answer.value
        for name, (config, state) in answer.ended.items():
            save(name, config, state)
        pieces[number].done(answer.value)

    def hear(number: int, message: tuple[str, tuple[Any, ...]]) -> None:
        name, values = message
        if name == STATE:
            save(*values)
        else:
            getattr(pieces[number].reporter, name)(*values)

    try:
        cluster.run(tasks, on_answer=take, on_message=hear, check=interrupt.check)
    except TrainingInterrupted:
        if interrupt.apart or interrupt.twice:
            raise
    return answers


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
