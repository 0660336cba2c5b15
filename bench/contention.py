"""Training with one and with two threads on a machine that is busy with something else.

    python bench/contention.py                        idle and beside 1, 2, 3 busy processes
    python bench/contention.py --loads 0 2 --rounds 15

The same trainings run with one thread and with several by turns; times are those of the training alone, without
reading and compiling. Busy processes only count; this program starts them, and they end with it, or by themselves
after LIFE seconds. Weights must be the same bits throughout: the program fails where they are not.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd

FEATURES = 20
LIFE = 1200  # seconds
SETTLE = 0.3  # seconds until the scheduler has spread the busy processes over the cores
COUNT = f"import time\nend = time.monotonic() + {LIFE}\nwhile time.monotonic() < end:\n    sum(range(100_000))"

# name: (sequences, steps, options of rnnfast.train), each about 0.3 s on one idle core
JOBS: dict[str, tuple[int, int, dict[str, Any]]] = {
    "rnn 10, batch 1024": (8192, 10, {"cell": "rnn", "hidden": 10, "batch_size": 1024, "epochs": 60}),
    "gru 16, batch 64": (2048, 10, {"cell": "gru", "hidden": 16, "batch_size": 64, "epochs": 50}),
    "gru 64, batch 256": (1024, 40, {"cell": "gru", "hidden": 64, "batch_size": 256, "epochs": 5}),
    "lstm 32,32, batch 256, clipped": (
        1024, 20, {"cell": "lstm", "hidden": (32, 32), "batch_size": 256, "epochs": 10, "clip_norm": 1.0},
    ),
}  # fmt: skip


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--loads", type=int, nargs="+", default=(0, 1, 2, 3), help="busy processes")
    parser.add_argument("--threads", type=int, default=2, help="beside the runs with one thread")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--jobs", nargs="+", choices=JOBS, default=list(JOBS), metavar="JOB", help=", ".join(JOBS))
    parser.add_argument("--json", action="store_true", help="all times on stdout, as one JSON object")
    return parser.parse_args()


def table(sequences: int, steps: int) -> pd.DataFrame:
    """Random sequences of equal length."""
    generator = np.random.default_rng(0)
    rows = sequences * steps
    columns = {"id": np.repeat(np.arange(sequences), steps)}
    columns |= {f"x{n}": generator.random(rows) for n in range(FEATURES)}
    return pd.DataFrame(columns | {"y": generator.random(rows)})


@contextmanager
def busy(processes: int) -> Iterator[None]:
    """Have so many processes count meanwhile."""
    running = [subprocess.Popen([sys.executable, "-c", COUNT]) for _ in range(processes)]
    try:
        time.sleep(SETTLE if processes else 0)
        yield
    finally:
        for process in running:
            process.kill()
            process.wait()


def seconds_and_bits(job: str, data: Any, threads: int) -> tuple[float, bytes]:
    """Train; the seconds of training and the weights."""
    import rnnfast

    result = rnnfast.train(data, threads=threads, patience=0, **JOBS[job][2])
    return result.seconds["train"], b"".join(np.asarray(w).tobytes() for w in result.model.parameters.values())


def measure(job: str, loads: tuple[int, ...], rounds: int, threads: int) -> Iterator[dict[str, Any]]:
    """The times of one job under each load. Yields: a row of the table."""
    import rnnfast

    sequences, steps, _ = JOBS[job]
    data = rnnfast.read_table(table(sequences, steps), id="id", target="y")
    expected = seconds_and_bits(job, data, 1)[1]
    for load in loads:
        times: dict[int, list[float]] = {1: [], threads: []}
        with busy(load):
            for _ in range(rounds):
                for count, course in times.items():
                    seconds, bits = seconds_and_bits(job, data, count)
                    if bits != expected:
                        raise SystemExit(f"{job}: other weights with {count} threads beside {load} busy processes")
                    course.append(seconds)
        yield {"job": job, "busy": load, "threads": threads, "one": times[1], "several": times[threads]}


def line(row: dict[str, Any]) -> str:
    """Medians and worst in seconds, and the ratio of the medians."""
    one, several = (statistics.median(row[which]) for which in ("one", "several"))
    return (
        f"| {row['job']} | {row['busy']} | {one:.2f} | {max(row['one']):.2f} | {several:.2f} | "
        f"{max(row['several']):.2f} | {several / one:.2f} |"
    )


def main() -> None:
    """Measure and print a table."""
    options = arguments()
    rows = []
    if not options.json:
        print(f"{os.cpu_count()} cores; seconds of {options.rounds} trainings each, 1 and {options.threads} threads\n")
        print(
            "| training | busy | 1: median | worst | several: median | worst | ratio |\n|---|---|---|---|---|---|---|"
        )
    for job in options.jobs:
        for row in measure(job, options.loads, options.rounds, options.threads):
            rows.append(row)
            if not options.json:
                print(line(row), flush=True)
    if options.json:
        print(json.dumps(rows, indent=2))


if __name__ == "__main__":
    main()
