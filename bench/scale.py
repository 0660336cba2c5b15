"""Training on a table from disk, in blocks, beside the same table in memory: time per step and peak memory.

    python bench/scale.py                                  a million steps, seconds
    python bench/scale.py --steps 100_000_000 --memory 2G  the size that it is for

Each way runs in a process of its own, on a table that `rnnfast synth sensors` writes: eight features in float32.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

LENGTH = 100  # steps of a sequence
WAYS = ("store", "memory")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=lambda text: int(text.replace("_", "")), default=1_000_000)
    parser.add_argument("--memory", default="600M", help="of the way from disk; the other one takes what it needs")
    parser.add_argument("--table", type=Path, help="a Parquet file to use, or to make where it does not exist")
    parser.add_argument("--cell", default="rnn")
    parser.add_argument("--hidden", type=int, default=10)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1, help="that train; reading from disk has one of its own")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS)
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.add_argument("--child", choices=WAYS, help=argparse.SUPPRESS)
    return parser.parse_args()


def child(options: argparse.Namespace) -> dict[str, Any]:
    """Train one way in this process."""
    import rnnfast
    from rnnfast.data.reading import opening

    start = time.perf_counter()
    settings: dict[str, Any] = {
        "cell": options.cell, "hidden": options.hidden, "epochs": options.epochs, "threads": options.threads,
        "patience": 0, "cache": False,
    }  # fmt: skip
    if options.child == "store":
        opening.needs_store = lambda names, budget, options: True  # also where the table would fit
        result = rnnfast.train(str(options.table), memory=options.memory, **settings)
    else:
        import pandas as pd

        result = rnnfast.train(pd.read_parquet(options.table), **settings)
    return {
        "seconds": {"all": time.perf_counter() - start, **result.seconds},
        "ns_per_step": 1e9 / result.timesteps_per_second,
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "valid_loss": result.metrics["valid"]["loss"],
    }


def in_process(options: argparse.Namespace, way: str, table: Path) -> dict[str, Any]:
    words = [sys.executable, __file__, "--child", way, "--table", str(table), "--memory", options.memory]
    for name in ("cell", "hidden", "epochs", "threads"):
        words += [f"--{name}", str(getattr(options, name))]
    return dict(json.loads(subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout))


def main() -> None:
    options = arguments()
    if options.child:
        print(json.dumps(child(options)))
        return
    from rnnfast.data.synth.generate import synth

    with tempfile.TemporaryDirectory() as directory:
        table = options.table or Path(directory) / "sensors.parquet"
        start = time.perf_counter()
        if not table.exists():
            synth("sensors", table, max(options.steps // LENGTH, 2), LENGTH)
        report: dict[str, Any] = {"steps": options.steps, "memory": options.memory}
        report["table"] = {"seconds": time.perf_counter() - start, "bytes": table.stat().st_size}
        for way in options.ways:
            report[way] = in_process(options, way, table)
    if options.json:
        print(json.dumps(report))
        return
    print(f"{options.steps:,} steps, {report['table']['bytes'] / 1e6:,.0f} MB as Parquet")
    for way in options.ways:
        found = report[way]
        phases = ", ".join(f"{name} {seconds:.1f}" for name, seconds in found["seconds"].items())
        print(f"{way:7} {found['ns_per_step']:6.1f} ns/step, peak {found['peak_bytes'] / 1e6:,.0f} MB; s: {phases}")


if __name__ == "__main__":
    main()
