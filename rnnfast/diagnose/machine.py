"""What this machine offers to rnnfast, and whether anything stands in its way: the `doctor` command."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rnnfast.errors import RnnfastError
from rnnfast.metrics.evaluation import SCHEMA_VERSION
from rnnfast.versions import MISSING, versions

GOOD_SIMD_BITS = 256  # AVX2; narrower registers (SSE2, NEON) take two to four times as many instructions
WIDE = 1 << 10  # units that every tile divides
SLOW_WARM_UP = 20.0  # s; a few seconds is usual for a first run, tens of milliseconds for later ones

THREAD_VARIABLES = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS")


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


def tiles() -> dict[str, list[int]]:
    """Return rows and lanes of the widest register tile of the kernels, by precision."""
    from rnnfast.kernels.lanes.processor import tile

    return {dtype: list(reversed(tile(WIDE, dtype))) for dtype in ("float32", "float64")}


def cores() -> int:
    """Return the number of cores that this process may use."""
    allowed = getattr(os, "sched_getaffinity", None)  # Linux alone knows
    return len(allowed(0)) if allowed else os.cpu_count() or 1


def examine() -> dict[str, Any]:
    """Examine versions, processor, threads and cache, warm the kernels up, and list what is well and what is not.

    What cannot be found out is None: an installation that does not work is what this is for.
    """
    warm_up, warm_up_error = _warm_up()
    report: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "versions": versions(),
        "system": platform.platform(),
        "cpu": {
            "name": processor_name(),
            "architecture": platform.machine(),
            "simd_bits": _try(simd_bits),
            "tiles": _try(tiles),
        },
        "cores": {"usable": cores(), "all": os.cpu_count() or 1},
        "threads": {name: os.environ[name] for name in THREAD_VARIABLES if os.environ.get(name)},
        "cache": _cache(),
        "table_cache": _table_cache(),
        "warm_up_seconds": warm_up,
    }
    report["checks"] = _checks(report, warm_up_error)
    return report


def _try(function: Callable[[], Any]) -> Any:
    """Return what a function of the kernels returns, or None where they cannot be imported or do not know the host."""
    try:
        return function()
    except (ImportError, OSError, RuntimeError, ValueError):
        return None


def _cache() -> dict[str, Any]:
    """Return where compiled kernels are kept, who chose it, and whether they can be written there."""

    def directories() -> tuple[str, str]:
        from rnnfast.kernels.lanes.cache import directory, wanted

        return str(wanted()), str(directory())

    wanted, used = _try(directories) or (None, None)
    return {
        "directory": wanted,
        "chosen_by": "NUMBA_CACHE_DIR" if os.environ.get("NUMBA_CACHE_DIR") else "rnnfast",
        "writable": used is not None and used == wanted,
    }


def _table_cache() -> dict[str, Any]:
    """Return where parsed tables are kept, how many, and their size in bytes."""

    def kept() -> tuple[str, int, int]:
        from rnnfast.data.sequences.cache import directory, usage

        return str(directory()), *usage()

    path, tables, size = _try(kept) or (None, None, None)
    return {"directory": path, "tables": tables, "bytes": size}


def _warm_up() -> tuple[float | None, str]:
    """Compile or load a kernel and run it; return the seconds, or None and the reason."""
    try:
        from rnnfast.kernels import warm_up

        return float(warm_up()), ""
    except (RnnfastError, ImportError, OSError, RuntimeError, ValueError) as error:
        return None, f"{type(error).__name__}: {error}"


def _checks(report: dict[str, Any], warm_up_error: str) -> list[dict[str, str]]:
    """Return name, status (ok, warning or error), message and fix of each check."""
    missing = [name for name, version in report["versions"].items() if version == MISSING]
    threads = next(iter(report["threads"].values()), None)
    bits, cache, usable = report["cpu"]["simd_bits"], report["cache"], report["cores"]["usable"]
    sizes = [f"{rows} x {lanes} {dtype}" for dtype, (rows, lanes) in (report["cpu"]["tiles"] or {}).items()]
    shown = f", tiles up to {' or '.join(sizes)}" if sizes else ""
    checks = [
        _check("libraries", not missing, "all installed", f"{', '.join(missing)} {MISSING}", "reinstall rnnfast"),
        _check(
            "vectors",
            bits is not None and bits >= GOOD_SIMD_BITS,
            f"{bits}-bit registers{shown}",
            f"{bits or 'unknown'}-bit registers: kernels run at a fraction of the speed of AVX2 or AVX-512",
            "on a virtual machine, let it pass the features of the host's processor through",
        ),
        _check(
            "threads",
            threads is None or (threads.isdigit() and 1 <= int(threads) <= usable),
            f"{threads or usable} on {usable} usable {'core' if usable == 1 else 'cores'}",
            f"{threads} asked for on {usable} usable {'core' if usable == 1 else 'cores'}",
            f"set {' and '.join(report['threads']) or THREAD_VARIABLES[0]} to at most {usable}",
        ),
        _check(
            "cache",
            bool(cache["writable"]),
            f"{cache['directory']}",
            f"{cache['directory'] or 'its directory'} cannot be written to: every run compiles its kernels anew",
            "set NUMBA_CACHE_DIR to a directory of yours",
        ),
    ]
    if warm_up_error:
        checks.append({"name": "warm-up", "status": "error", "message": warm_up_error, "fix": "reinstall rnnfast"})
    else:
        taken = report["warm_up_seconds"]
        checks.append(
            _check(
                "warm-up",
                taken <= SLOW_WARM_UP,
                f"{taken:.2f} s",
                f"{taken:.0f} s is slow",
                "run it again: kernels are compiled by a first run and loaded by later ones",
            )
        )
    return checks


def _check(name: str, passed: bool, message: str, warning: str, fix: str) -> dict[str, str]:
    if passed:
        return {"name": name, "status": "ok", "message": message, "fix": ""}
    return {"name": name, "status": "warning", "message": warning, "fix": fix}
