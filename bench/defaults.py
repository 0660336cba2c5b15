"""How the default learning rate, initial weights and patience were chosen: `python bench/defaults.py
LONG_CSV_DIRECTORY`.

Trains every combination on several tables, three seeds each, and prints the mean validation loss relative to the best
combination of the same table: 1.00 is best, the column to look at is the last one.
"""

import itertools
import statistics
import sys
from pathlib import Path

import rnnfast

RATES = (0.01, 0.02, 0.05, 0.1, 0.2)
RULES = ("xavier", "orthogonal", "uniform")
SEEDS = (0, 1, 2)
OWN = Path(__file__).parent.parent / "data"


def tables(directory):
    """Name -> table and options."""
    return {
        "creditcard sample": (OWN / "creditcard_sample.csv", {}),
        "temperature sample": (OWN / "temperature_sample.csv", {}),
        "parity sample": (OWN / "parity_sample.csv", {}),
        "credit card": (directory / "creditcard_part_first36h.csv", {"target": "y", "ignore": "seconds"}),
        "italy power": (directory / "italy_power_demand_test.csv", {"target": "y"}),
        "c-mapss": (directory / "cmapss_fd001_train.csv", {"target": "rul", "features": "s*"}),
        "temperatures": (directory / "min_temperatures.csv", {"target": "temp_next"}),
    }


def main():
    """Print the table."""
    found = {name: one for name, one in tables(Path(sys.argv[1])).items() if one[0].exists()}
    losses = {}
    for name, (path, options) in found.items():
        data = rnnfast.read_table(path, **options)
        for rate, rule in itertools.product(RATES, RULES):
            scores = []
            for seed in SEEDS:
                try:
                    result = rnnfast.train(data, lr=rate, init=rule, seed=seed)
                    scores.append(min(row["loss"] for row in result.history if row["split"] == "valid"))
                except rnnfast.DivergedError:
                    scores.append(float("inf"))
            losses[name, rate, rule] = statistics.mean(scores)
    print(f"| lr | init | {' | '.join(found)} | mean |")
    print("|---" * (len(found) + 3) + "|")
    for rate, rule in itertools.product(RATES, RULES):
        ratios = [losses[n, rate, rule] / min(losses[n, r, i] for r in RATES for i in RULES) for n in found]
        print(f"| {rate} | {rule} | {' | '.join(f'{ratio:.2f}' for ratio in ratios)} | {statistics.mean(ratios):.2f} |")


if __name__ == "__main__":
    main()
