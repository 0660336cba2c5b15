"""Quality on official test parts, beside other methods: `python bench/quality.py DIRECTORY [--sets a,b]`.

Trains with nothing but the table, the target, id and time where they exist, and prints the metric on the test part
(mean, least to most over the seeds) with the seconds of CPU of one training, as Markdown. DIRECTORY is that of sets.py.
Results are kept in a JSON by set, method, seed and version, so that a run is continued and peers are measured once.
`--methods auto,best:1,tune:1` also says on how many sets the last two are ahead of auto; tune has `--max-time`.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
import warnings
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import pandas as pd
import peers
from scoring import score, words
from sets import HIGHER_IS_BETTER, selection
from threadpoolctl import threadpool_limits

import rnnfast

PEERS = Path(__file__).with_name("quality.json")  # results of the peers in docs/quality.md
PRESETS = ("fast", "auto", "best")  # of rnnfast
SEARCH = "tune"
BASE, LONGER = "auto", ("best", SEARCH)  # those that should be ahead of it
PACKAGE = {"linear": "scikit-learn", "lightgbm": "lightgbm", "torch": "torch"}
SAME_FOR_ANY_SEED = ("naive", "linear")


def own(options, one, train, test, seed):
    """A training of rnnfast as a user runs it: answers, seconds of CPU with kernels that are compiled."""
    options = one.train_options | options | {"progress": False, "threads": 1}
    _compiled(one, repr(options), lambda: rnnfast.train(train, epochs=1, **options))
    start = time.process_time()
    result = rnnfast.train(train, seed=seed, **options)
    return answers_of(one, result.model, test), time.process_time() - start


def searched(limit, one, train, test, seed):
    """A search by rnnfast as a user runs it, on all threads: answers, seconds of CPU; limit: the time for all of it."""
    start = time.process_time()
    result = rnnfast.tune(train, seed=seed, max_time=limit, **one.train_options)
    return answers_of(one, result.model, test), time.process_time() - start


def _compiled(one, options, warm_up, ready=set()):  # noqa: B006
    """Run what compiles once for each set and options."""
    if (one.name, options) not in ready:
        warm_up()
        ready.add((one.name, options))


def preset_options(name):
    """Options of a preset; rnnfast before presets had the defaults of `fast` alone."""
    return {"preset": name} if "preset" in rnnfast.TrainOptions.__annotations__ else {}


def answers_of(one, model, test):
    """Predictions of a model in the form that scoring.py takes."""
    table = model.predict(test)
    if one.classes:
        names = [name for name in table.columns if name.startswith(f"{one.target}_prob")]
        if len(names) > 1:
            return table[names].rename(columns=lambda name: name.removeprefix(f"{one.target}_prob_"))
        labels = np.unique(words(one.labels(test)))
        return pd.DataFrame({labels[0]: 1 - table[names[0]], labels[1]: table[names[0]]})
    return table[f"{one.target}_pred"]


def naive(one, train, test, seed):
    """The commonest class, the mean, or the last value of a forecast."""
    rows = one.truth(test).index
    if one.horizon:
        return test.loc[rows, one.target]
    labels = one.labels(train)
    if one.classes:
        shares = pd.Series(words(labels)).value_counts(normalize=True).sort_index()
        return pd.DataFrame([shares.to_numpy()] * len(rows), index=rows, columns=shares.index)
    return pd.Series(labels.mean(), index=rows)


def methods(aeon_python, limit):
    """Name -> function of (set, train, test, seed) that returns answers, or answers and seconds, or None."""
    from torch_peer import torch_gru

    table = {name: partial(own, preset_options(name)) for name in PRESETS}
    return table | {
        SEARCH: partial(searched, limit),
        "naive": naive,
        "linear": partial(peers.table_model, peers.linear),
        "lightgbm": partial(peers.table_model, peers.lightgbm),
        "rocket": partial(peers.rocket, aeon_python),
        "torch": torch_gru,
    }


def key(one, method, seed, cache, limit):
    """Of a result: what is not there is measured. A peer that is not installed has the result of any version."""
    start = f"{one.name}/{method if method != SEARCH else f'{method} {limit}'}/{seed}/"
    if method in (*PRESETS, SEARCH):
        return f"{start}rnnfast {rnnfast.__version__} {commit()}"
    try:
        return start + (version(PACKAGE[method]) if method in PACKAGE else "")
    except PackageNotFoundError:
        return next((name for name in cache if name.startswith(start)), start)


def commit():
    """The commit that runs, so that results of another are measured anew."""
    asked = ["git", "-C", str(Path(rnnfast.__file__).parent), "log", "-1", "--format=%h", "--", "."]
    return subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()


def measure(function, one, train, test, seed):
    """Score and seconds of CPU of one method with one seed; None where it does not apply, or refuses the table."""
    start = time.process_time()
    try:
        result = function(one, train, test, seed)
    except rnnfast.DataError as error:
        print(f"{one.name}: {error}", file=sys.stderr)
        return None
    if result is None:
        return None
    answers, seconds = result if isinstance(result, tuple) else (result, time.process_time() - start)
    return {"score": score(one, test, answers), "seconds": round(seconds, 3)}


def with_seeds(listed):
    """Read fast,torch:1 as method -> number of seeds, None where it is not said."""
    names = (name.partition(":") for name in listed.split(","))
    return {name: int(seeds) if seeds else None for name, _, seeds in names}


def run(arguments):
    """Measure what the cache lacks. Returns: (set, method) -> list of results."""
    cache = json.loads(arguments.json.read_text()) if arguments.json.exists() else {}
    functions, results = methods(arguments.aeon, arguments.max_time), {}
    for one in selection(arguments.sets, arguments.directory):
        parts = one.train(arguments.directory), one.test(arguments.directory)
        for method, seeds in arguments.methods.items():
            for seed in range(1 if method in SAME_FOR_ANY_SEED else seeds or arguments.seeds):
                name = key(one, method, seed, cache, arguments.max_time)
                if name not in cache:
                    cache[name] = measure(functions[method], one, *parts, seed)
                    _write(arguments.json, cache)
                if cache[name]:
                    results.setdefault((one, method), []).append(cache[name])
            if arguments.verbose:
                scores = [round(result["score"], 4) for result in results.get((one, method), [])]
                print(one.name, method, *scores, file=sys.stderr, flush=True)
    return results


def _write(path, cache):
    """Write all results, so that an interruption leaves the file of before or the one of now."""
    new = path.with_suffix(".new")
    new.write_text(json.dumps(cache, indent=0))
    new.replace(path)


def table(results, names):
    """The results as Markdown; the best mean of a row is bold."""
    rows = [f"| set | metric | {' | '.join(names)} |", "|---" * (len(names) + 2) + "|"]
    for one in dict.fromkeys(one for one, _ in results):
        means = {m: statistics.mean(r["score"] for r in results[one, m]) for m in names if (one, m) in results}
        best = (max if HIGHER_IS_BETTER[one.metric] else min)(means.values())
        cells = [_cell(results[one, m], means[m] == best) if m in means else "-" for m in names]
        rows.append(f"| {one.name} | {one.metric} | {' | '.join(cells)} |")
    return "\n".join(rows)


def ahead(results, method):
    """Say on how many sets a method is ahead of auto, and where it is behind by more than the seeds of auto differ."""
    ones = [one for one, name in results if name == method and (one, BASE) in results]
    better, level, behind = [], [], []
    for one in ones:
        scores, of_base = ([result["score"] for result in results[one, name]] for name in (method, BASE))
        sign = 1 if HIGHER_IS_BETTER[one.metric] else -1
        lead = sign * (statistics.mean(scores) - statistics.mean(of_base))
        if lead > 0:
            better.append(one.name)
        elif lead == 0:
            level.append(one.name)
        elif -lead > max(of_base) - min(of_base):
            behind.append(one.name)
    lost = f"; behind by more than its seeds differ: {', '.join(behind)}" if behind else ""
    return f"{method} is ahead of {BASE} on {len(better)} of {len(ones)} sets, level on {len(level)}{lost}"


def _cell(ones, best):
    """Mean, range and seconds."""
    scores = [result["score"] for result in ones]
    digits = 3 if max(scores) < 2 else 2
    mean = f"{statistics.mean(scores):.{digits}f}"
    spread = f" ({min(scores):.{digits}f} to {max(scores):.{digits}f})" if len(scores) > 1 else ""
    seconds = statistics.mean(result["seconds"] for result in ones)
    return f"{f'**{mean}**' if best else mean}{spread}, {seconds:.2g} s"


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("directory", type=Path, help="folder that sets.py wrote")
    parser.add_argument("--sets", default="", help="names, comma-separated; all")
    parser.add_argument("--methods", type=with_seeds, default="naive,fast,auto,linear,lightgbm,rocket,torch")
    parser.add_argument("--seeds", type=int, default=5, help="of a method that is not listed as in torch:1")
    parser.add_argument("--json", type=Path, default=PEERS, help="results that are there already")
    parser.add_argument("--max-time", default="60s", help="of tune")
    parser.add_argument("--aeon", default="python", help="python of an environment with aeon, for rocket")
    parser.add_argument("-v", "--verbose", action="store_true", help="show each result as it comes")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    threadpool_limits(1)
    try:
        results = run(arguments)
    except KeyboardInterrupt:
        sys.exit(f"interrupted; the same command goes on with what {arguments.json} holds")
    print(table(results, list(arguments.methods)))
    for method in LONGER:
        if BASE in arguments.methods and method in arguments.methods:
            print(f"\n{ahead(results, method)}")


if __name__ == "__main__":
    main()
