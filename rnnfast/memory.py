"""How much memory there is for what a process is about to do, and how a number of bytes is shown."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")
STATUS = Path("/proc/self/status")
_MOST: ContextVar[int | None] = ContextVar("most", default=None)


@contextmanager
def limited(count: int) -> Iterator[None]:
    """Let what is read meanwhile count on no more than so many bytes, those of --memory."""
    token = _MOST.set(count)
    try:
        yield
    finally:
        _MOST.reset(token)


def available_memory() -> int | None:
    """Return the bytes of memory that this process could still use without swapping; None where the system is silent.

    The least of what the machine has left, what its container may use (cgroup 2), its limit of addresses, and what
    `limited` says.
    """
    limits = [_field(Path("/proc/meminfo"), "MemAvailable"), _container(), _addresses(), _MOST.get()]
    return min((count for count in limits if count is not None), default=None)


def _field(path: Path, name: str) -> int | None:
    """Return a value of a file of the system that counts in kB, in bytes."""
    with suppress(OSError, ValueError, IndexError):
        for line in path.read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) * 1024
    return None


def _container() -> int | None:
    """Return what the limit of a container leaves; copies of files, which give way, do not count as used."""
    with suppress(OSError, ValueError):  # "max" is no number
        limit, used, statistics = (
            (CGROUP / f"memory.{name}").read_text(encoding="ascii") for name in ("max", "current", "stat")
        )
        counts = dict(line.split() for line in statistics.splitlines())
        files = int(counts.get("inactive_file", 0)) + int(counts.get("active_file", 0))
        return max(int(limit) - int(used) + files, 0)
    return None


def _addresses() -> int | None:
    with suppress(ImportError):  # not on Windows
        import resource

        limit, used = resource.getrlimit(resource.RLIMIT_AS)[0], _field(STATUS, "VmSize")
        if limit != resource.RLIM_INFINITY and used is not None:
            return max(limit - used, 0)
    return None


def shown(count: float) -> str:
    """A number of bytes for people: '1.6 GB', '2 kB', '2 bytes'."""
    if count < 1000:
        return f"{math.ceil(count)} byte{'' if math.ceil(count) == 1 else 's'}"
    for unit, scale in (("GB", 10**9), ("MB", 10**6)):
        if count >= scale:
            return f"{count / scale:.3g} {unit}"
    return f"{math.ceil(count / 1000):,} kB"
