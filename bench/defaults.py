"""Compare sets of options on training parts alone: `python bench/defaults.py DIRECTORY --candidates FILE.toml`.

FILE names each candidate with its options of rnnfast.train; `base` is a candidate it starts from, the tables `classes`
and `quantities` hold for one kind of target alone:

    [star]
    cell = "gru"
    hidden = 32
    classes.scale = "zscore"
    [star_50]
    base = "star"
    hidden = 50

Each is trained on inner splits of the training parts (inner.py), which it divides again for its own early stopping, and
judged by the error of the set's metric on the rest. Printed as Markdown: the mean error divided by that of the best
candidate of the row, the geometric mean over the sets, how often a candidate is within 2 % of the best, and seconds of
CPU. Test parts are never read. Results are kept in a JSON, so that a run is continued.
"""

import argparse
import json
import os
import statistics
import time
import tomllib
import warnings
from pathlib import Path

from inner import inner_split
from quality import answers_of, commit
from scoring import error, score
from sets import selection
from threadpoolctl import threadpool_limits

import rnnfast

FEW = 100  # sequences: sets with fewer get twice as many splits, as theirs judge few cases
TIE = 1.02  # a candidate with at most this ratio shares the first place


def candidates(path):
    """Name -> options, with `base` followed."""
    tables = tomllib.loads(path.read_text())

    def options_of(name):
        table = dict(tables[name])
        return (options_of(table.pop("base")) if "base" in table else {}) | table

    return {name: options_of(name) for name in tables}


def options_for(one, options):
    """Options of a candidate for one set."""
    own = options.get("classes" if one.classes else "quantities", {})
    return {name: value for name, value in options.items() if name not in ("classes", "quantities")} | own


def judge(one, frame, options, split):
    """Error and seconds of CPU of one training on an inner split; a run that diverges has the error infinity."""
    train, rest = inner_split(one, frame, split)
    start = time.process_time()
    try:
        result = rnnfast.train(train, seed=split, progress=False, threads=1, **one.train_options, **options)
    except rnnfast.DivergedError:
        return {"error": float("inf"), "seconds": time.process_time() - start}
    seconds = time.process_time() - start
    value = score(one, rest, answers_of(one, result.model, rest))
    return {"error": error(one, value, len(one.truth(rest))), "seconds": seconds}


def run(arguments):
    """Measure what the cache lacks. Returns: set -> candidate -> (mean error, mean seconds)."""
    cache = json.loads(arguments.json.read_text()) if arguments.json.exists() else {}
    version, table = commit(), {}
    for one in selection(arguments.sets, arguments.directory):
        frame = one.train(arguments.directory)
        few = one.id is not None and frame[one.id].nunique() < FEW
        for name, options in candidates(arguments.candidates).items():
            own = options_for(one, options)
            results = []
            for split in range(arguments.splits * (2 if few else 1)):
                key = f"{one.name} {split} {version} {json.dumps(own, sort_keys=True)}"
                if key not in cache:
                    if split == 0:  # compiles: not what is timed
                        judge(one, frame, own | {"epochs": 1}, 0)
                    cache[key] = judge(one, frame, own, split)
                    arguments.json.write_text(json.dumps(cache, indent=0))
                results.append(cache[key])
            mean = statistics.mean(result["error"] for result in results)
            table.setdefault(one.name, {})[name] = mean, statistics.mean(result["seconds"] for result in results)
            print(f"{one.name} {name}: {mean:.4g}, {table[one.name][name][1]:.2f} s", file=arguments.log, flush=True)
    return table


def markdown(table):
    """The ratios as Markdown."""
    names = list(next(iter(table.values())))
    ratios = {name: [] for name in names}
    lines = [f"| set | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
    for one, row in table.items():
        best = min(mean for mean, _ in row.values())
        for name in names:
            ratios[name].append(row[name][0] / best)
        lines.append(f"| {one} | {' | '.join(f'{ratios[name][-1]:.2f}' for name in names)} |")
    means = [statistics.geometric_mean(ratios[name]) for name in names]
    first = [sum(ratio <= TIE for ratio in ratios[name]) for name in names]
    seconds = [sum(row[name][1] for row in table.values()) for name in names]
    lines.append(f"| **geometric mean** | {' | '.join(f'**{mean:.3f}**' for mean in means)} |")
    lines.append(f"| first or within 2 % | {' | '.join(map(str, first))} |")
    lines.append(f"| seconds, one training each | {' | '.join(f'{value:.1f}' for value in seconds)} |")
    return "\n".join(lines)


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("directory", type=Path, help="folder that sets.py wrote")
    parser.add_argument("--candidates", type=Path, required=True)
    parser.add_argument("--sets", default="", help="names, comma-separated; all")
    parser.add_argument("--splits", type=int, default=3, help="inner splits; the seed of a run is that of its split")
    parser.add_argument("--json", type=Path, default=Path("defaults.json"), help="results that are there already")
    parser.add_argument("--log", type=argparse.FileType("w"), default=os.devnull, help="each result as it comes")
    warnings.simplefilter("ignore")
    threadpool_limits(1)
    print(markdown(run(parser.parse_args())))


if __name__ == "__main__":
    main()
