"""When this process began."""

from __future__ import annotations

import os
import time
from pathlib import Path

# A start of Python takes at most this much longer than its work, s. What is older was another program before, such as
# a shell that became this command, whose age does not count.
LONGEST_WAIT = 10.0


def process_start() -> float:
    """Return the moment at which this process was started, on the clock of time.perf_counter.

    Linux tells its age to 10 ms. Elsewhere it is at least the processor's time that was spent on it.
    """
    spent = time.process_time()
    try:
        after_name = Path("/proc/self/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2]
        start = int(after_name.split()[19]) / os.sysconf("SC_CLK_TCK")  # starttime, field 22 of proc(5)
        age = time.clock_gettime(time.CLOCK_BOOTTIME) - start
    except (OSError, AttributeError, ValueError, IndexError):
        age = spent
    return time.perf_counter() - (age if spent - 0.1 <= age <= spent + LONGEST_WAIT else spent)
