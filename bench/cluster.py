"""Folds of `cv` and trials of `tune` on one worker and on two: `python bench/cluster.py [--turns 3] [--epochs 400]`.

Whole commands, with the start of their workers, take turns. `ratio` is the time of two workers by that of one, of the
fastest turns; processor seconds of all processes stand beside them. It needs two idle cores: of busy ones it says
nothing. `--before FOLDER` measures another checkout of rnnfast in the same turns.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parents[1]
NETWORK = ["--cell", "gru", "--hidden", "8", "--preset", "fast", "--patience", "0", "--threads", "1", "-q"]
JOBS = {
    "cv, 8 folds": ["cv", "--folds", "8", *NETWORK],
    "tune, 16 trials": ["tune", "--trials", "16", "--cell", "gru", "--threads", "1", "--force", "-q"],
}


def seconds(checkout, table, job, workers, epochs):
    """Wall and processor seconds of a command."""
    command = [sys.executable, "-m", "rnnfast", *JOBS[job], "--data", table, "--epochs", str(epochs)]
    command += ["--workers", str(workers)] if workers else []
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    with tempfile.TemporaryDirectory() as directory:
        environment = os.environ | {"PYTHONPATH": str(checkout)}
        subprocess.run(command, check=True, cwd=directory, env=environment, stdout=subprocess.DEVNULL)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main():
    """Measure and print."""
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
        for job in JOBS:
            places = [(checkout, workers) for checkout in checkouts for workers in (0, 1, 2)]
            for place in places[::3]:  # kernels are compiled, and files in the memory of the system
                seconds(place[0], table, job, 0, 2)
            times = {place: [] for place in places}
            for _ in range(options.turns):
                for place in places:
                    times[place].append(seconds(*place[:1], table, job, place[1], options.epochs))
            for checkout in checkouts:
                best = {workers: min(times[checkout, workers]) for workers in (0, 1, 2)}
                shown = ", ".join(
                    f"{workers or 'no'} workers {wall:.1f} s ({processor:.1f} s of processors)"
                    for workers, (wall, processor) in best.items()
                )
                print(f"{job}, {checkout.name}: {shown}; ratio {best[2][0] / best[1][0]:.2f}", flush=True)


if __name__ == "__main__":
    main()
