"""What is told and written while a search trains: how many trainings are finished, and what they came to."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock

from rnnfast.records import UnsetType
from rnnfast.reporter import Reporter
from rnnfast.training.journal import Journal, Repetition, finite


class Watch:
    """Tells how many trainings are finished, and writes them into a journal; called from several threads.

    runs: trial, fold and repetition of each. journal: None where nothing is written; valid: as of Repetition.
    """

    def __init__(
        self, reporter: Reporter, runs: Sequence[tuple[int, int, int]], journal: Journal | None, valid: str | UnsetType
    ) -> None:
        self._reporter, self._runs, self._journal, self._valid = reporter, runs, journal, valid
        self._done, self._lock = 0, Lock()

    def __call__(self, place: int, error: float) -> None:
        """Take the error of one of the runs."""
        with self._lock:
            self._done += 1
            self._reporter.trials(self._done, len(self._runs))
            if self._journal is not None:
                trial, fold, repetition = self._runs[place]
                self._journal.repetitions.append(
                    Repetition(
                        trial=trial, fold=fold + 1, repetition=repetition, error=finite(error), valid=self._valid
                    )
                )
                self._journal.write()
