"""Folds of `cv` and trials of `tune` on one worker and on two: `python bench/cluster.py [--turns 3] [--epochs 400]`.

Whole commands take turns: without workers, with those of `--workers`, whose start counts, and on schedulers whose
workers wait since before (`running`), and have computed once. `ratio` is the time of two workers by that of one, of the
fastest turns; processor seconds of the command and of what it starts stand beside them. It needs two idle cores: of
busy ones it says nothing. `--before FOLDER` measures another checkout of rnnfast in the same turns.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path

HERE = Path(__file__).parents[1]
NETWORK = ["--cell", "gru", "--hidden", "8", "--preset", "fast", "--patience", "0", "--threads", "1", "-q"]
JOBS = {
    "cv, 8 folds": ["cv", "--folds", "8", *NETWORK],
    "tune, 16 trials": ["tune", "--trials", "16", "--cell", "gru", "--threads", "1", "--force", "-q"],
}
RATIOS = [("1 worker", "2 workers"), ("1 running", "2 running")]


@contextmanager
def running(checkout, workers):
    """Yield the options for a scheduler with so many workers, which end with the block."""
    with tempfile.TemporaryDirectory() as directory, ExitStack() as processes:
        address = ["--scheduler-file", str(Path(directory) / "scheduler.json")]
        programs = {
            "scheduler": ["--port", "0", "--dashboard-address", "127.0.0.1:0"],
            "worker": ["--nworkers", str(workers), "--nthreads", "1", "--local-directory", directory],
        }
        for program, options in programs.items():
            command = [sys.executable, "-m", f"distributed.cli.dask_{program}", *address, *options]
            environment = os.environ | {"PYTHONPATH": str(checkout)}
            process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
            processes.callback(process.wait)
            processes.callback(process.terminate)
            while not Path(address[1]).exists():
                if process.poll() is not None:
                    sys.exit(f"the {program} ended before it said where it listens")
                time.sleep(0.1)
        yield address


def seconds(checkout, table, job, place, epochs):
    """Wall and processor seconds of a command; place: its options for a cluster."""
    command = [sys.executable, "-m", "rnnfast", *JOBS[job], "--data", table, "--epochs", str(epochs), *place]
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    with tempfile.TemporaryDirectory() as directory:
        environment = os.environ | {"PYTHONPATH": str(checkout)}
        subprocess.run(command, check=True, cwd=directory, env=environment, stdout=subprocess.DEVNULL)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measure(checkouts, table, turns, epochs):
    """Measure all jobs at all places, and print."""
    with ExitStack() as clusters:
        places = {}
        for checkout in checkouts:
            places[checkout, "no workers"] = []
            for workers, name in ((1, "1 worker"), (2, "2 workers")):
                places[checkout, name] = ["--workers", str(workers)]
                places[checkout, f"{workers} running"] = clusters.enter_context(running(checkout, workers))
        for job in JOBS:
            for (checkout, _), place in places.items():  # kernels are compiled, and files in the memory of the system
                seconds(checkout, table, job, place, 2)
            times = {place: [] for place in places}
            for _ in range(turns):
                for (checkout, name), place in places.items():
                    times[checkout, name].append(seconds(checkout, table, job, place, epochs))
            for checkout in checkouts:
                best = {name: min(times[checkout, name]) for own, name in places if own == checkout}
                shown = [f"{name} {wall:.1f} s ({processor:.1f})" for name, (wall, processor) in best.items()]
                ratios = [f"{best[two][0] / best[one][0]:.2f} of {two} by {one}" for one, two in RATIOS]
                print(f"{job}, {checkout.name}: {', '.join(shown)}; ratio {', '.join(ratios)}", flush=True)


def main():
    """Read the options, and measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=400, help="of a network: with fewer the start of workers counts")
    parser.add_argument("--before", type=Path, help="another checkout")
    options = parser.parse_args()
    checkouts = [HERE, *([options.before.absolute()] if options.before else [])]
    with tempfile.TemporaryDirectory() as directory:
        table = str(Path(directory) / "sensors.csv")
        synth = [sys.executable, "-m", "rnnfast", "synth", "sensors", "--sequences", "300", "-q", "-o", table]
        subprocess.run(synth, check=True, env=os.environ | {"PYTHONPATH": str(HERE)})
        measure(checkouts, table, options.turns, options.epochs)


if __name__ == "__main__":
    main()
