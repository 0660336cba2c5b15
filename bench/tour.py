"""What a first hour waits for compilers: `python bench/tour.py [--data FILE] [--wait SECONDS]`.

Runs 34 trainings of one epoch one after the other, as someone tries options, with a cache of kernels that is empty at
first. Prints for each the seconds of compiling (of the command's own JSON) and the processor seconds of the whole
command, children included: on a busy machine these are what to compare. A wait is a command that compiles for a second
or more.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parents[1]
COMMANDS = (
    "", "", "--hidden 12", "--hidden 16", "--hidden 17", "--hidden 33", "--hidden 64", "--features V1,V2,V3",
    "--features V1,V2,V3,V4,V5,V6,V7,V8,V9,V10,V11,V12,V13,V14,V15,V16,V17", "--activation relu", "--optimizer adam",
    "--batch-size 32", "--dtype float64", "--class-weight balanced", "--threads 1", "--window 20", "--horizon 1",
    "--tbptt 5", "--hidden 10,10", "--bidirectional", "--cell gru", "--cell gru --hidden 12", "--cell gru --hidden 64",
    "--cell gru --hidden 100", "--cell gru --hidden 128", "--cell gru --optimizer sgd",
    "--cell gru --hidden 10,10 --dropout 0.2", "--cell gru --bidirectional", "--cell gru --class-weight balanced",
    "--cell lstm", "--cell lstm --hidden 64", "--cell lstm --hidden 10,10", "--cell mlp", "--cell gru",
)  # fmt: skip


def seconds(options, data, cache):
    """Seconds of compiling and processor seconds of one training."""
    start = resource.getrusage(resource.RUSAGE_CHILDREN)
    with tempfile.TemporaryDirectory() as folder:
        command = [
            sys.executable,
            "-m",
            "rnnfast",
            "train",
            "--data",
            data,
            "--epochs",
            "1",
            "--json",
            *options.split(),
        ]
        environment = os.environ | {"NUMBA_CACHE_DIR": cache, "PYTHONPATH": str(HERE)}
        done = subprocess.run(
            [*command, "-o", f"{folder}/run"], env=environment, capture_output=True, text=True, check=False
        )
    if done.returncode:
        sys.exit(f"{options}: {done.stderr}")
    end = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = end.ru_utime + end.ru_stime - start.ru_utime - start.ru_stime
    return json.loads(done.stdout)["seconds"]["compile"], used


def main():
    """Run the tour and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=str(HERE / "data" / "creditcard_sample.csv"))
    parser.add_argument("--wait", type=float, default=1.0, help="seconds of compiling that count as a wait")
    options = parser.parse_args()
    waits = []
    with tempfile.TemporaryDirectory() as cache:
        for number, command in enumerate(COMMANDS, 1):
            compiling, used = seconds(command, options.data, cache)
            waited = compiling >= options.wait
            waits += [compiling] if waited else []
            print(f"{number:2}  {compiling:6.2f} s  {used:6.2f} CPU s  {'wait' if waited else '    '}  {command[:60]}")
            sys.stdout.flush()
    print(f"{len(waits)} of {len(COMMANDS)} waited, the longest {max(waits, default=0):.1f} s")


if __name__ == "__main__":
    main()
