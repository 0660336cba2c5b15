"""What a person sees of a cluster."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from rich.text import Text

from rnnfast.console.screen import Screen, fields, table
from rnnfast.console.text import duration, scaled
from rnnfast.console.views import show_checks

if TYPE_CHECKING:
    from rnnfast.cluster.examination import ClusterReport


def show_cluster(screen: Screen, report: ClusterReport) -> None:
    """Print the workers of a cluster, and the checks with their fixes."""
    screen.result(fields([("Scheduler", report.scheduler)]), Text())
    rows = []
    for one in report.workers:
        warm_up = "none" if one.warm_up_seconds is None else duration(one.warm_up_seconds)
        memory, free = scaled(one.memory, "B") if one.memory else "no limit", scaled(one.scratch_free, "B")
        rows.append([one.address, str(one.threads), memory, free, f"{one.simd_bits or 'unknown'} bit", warm_up])
    screen.result(table(["worker", "threads", "memory", "scratch", "vectors", "warm-up"], rows), Text())
    names = Counter(one.cpu for one in report.workers)
    screen.result(fields([("CPU", "; ".join(f"{count} x {name}" for name, count in names.items()))]), Text())
    show_checks(screen, report.checks)
