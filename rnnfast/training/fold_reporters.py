"""What the runs of folds tell, put together: each thing once, and epochs with the number of their fold."""

from __future__ import annotations

import re
from dataclasses import replace
from threading import Lock
from typing import Any

from rnnfast.reporter import EpochRecord, Reporter, RunInfo


class Once(Reporter):
    """Passes on what the runs of folds tell, but not once for each: notices that differ in numbers alone are one."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self._texts: set[str] = set()

    def notice(self, text: str) -> None:
        """Pass on a notice that no fold has told yet."""
        if self._is_new(re.sub(r"\d[\d,.]*", "#", text)):
            self._reporter.notice(text)

    def preset(self, chosen: Any) -> None:
        """Pass on what was chosen."""
        self._reporter.preset(chosen)

    def start(self, info: RunInfo) -> None:
        """Pass on how the first fold trains."""
        self._reporter.start(info)

    def compiling(self) -> None:
        """Pass on that kernels are compiled."""
        self._reporter.compiling()

    def compiled(self, seconds: float) -> None:
        """Pass on how long that took."""
        self._reporter.compiled(seconds)

    def epoch(self, record: EpochRecord) -> None:
        """Pass on an epoch."""
        self._reporter.epoch(record)

    def fold(self, result: Any) -> None:
        """Pass on that a fold is complete."""
        self._reporter.fold(result)

    def _is_new(self, text: str) -> bool:
        new = text not in self._texts
        self._texts.add(text)
        return new


class InOrder:
    """Passes on the folds that are complete in their order, whichever ends first; called by several threads."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter, self._lock = reporter, Lock()
        self._ended: dict[int, Any] = {}
        self._next = 0

    def end(self, number: int, result: Any) -> None:
        """Take the result of a fold, counted from 0, or None where it was left out."""
        with self._lock:
            self._ended[number] = result
            while self._next in self._ended:
                if (first := self._ended.pop(self._next)) is not None:
                    self._reporter.fold(first)
                self._next += 1


class OfFold(Reporter):
    """Passes on what the run of one fold tells. number: of the fold, from 1; first: whether it stands for all folds."""

    def __init__(self, whole: Reporter, number: int, first: bool) -> None:
        self._whole, self._number, self._first = whole, number, first

    def notice(self, text: str) -> None:
        """Pass on."""
        self._whole.notice(text)

    def preset(self, chosen: Any) -> None:
        """Pass on what was chosen for the first fold."""
        if self._first:
            self._whole.preset(chosen)

    def start(self, info: RunInfo) -> None:
        """Pass on how the first fold trains."""
        if self._first:
            self._whole.start(info)

    def compiling(self) -> None:
        """Pass on."""
        self._whole.compiling()

    def compiled(self, seconds: float) -> None:
        """Pass on."""
        self._whole.compiled(seconds)

    def epoch(self, record: EpochRecord) -> None:
        """Say whose epoch it is."""
        self._whole.epoch(replace(record, fold=self._number))
