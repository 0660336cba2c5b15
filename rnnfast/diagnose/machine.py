"""What this machine offers to rnnfast, and whether anything stands in its way: the `doctor` command."""

from __future__ import annotations

import os
import platform
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from rnnfast.caching import CacheWarning
from rnnfast.diagnose.versions import MISSING, versions
from rnnfast.errors import RnnfastError
from rnnfast.records import Record, replace

GOOD_SIMD_BITS = 256  # AVX2; narrower registers (SSE2, NEON) take two to four times as many instructions
WIDE = 1 << 10  # units that every tile divides
SLOW_WARM_UP = 20.0  # s; a few seconds is usual for a first run, tens of milliseconds for later ones

THREAD_VARIABLES = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS")


class Cpu(Record, frozen=True):
    """The processor; simd_bits and tiles (rows and lanes by precision) are None where they cannot be found out."""

    name: str
    architecture: str
    simd_bits: int | None
    tiles: dict[str, tuple[int, int]] | None


class Cores(Record, frozen=True):
    """Cores that this process may use, and those of the machine."""

    usable: int
    all: int


class KernelCache(Record, frozen=True):
    """Where compiled kernels are, who chose it, whether they can be kept there, and what is in the way of it."""

    directory: str | None
    chosen_by: str
    writable: bool
    fault: str = ""


class TableCache(Record, frozen=True):
    """Where parsed tables are, how many, and their size."""

    directory: str | None
    tables: int | None
    bytes: int | None


class Check(Record, frozen=True):
    """One thing that is well or not. status: ok, warning or error; fix: what to do, "" where it is well."""

    name: str
    status: str
    message: str
    fix: str = ""


class Examination(Record, frozen=True, kw_only=True):
    """What `doctor` shows; threads: variables that limit them. What cannot be found out is None."""

    versions: dict[str, str]
    system: str
    cpu: Cpu
    cores: Cores
    threads: dict[str, str]
    cache: KernelCache
    table_cache: TableCache
    warm_up_seconds: float | None
    checks: tuple[Check, ...] = ()

    @property
    def works(self) -> bool:
        """Whether training can work here."""
        return all(check.status != "error" for check in self.checks)


