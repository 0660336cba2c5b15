"""rnnfast beside PyTorch and JAX: `python bench/run.py [-o results.json] [--workload NAME ...] [--rounds N]`.

Every workload is measured on one core and, where there are two, on two.

Every workload starts one process per system, all warmed up; then they take turns, one at a time on the same core, so
that a machine whose speed drifts slows all of them alike. Medians are compared. Peers that are not installed are left
out, and named. `--before FOLDER` compares with another checkout of rnnfast instead, by the fastest turns, and with the
seconds that both take to compile.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

SYSTEMS = ("rnnfast", "torch", "jax")
PAUSE = 0.2  # s before each turn, for the threads of the turn before to come to rest


def installed(system):
    """Version of a system, or None."""
    try:
        return version(system)
    except PackageNotFoundError:
        return None


class Worker:
    """A process that times epochs of one system on request."""

    def __init__(self, system, workload, threads, checkout=None):
        checkout = checkout or Path(__file__).parents[1]
        command = [sys.executable, str(checkout / "bench" / "worker.py"), system, workload, str(threads)]
        # Idle threads of a peer must not spin on the core while another system has its turn.
        idle = {"OMP_WAIT_POLICY": "PASSIVE", "KMP_BLOCKTIME": "0"}
        environment = os.environ | {"OMP_NUM_THREADS": str(threads), "NUMBA_NUM_THREADS": str(threads)} | idle
        environment["PYTHONPATH"] = str(checkout)
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        if self.process.stdout.readline().strip() != "ready":
            raise RuntimeError(f"{system} failed on {workload}; see its message above")

    def milliseconds(self):
        """Time one turn."""
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())

    def close(self):
        """End the process."""
        self.process.stdin.close()
        self.process.wait()


def measure(name, systems, rounds, threads):
    """Medians in ms per epoch of each system, taking turns, with the peak of the core in the same rounds."""
    from rnnfast.diagnose.benchmark import JOBS
    from rnnfast.kernels.run.peak import gigaflops

    job = JOBS[name]
    workers = {system: Worker(system, name, threads) for system in systems}
    times = {system: [] for system in systems}
    peaks = []
    for _ in range(rounds):
        for system, worker in workers.items():
            time.sleep(PAUSE)
            times[system].append(worker.milliseconds())
        peaks.append(gigaflops(job.dtype, 0.02))
    for worker in workers.values():
        worker.close()
    medians = {system: statistics.median(found) for system, found in times.items()}
    peak = statistics.median(peaks) * threads
    return {
        "workload": name,
        "description": job.description,
        "dtype": job.dtype,
        "threads": threads,
        "ms_per_epoch": medians,
        "min_ms_per_epoch": {system: min(found) for system, found in times.items()},
        "ratio_to_rnnfast": {s: medians[s] / medians["rnnfast"] for s in systems if s != "rnnfast"},
        "peak_gflops": peak,
        "share_of_peak": job.flops / medians["rnnfast"] / 1e6 / peak,
    }


def compare(name, before, rounds, threads):
    """Print the fastest ms per epoch of this checkout and another one, and on one core the CPU seconds of compiling."""
    here, times = Path(__file__).parents[1], {"now": [], "before": []}
    trees = {"now": here, "before": before}
    seconds = {tree: compile_seconds(name, path) for tree, path in trees.items()} if threads == 1 else {}
    workers = {tree: Worker("rnnfast", name, threads, path) for tree, path in trees.items()}
    for turn in range(rounds):
        for tree in sorted(workers, reverse=turn % 2 == 0):
            time.sleep(PAUSE)
            times[tree].append(workers[tree].milliseconds())
    for worker in workers.values():
        worker.close()
    now, then = min(times["now"]), min(times["before"])
    medians = statistics.median(times["now"]) / statistics.median(times["before"])
    compiling = "  ".join(f"compile {tree} {used:.1f} s" for tree, used in seconds.items())
    print(
        f"{name:20} {threads}  now {now:,.3g}  before {then:,.3g}  {now / then:.3f} of it (medians {medians:.3f})  "
        f"{compiling}",
        flush=True,
    )


def compile_seconds(name, checkout):
    """CPU seconds of a process that prepares a workload with an empty cache, less those with a full one."""
    import resource  # of Unix alone

    command = [sys.executable, str(checkout / "bench" / "worker.py"), "rnnfast", name, "1"]
    with tempfile.TemporaryDirectory() as cache:
        environment = os.environ | {"PYTHONPATH": str(checkout), "NUMBA_CACHE_DIR": cache}
        used = []
        for _ in range(2):
            start = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)
            end = resource.getrusage(resource.RUSAGE_CHILDREN)
            used.append(end.ru_utime + end.ru_stime - start.ru_utime - start.ru_stime)
    return used[0] - used[1]


def main():
    """Measure, print a table, write JSON."""
    from rnnfast.diagnose.benchmark import JOBS
    from rnnfast.diagnose.machine import processor_name

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, default=Path(__file__).parent / "results" / "results.json")
    parser.add_argument("--workload", action="append", choices=list(JOBS), help="default: all")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument(
        "--threads",
        type=int,
        nargs="+",
        help="threads of every system, each on a core; default: 1, and 2 where possible",
    )
    parser.add_argument("--before", type=Path, metavar="FOLDER", help="compare with another checkout of rnnfast")
    options = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    counts = options.threads or [1, 2][: max(1, len(cores))]
    if options.before:
        for name in options.workload or JOBS:
            for threads in counts if JOBS[name].batch > 1 else counts[:1]:
                if cores:
                    os.sched_setaffinity(0, set(cores[-threads:]))
                compare(name, options.before.resolve(), options.rounds, threads)
        return
    versions = {system: installed(system) for system in SYSTEMS}
    systems = [system for system in SYSTEMS if versions[system]]
    for system in SYSTEMS:
        if not versions[system]:
            print(f"{system} is not installed: left out", file=sys.stderr)
    results = []
    print(f"{processor_name()}, ms per epoch (median of {options.rounds}), in brackets times rnnfast")
    for name in options.workload or JOBS:
        alone = None
        # One update per sequence leaves nothing to share.
        for threads in counts if JOBS[name].batch > 1 else counts[:1]:
            if cores:
                os.sched_setaffinity(0, set(cores[-threads:]))
            results.append(result := measure(name, systems, options.rounds, threads))
            mine = result["ms_per_epoch"]["rnnfast"]
            alone = alone or mine
            result["speedup"] = alone / mine
            peers = "  ".join(
                f"{s} {result['ms_per_epoch'][s]:,.4g} ({result['ratio_to_rnnfast'][s]:,.1f}x)" for s in systems[1:]
            )
            more = f", {alone / mine:.2f} times {counts[0]}" if threads != counts[0] else ""
            print(
                f"{name:20} {threads}  rnnfast {mine:,.3g} ({result['share_of_peak']:.0%} of peak{more})  {peers}",
                flush=True,
            )
    options.output.parent.mkdir(parents=True, exist_ok=True)
    machine = {"processor": processor_name(), "system": platform.platform(), "python": platform.python_version()}
    report = {"machine": machine, "versions": versions | {"numba": installed("numba")}, "results": results}
    options.output.write_text(json.dumps(report, indent=2) + "\n")
    print(f"written: {options.output}", file=sys.stderr)


if __name__ == "__main__":
    main()
