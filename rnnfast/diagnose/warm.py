"""Compile what usual runs need before it is needed: `rnnfast doctor --warm-up`."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from rnnfast.catalogue import CELLS, listed
from rnnfast.diagnose.machine import cores
from rnnfast.errors import UsageError, did_you_mean
from rnnfast.records import Record
from rnnfast.reporter import Reporter


class WarmUp(Record, frozen=True):
    """What was prepared: kernels in all and those that had to be compiled, on how many cores, in what time."""

    cells: tuple[str, ...]
    kernels: int
    compiled: int
    cores: int
    seconds: float
    directory: str


def warm(cells: Sequence[str] = (), reporter: Reporter | None = None) -> WarmUp:
    """Compile the kernels of cells (none: the usual ones), or find them in the cache; tells the reporter how far it is.

    Raises: UsageError for a name that is no cell's.
    """
    reporter = reporter or Reporter()
    cells = tuple(cell.lower() for cell in cells) or tuple(name for name, facts in CELLS.items() if facts.usual)
    for cell in cells:
        if cell not in CELLS:
            hint = did_you_mean(cell, CELLS)
            raise UsageError(f"--warm-up {cell}: no cell of that name; there are {listed(CELLS)}{hint}")
    start = time.perf_counter()
    from rnnfast.kernels import cache_directory
    from rnnfast.kernels.run.ahead import prepare
    from rnnfast.kernels.run.usual import usual_kernels

    kernels = list(dict.fromkeys(usual_kernels(cells)))
    missing = [kernel for kernel in kernels if not kernel.cached]
    count = 0

    def done(kernel: Any) -> None:
        nonlocal count
        count += 1
        reporter.notice(f"compiled {count} of {len(missing)}: {kernel.name[1].strip('_')}")

    if missing:
        reporter.compiling()
    compiled = prepare(missing, cores(), done)
    seconds = time.perf_counter() - start
    return WarmUp(cells, len(kernels), compiled, cores(), round(seconds, 3), cache_directory())
