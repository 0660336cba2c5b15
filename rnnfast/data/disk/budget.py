"""How much memory a run may take, and what of it each phase gets (`--memory`)."""

from __future__ import annotations

import math
from dataclasses import dataclass

from rnnfast.errors import UsageError
from rnnfast.memory import shown

UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12, "ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}
# Python, NumPy, pandas, pyarrow, Numba and a network's kernels while they are compiled: measured, on the large side.
PROCESS = 400_000_000  # bytes
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


@dataclass(frozen=True)
class Budget:
    """Bytes of a whole run, divided among those who hold memory at the same time.

    total: of the process; index: held all the time, whatever is read: where sequences lie and which part they are in.
    """

    total: int
    index: int = 0

    def __post_init__(self) -> None:
        """Raise UsageError where too little is left to work with."""
        if self.free < LEAST:
            least = math.ceil((self.total - self.free + LEAST) / 10**6)
            held = f" and {shown(self.index)} for the index of the sequences" if self.index else ""
            raise UsageError(
                f"--memory {shown(self.total)}: rnnfast itself takes {shown(PROCESS)}{held}; give at least {least}M"
            )

    @property
    def free(self) -> int:
        """What is left for rows."""
        return self.total - PROCESS - self.index

    @property
    def batch(self) -> int:
        """Of rows that are parsed at a time, with all copies that parsing and checking makes."""
        return self.free // 2

    @property
    def bucket(self) -> int:
        """Of rows that are sorted at a time, as they lie on disk: sorting holds a second copy of them, and an order."""
        return self.free // 4

    @property
    def block(self) -> int:
        """Of rows that train in one call of the kernel; two such blocks are there at a time."""
        return self.free * 7 // 25

    @property
    def sample(self) -> int:
        """Of rows that are scored, with their outputs: those that validate stay there through training."""
        return self.free * 3 // 10