def processor_name() -> str:
    """Return the name of the processor as the system gives it."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() in ("model name", "Hardware", "cpu model"):
                return value.strip()
    except OSError:
        pass
    return platform.processor() or platform.machine() or "unknown"


def simd_bits() -> int:
    """Return the width of the vector registers that kernels are compiled for, in bits."""
    from rnnfast.kernels.lanes.processor import vector_bytes

    return 8 * int(vector_bytes())


def tiles() -> dict[str, tuple[int, int]]:
    """Return rows and lanes of the widest register tile of the kernels, by precision."""
    from rnnfast.kernels.lanes.processor import tile

    sizes = {dtype: tile(WIDE, dtype) for dtype in ("float32", "float64")}
    return {dtype: (rows, lanes) for dtype, (lanes, rows) in sizes.items()}


def cores() -> int:
    """Return the number of cores that this process may use."""
    allowed = getattr(os, "sched_getaffinity", None)  # Linux alone knows
    return len(allowed(0)) if allowed else os.cpu_count() or 1


def examine() -> Examination:
    """Examine versions, processor, threads and cache, warm the kernels up, and list what is well and what is not.

    What cannot be found out is None: an installation that does not work is what this is for.
    """
    warm_up, warm_up_error = _warm_up()
    machine = Examination(
        versions=versions(),
        system=platform.platform(),
        cpu=Cpu(processor_name(), platform.machine(), _try(simd_bits), _try(tiles)),
        cores=Cores(cores(), os.cpu_count() or 1),
        threads={name: os.environ[name] for name in THREAD_VARIABLES if os.environ.get(name)},
        cache=_cache(),
        table_cache=_table_cache(),
        warm_up_seconds=warm_up,
    )
    return replace(machine, checks=tuple(_checks(machine, warm_up_error)))


def _try(function: Callable[[], Any]) -> Any:
    """Return what a function of the kernels returns, or None where they cannot be imported or do not know the host."""
    try:
        return function()
    except (ImportError, OSError, RuntimeError, ValueError):
        return None


def _cache() -> KernelCache:
    """Return where compiled kernels are kept, who chose it, and whether they can be kept there."""

    def directory_and_fault() -> tuple[str, str]:
        from rnnfast.kernels.lanes.cache import fault, path_of_version

        return str(path_of_version()), fault()

    path, fault = _try(directory_and_fault) or (None, "its directory is unknown")
    chosen_by = "NUMBA_CACHE_DIR" if os.environ.get("NUMBA_CACHE_DIR") else "rnnfast"
    return KernelCache(path, chosen_by, not fault, fault)


def _table_cache() -> TableCache:
    """Return where parsed tables are kept, how many, and their size in bytes."""

    def usage_of_directory() -> tuple[str, int, int]:
        from rnnfast.data.sequences.cache import directory, usage

        return str(directory()), *usage()

    path, tables, size = _try(usage_of_directory) or (None, None, None)
    return TableCache(path, tables, size)


def _warm_up() -> tuple[float | None, str]:
    """Compile or load a kernel and run it; return the seconds, or None and the reason."""
    try:
        with warnings.catch_warnings():  # the check of the cache says the same
            warnings.filterwarnings("ignore", ".* not kept", CacheWarning)
            from rnnfast.kernels import warm_up

            return float(warm_up()), ""
    except (RnnfastError, ImportError, OSError, RuntimeError, ValueError) as error:
        return None, f"{type(error).__name__}: {error}"


def _checks(machine: Examination, warm_up_error: str) -> Iterator[Check]:
    """Yield name, status, message and fix of each check."""
    missing = [name for name, version in machine.versions.items() if version == MISSING]
    threads = next(iter(machine.threads.values()), None)
    bits, cache, usable = machine.cpu.simd_bits, machine.cache, machine.cores.usable
    sizes = [f"{rows} x {lanes} {dtype}" for dtype, (rows, lanes) in (machine.cpu.tiles or {}).items()]
    shown = f", tiles up to {' or '.join(sizes)}" if sizes else ""
    yield _check("libraries", not missing, "all installed", f"{', '.join(missing)} {MISSING}", "reinstall rnnfast")
    yield _check(
        "vectors",
        bits is not None and bits >= GOOD_SIMD_BITS,
        f"{bits}-bit registers{shown}",
        f"{bits or 'unknown'}-bit registers: kernels run at a fraction of the speed of AVX2 or AVX-512",
        "on a virtual machine, let it pass the features of the host's processor through",
    )
    yield _check(
        "threads",
        threads is None or (threads.isdigit() and 1 <= int(threads) <= usable),
        f"{threads or usable} on {usable} usable {'core' if usable == 1 else 'cores'}",
        f"{threads} asked for on {usable} usable {'core' if usable == 1 else 'cores'}",
        f"set {' and '.join(machine.threads) or THREAD_VARIABLES[0]} to at most {usable}",
    )
    yield _check(
        "cache",
        cache.writable,
        f"{cache.directory}",
        f"{cache.fault}: every run compiles its kernels anew",
        "set NUMBA_CACHE_DIR to a directory of yours",
    )
    taken = machine.warm_up_seconds
    if taken is None:
        yield Check("warm-up", "error", warm_up_error, "reinstall rnnfast")
        return
    yield _check(
        "warm-up",
        taken <= SLOW_WARM_UP,
        f"a kernel was ready after {taken:.2f} s",
        f"a kernel was ready after {taken:.0f} s, which is slow",
        "run it again: kernels are compiled by a first run and loaded by later ones",
    )


def _check(name: str, passed: bool, message: str, warning: str, fix: str) -> Check:
    return Check(name, "ok", message) if passed else Check(name, "warning", warning, fix)
