"""What must be the same on all machines for the same bits, and for messages that each side understands."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from rnnfast.diagnose.versions import versions as all_versions
from rnnfast.diagnose.width import narrow
from rnnfast.errors import UsageError

DECISIVE = ("rnnfast", "python", "numba", "llvmlite", "numpy")


class Caller(NamedTuple):
    """Whose tasks these are. versions: as of `versions`; simd_bits: of the vectors that all compute with."""

    versions: dict[str, str]
    simd_bits: int

    def check(self) -> None:
        """Have this process compute as the caller does; raises UsageError("versions", reason) where it cannot."""
        if other := difference(self.versions):
            raise UsageError("versions", other)
        try:
            narrow(self.simd_bits)
        except UsageError as error:
            raise UsageError("versions", str(error)) from None


@cache
def versions() -> dict[str, str]:
    """Return the versions of this process that must be the same everywhere."""
    mine = all_versions()
    return {name: mine[name] for name in DECISIVE}


def difference(client: dict[str, str]) -> str:
    """Say how this process differs from the client, "" where it does not."""
    mine = versions()
    different = [name for name in DECISIVE if mine[name] != client.get(name)]
    if not different:
        return ""
    pairs = ", ".join(f"{name} {mine[name]} (here {client.get(name, 'none')})" for name in different)
    return f"has {pairs}; install the same versions on all machines"
