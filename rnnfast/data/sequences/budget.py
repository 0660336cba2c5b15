"""How much memory a run may take, and what of it each phase gets (`--memory`)."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

from rnnfast.errors import UsageError
from rnnfast.memory import shown

UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12, "ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}
# Python, NumPy, pandas, pyarrow, Numba and a network's kernels while they are compiled: measured, on the large side.
PROCESS = 436_000_000  # bytes
LEAST = 64_000_000  # bytes beyond it: below, blocks would be too small to be worth reading


def size(text: str) -> int:
    """Bytes of a size such as '500M', '2G' or '1.5GiB'; M is 10^6, MiB is 2^20. Raises UsageError for anything else."""
    number = text.strip().lower().removesuffix("b")
    unit = number.lstrip("0123456789.")
    try:
        value = float(number.removesuffix(unit)) * UNITS[unit.strip()]
    except (ValueError, KeyError):
        value = math.nan
    if not 1 <= value < 2**62:
        raise UsageError(f"memory: {text!r} is no size; write 500M, 2G or 1.5GiB")
    return int(value)


class Phases(NamedTuple):
    """Bytes of what is in memory at the same time, by phase.

    batch: of rows that are parsed at a time, with all copies that parsing and checking makes. bucket: of rows that are
    sorted at a time, as they lie on disk: sorting holds a second copy of them, and an order. block: of rows that train
    in one call of the kernel; two such blocks are there at a time. sample: of rows that are scored, with their outputs:
    those that validate stay there through training.
    """

    batch: int
    bucket: int
    block: int
    sample: int


@dataclass(frozen=True)
class Budget:
    """Bytes of a whole run, divided among those who hold memory at the same time.

    total: of the process; index: held all the time, whatever is read: where sequences lie and which part they are in.
    phases: what each phase gets where it is no share of what is left for rows. in_memory: bytes up to which a table is
    kept in memory as a whole, where these are not all that is left.
    """

    total: int
    index: int = 0
    phases: Phases | None = None
    in_memory: int | None = None

    def __post_init__(self) -> None:
        """Raise UsageError where too little is left to work with."""
        if self.free < LEAST:
            least = math.ceil((self.total - self.free + LEAST) / 10**6)
            held = f" and {shown(self.index)} for the index of the sequences" if self.index else ""
            raise UsageError(
                f"--memory {shown(self.total)}: rnnfast itself takes {shown(PROCESS)}{held}; give at least {least}M"
            )

    @classmethod
    def of(cls, text: str) -> Budget:
        """Read the value of --memory. Raises UsageError for what is no size, or too little."""
        return cls(size(text))

    @property
    def free(self) -> int:
        """What is left for rows."""
        return self.total - PROCESS - self.index

    @property
    def of_phase(self) -> Phases:
        """What each phase gets."""
        return self.phases or Phases(self.free // 2, self.free // 4, self.free * 7 // 25, self.free * 3 // 10)

    @property
    def beside(self) -> Budget:
        """For a table beside the one that trains, which is in memory only where it fits into what is scored."""
        return replace(self, in_memory=self.of_phase.sample)
