"""How fast tables are read: `python bench/data.py [--job NAME ...] [--rounds N] [--json]`.

The tables are made on the fly in a temporary directory, which holds the cache of parsed tables too. Reading takes turns
with a plain `pandas.read_csv` of the same file, so that a machine whose speed drifts slows both alike; medians count.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

CARD_ROWS = 284_807  # as in the table of card payments that this layout is known from
ID_ROWS, IDS = 500_000, 5_000
GROUP_ROWS, GROUP_IDS = 10_000_000, 100_000


def card_table(path):
    """Write a table Time,V1..V28,Amount,Class with the digits of measured values, about 150 MB."""
    random = np.random.default_rng(0)
    columns = {"Time": np.sort(random.integers(0, 172_792, CARD_ROWS))}
    columns |= {f"V{j}": random.normal(size=CARD_ROWS) for j in range(1, 29)}
    columns |= {"Amount": random.lognormal(3, 1.5, CARD_ROWS).round(2), "Class": random.random(CARD_ROWS) < 0.0017}
    frame = pd.DataFrame(columns).astype({"Class": int})
    frame.to_csv(path, index=False, float_format="%.15g")


def id_table(path, clock):
    """Write a table name,t,x1..x8,y1 of interleaved sequences.

    clock: "rows", where t is one clock for all of them; "steps", the step of each; "dates", one clock as text.
    """
    random = np.random.default_rng(0)
    ids = random.integers(0, IDS, ID_ROWS)
    frame = pd.DataFrame({"name": np.char.add("card-", ids.astype(str)), "t": np.arange(ID_ROWS)})
    if clock == "steps":
        frame["t"] = frame.groupby("name").cumcount()
    if clock == "dates":
        frame["t"] = pd.to_datetime(1_700_000_000 + 7 * frame["t"], unit="s").dt.strftime("%Y-%m-%d %H:%M:%S")
    for j in range(1, 9):
        frame[f"x{j}"] = random.normal(size=ID_ROWS).round(4)
    frame["y1"] = random.integers(0, 2, ID_ROWS)
    frame.to_csv(path, index=False)


def seconds(job):
    """Time one call."""
    start = time.perf_counter()
    job()
    return time.perf_counter() - start


def alternate(rounds, *jobs):
    """Median seconds of each job; they take turns, after one turn that does not count."""
    times = [[seconds(job) for job in jobs] for _ in range(rounds + 1)][1:]
    return [statistics.median(column) for column in zip(*times, strict=True)]


def reading(path, rounds):
    """Time reading a table beside pandas, and from the cache."""
    from rnnfast.data import read_table

    # The digest, computed beside the parser, is part of the work.
    plain, own = alternate(rounds, lambda: pd.read_csv(path), lambda: read_table(path, cache=False).digest)
    kept = seconds(lambda: read_table(path))
    assert read_table(path).from_cache
    (cached,) = alternate(rounds, lambda: read_table(path))
    return {
        "megabytes": path.stat().st_size / 1e6,
        "pandas_seconds": plain,
        "seconds": own,
        "ratio": own / plain,
        "first_seconds": kept,
        "cached_seconds": cached,
    }


def grouping(rounds):
    """Time grouping interleaved rows by ids as text, ordered by a time that is not the order of the rows."""
    from rnnfast.data.sequences.order import group

    random = np.random.default_rng(0)
    names = np.array([f"customer-{j}" for j in range(GROUP_IDS)], dtype=object)
    ids = names[random.integers(0, GROUP_IDS, GROUP_ROWS)]
    clock = np.arange(GROUP_ROWS) + 1_700_000_000
    (in_order,) = alternate(rounds, lambda: group(ids, clock, GROUP_ROWS))
    shuffled = random.permutation(clock)
    (mixed,) = alternate(rounds, lambda: group(ids, shuffled, GROUP_ROWS))
    return {"rows": GROUP_ROWS, "ids": GROUP_IDS, "seconds_in_order": in_order, "seconds_shuffled": mixed}


JOBS = {
    "card": ("card layout, 284,807 x 31", lambda path, rounds: (card_table(path), reading(path, rounds))[1]),
    "ids": ("interleaved ids, steps", lambda path, rounds: (id_table(path, "steps"), reading(path, rounds))[1]),
    "clock": ("interleaved ids, one clock", lambda path, rounds: (id_table(path, "rows"), reading(path, rounds))[1]),
    "dates": ("interleaved ids, dates", lambda path, rounds: (id_table(path, "dates"), reading(path, rounds))[1]),
    "group": ("grouping 10 million rows", lambda path, rounds: grouping(rounds)),
}


def shown(result):
    """One line of the table."""
    if "ratio" not in result:
        return f"in order of time {result['seconds_in_order']:.2f} s, shuffled {result['seconds_shuffled']:.2f} s"
    return (
        f"pandas {result['pandas_seconds']:.3f} s, rnnfast {result['seconds']:.3f} s ({result['ratio']:.2f}x), first "
        f"with cache {result['first_seconds']:.3f} s, from cache {result['cached_seconds']:.3f} s"
    )


def main():
    """Measure and print a table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--job", action="append", choices=list(JOBS), help="default: all")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead")
    options = parser.parse_args()
    results = {}
    with tempfile.TemporaryDirectory() as directory:
        os.environ["RNNFAST_CACHE_DIR"] = directory
        for name in options.job or JOBS:
            title, job = JOBS[name]
            print(f"{title} ...", file=sys.stderr, flush=True)
            results[name] = job(Path(directory) / f"{name}.csv", options.rounds)
            if not options.json:
                print(f"{title:28} {shown(results[name])}", flush=True)
    if options.json:
        print(
            json.dumps(
                {"pandas": pd.__version__, "numpy": np.__version__, "rounds": options.rounds, "results": results}
            )
        )


if __name__ == "__main__":
    main()
