"""What the workers of a cluster are, and whether anything stands in the way of a run: `doctor --scheduler`."""

from __future__ import annotations

import os
import shutil
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from rnnfast.cluster.versions import DECISIVE
from rnnfast.diagnose.machine import Check, examine, simd_bits
from rnnfast.diagnose.versions import versions
from rnnfast.diagnose.width import narrow
from rnnfast.display import counted
from rnnfast.records import Record, replace

if TYPE_CHECKING:
    from rnnfast.cluster.remote import DaskCluster

ROUNDS = 5  # of empty tasks, one for each worker, whose median is the latency
SLOW_ROUND = 0.1  # s; some milliseconds are usual on one machine or in one room
COMPILING = 120.0  # seconds that a worker may take for its answer: it may compile a kernel


class WorkerReport(Record, frozen=True, kw_only=True):
    """One worker. threads: tasks that it runs at a time; memory: its limit, in bytes, 0 for none.

    scratch: its directory for files; scratch_free: bytes left there. unreadable: tables that cannot be read there, with
    the reason. warm_up_seconds: until a kernel was ready, None where there is none.
    """

    address: str
    host: str
    versions: dict[str, str]
    cpu: str
    simd_bits: int | None
    threads: int
    memory: int
    scratch: str
    scratch_free: int
    unreadable: dict[str, str]
    warm_up_seconds: float | None


class ClusterReport(Record, frozen=True, kw_only=True):
    """What `doctor` shows of a cluster.

    versions: those of the client; round_seconds: a round of empty tasks, one for each worker. silent: workers that gave
    no answer, with the reason.
    """

    scheduler: str
    versions: dict[str, str]
    workers: tuple[WorkerReport, ...]
    silent: dict[str, str]
    round_seconds: float | None
    checks: tuple[Check, ...] = ()

    @property
    def same_versions(self) -> bool:
        """Whether all workers have the versions of the client."""
        mine = [self.versions[name] for name in DECISIVE]
        return all([one.versions.get(name) for name in DECISIVE] == mine for one in self.workers)

    @property
    def works(self) -> bool:
        """Whether runs can work there."""
        return all(check.status != "error" for check in self.checks)


def examine_cluster(cluster: DaskCluster, tables: Sequence[str]) -> ClusterReport:
    """Ask each worker what it is; tables: paths that it should be able to read. Measures rounds of empty tasks."""
    cluster.workers.complete()
    paths = tuple(str(Path(table).absolute()) for table in tables)
    described = cluster.workers.alive
    answers, silent = cluster.each(worker_report, paths, cluster.caller.simd_bits, among=described, timeout=COMPILING)
    workers = tuple(
        WorkerReport(
            address=address,
            threads=described[address]["nthreads"],
            memory=described[address]["memory_limit"],
            host=described[address]["host"],
            **answer,
        )
        for address, answer in sorted(answers.items())
        if address in described
    )
    rounds = []
    for _ in range(ROUNDS if workers and not silent else 0):
        start = time.perf_counter()
        cluster.each(os.getpid, among=answers, timeout=COMPILING)
        rounds.append(time.perf_counter() - start)
    report = ClusterReport(
        scheduler=cluster.workers.address,
        versions=versions(),
        workers=workers,
        silent=silent,
        round_seconds=median(rounds) if rounds else None,
    )
    return replace(report, checks=tuple(_checks(report, bool(tables))))


def worker_report(paths: Sequence[str], bits: int) -> dict[str, object]:
    """Return, on a worker, the fields of its report that the scheduler does not know; bits: of vectors in runs."""
    from distributed import get_worker

    own_bits = simd_bits()
    narrow(bits)  # before a kernel is compiled
    machine, scratch = examine(), get_worker().local_directory
    return {
        "versions": machine.versions,
        "cpu": machine.cpu.name,
        "simd_bits": own_bits,
        "scratch": scratch,
        "scratch_free": shutil.disk_usage(scratch).free,
        "unreadable": {path: reason for path in paths if (reason := _unreadable(path))},
        "warm_up_seconds": machine.warm_up_seconds,
    }


def _unreadable(path: str) -> str:
    """Return why a file cannot be read, "" where it can."""
    try:
        with Path(path).open("rb") as file:
            file.read(1)
    except OSError as error:
        return error.strerror or str(error)
    return ""


def _checks(report: ClusterReport, tables: bool) -> Iterator[Check]:
    """Yield what is well and what is not."""
    workers = report.workers
    silent = "; ".join(f"{address}: {reason}" for address, reason in sorted(report.silent.items()))
    sizes = counted(len(workers), "worker"), counted(sum(one.threads for one in workers), "thread")
    absent = silent or ("" if workers else "none")
    yield _check("workers", "error", ", ".join(sizes), absent, "start workers: dask worker ADDRESS")
    others = [
        f"{one.address} has " + ", ".join(f"{name} {one.versions.get(name)}" for name in different)
        for one in workers
        if (different := [name for name in DECISIVE if one.versions.get(name) != report.versions[name]])
    ]
    here = ", ".join(f"{name} {report.versions[name]}" for name in DECISIVE)
    yield _check("versions", "error", here, "; ".join(others), f"install what is here: {here}")
    widths = Counter(one.simd_bits for one in workers)
    mixed = ", ".join(f"{count} with {bits}-bit vectors" for bits, count in sorted(widths.items(), key=str))
    yield _check("vectors", "warning", mixed, mixed if len(widths) > 1 else "",
                 "runs compute with the narrowest, which others could exceed")  # fmt: skip
    if tables:
        unreadable = [f"{one.address}: {path}: {why}" for one in workers for path, why in one.unreadable.items()]
        yield _check("tables", "error", "each worker can read them", "; ".join(unreadable),
                     "put them where each worker finds them by the same path")  # fmt: skip
    if report.round_seconds is not None:
        text = f"{1000 * report.round_seconds:.1f} ms for a task on each worker and its answer"
        slow = text if report.round_seconds > SLOW_ROUND else ""
        yield _check("latency", "warning", text, slow, "give tasks that last a second at least")


def _check(name: str, status: str, well: str, fault: str, fix: str) -> Check:
    """Return a check that has this status where there is a fault."""
    return Check(name, status, fault, fix) if fault else Check(name, "ok", well)
