"""The tables that quality is judged on: `python bench/sets.py DIRECTORY [--raw DATASETS]` writes each as two CSV files.

DIRECTORY/NAME_train.csv is what may be learned and chosen from, DIRECTORY/NAME_test.csv the official test part, read
by quality.py alone. DATASETS is a folder of public data sets with its own convert.py; without it, only the synthetic
tables and those of scikit-learn and statsmodels are written.
inner.py divides a training part for choosing rules.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pandas as pd
import sets_made as made
import sets_packages as packages
import sets_real as real

HIGHER_IS_BETTER = {"accuracy": True, "auroc": True, "auprc": True, "rmse": False}


@dataclass(frozen=True, eq=False)
class QualitySet:
    """A table with a training and a test part, and what a user has to say about it.

    make: raw directory -> the two tables. options: for rnnfast.train, nothing tuned: target, id, time, horizon, and
    task where classes are whole numbers.
    metric: a name of HIGHER_IS_BETTER, over all labelled rows, or the last one of an id (score="last").
    inner: what divides the training part for choosing rules: ids at random, blocks of neighbouring ids, ids whose
    sequences are cut at a random row, or a point in time.
    """

    name: str
    metric: str
    make: object
    options: dict = field(default_factory=dict)
    inner: str = "ids"
    score: str = "all"
    about: str = ""
    half: str = ""  # "mending" or "judging" of those that were divided before any rule was chosen on them

    @property
    def target(self):
        """The column to predict."""
        return self.options["target"]

    @property
    def id(self):
        """The column that names a sequence, None for one series."""
        return self.options.get("id")

    @property
    def horizon(self):
        """Rows from a forecast to what it forecasts; 0: the target of the row itself."""
        return self.options.get("horizon", 0)

    @property
    def classes(self):
        """Whether the target is a class."""
        return self.metric != "rmse"

    @property
    def train_options(self):
        """Keyword arguments of rnnfast.train; a forecast knows the target up to its row."""
        return self.options | ({"lag_target": True} if self.horizon else {})

    def train(self, directory):
        """The training part."""
        return pd.read_csv(Path(directory) / f"{self.name}_train.csv")

    def test(self, directory):
        """The test part, from which nothing is chosen."""
        return pd.read_csv(Path(directory) / f"{self.name}_test.csv")

    def labels(self, frame):
        """What is to be predicted at each row where that is known: indexed as the table."""
        target = frame[self.target]
        if self.horizon:
            target = (frame.groupby(self.id)[self.target] if self.id else target).shift(-self.horizon)
        elif self.per_sequence(frame):
            target = target[~frame[self.id].duplicated(keep="last")]
        return target.dropna()

    def truth(self, frame):
        """The labels that are scored."""
        labels = self.labels(frame)
        return labels if self.score == "all" else labels[~frame[self.id].duplicated(keep="last")]

    def per_sequence(self, frame):
        """Whether each sequence has one label."""
        return (
            self.id is not None
            and not self.horizon
            and bool((frame.groupby(self.id)[self.target].nunique() <= 1).all())
        )


SERIES = {"id": "id", "time": "t", "target": "y"}
CLASSES = SERIES | {"task": "multiclass"}  # labels are whole numbers

SETS = (
    QualitySet("gunpoint", "accuracy", real.archive("gunpoint"), SERIES),
    QualitySet("ecg200", "accuracy", real.archive("ecg200"), SERIES),
    QualitySet("arrowhead", "accuracy", real.archive("arrowhead"), CLASSES),
    QualitySet("italy_power", "accuracy", real.archive("italy_power_demand"), SERIES),
    QualitySet("basic_motions", "accuracy", real.archive("basic_motions"), SERIES),
    QualitySet("pen_digits", "accuracy", real.archive("pendigits"), CLASSES, inner="blocks"),
    QualitySet("spoken_digits", "accuracy", real.archive("fsdd_mfcc"), CLASSES, inner="blocks"),
    QualitySet(
        "fd001",
        "rmse",
        real.archive("cmapss_fd001"),
        {"id": "id", "time": "t", "target": "rul"},
        inner="cut",
        score="last",
        about="life cut at 125, scored at the last row of an engine",
    ),
    QualitySet("credit_default", "auroc", real.credit_default, SERIES, about="the last 6,000 of 30,000 clients test"),
    QualitySet(
        "card_payments",
        "auprc",
        real.card_payments,
        SERIES | {"ignore": ["seconds"]},
        inner="time",
        about="the first 24 hours train, hours 24 to 36 test",
    ),
    QualitySet(
        "beijing",
        "rmse",
        real.beijing,
        {"time": "when", "target": "pm25", "horizon": 24},
        inner="time",
        about="PM2.5 a day ahead, 2014 tests",
    ),
    QualitySet(
        "melbourne",
        "rmse",
        real.melbourne,
        {"time": "Date", "target": "Temp", "horizon": 1},
        inner="time",
        about="minimum temperature of the next day, 1989 and 1990 test",
    ),
    QualitySet(
        "etth1",
        "rmse",
        real.etth1,
        {"time": "date", "target": "OT", "horizon": 24},
        inner="time",
        about="oil temperature a day ahead; 16 months train, 4 test",
    ),
    QualitySet("occupancy", "accuracy", real.occupancy, SERIES, about="without Light, both test files"),
    QualitySet(
        "sk_digits", "accuracy", made.sklearn_digits, CLASSES, about="scikit-learn's digits, 8 rows of 8 pixels"
    ),
    QualitySet(
        "sunspots",
        "rmse",
        partial(made.statsmodels_series, "sunspots", "YEAR", "SUNACTIVITY", 0.75),
        {"time": "YEAR", "target": "SUNACTIVITY", "horizon": 1},
        inner="time",
        about="the next year",
    ),
    QualitySet(
        "elnino",
        "rmse",
        made.elnino,
        {"time": "month", "target": "sst", "horizon": 3},
        inner="time",
        about="sea surface temperature three months ahead",
    ),
    QualitySet(
        "co2", "rmse", made.co2, {"time": "week", "target": "co2", "horizon": 4}, inner="time", about="four weeks ahead"
    ),
    QualitySet(
        "macrodata",
        "rmse",
        made.macrodata,
        {"time": "quarter", "target": "unemp", "horizon": 1},
        inner="time",
        about="unemployment of the United States in the next quarter",
    ),
    QualitySet(
        "fertility",
        "rmse",
        made.fertility,
        {"id": "country", "time": "year", "target": "births", "horizon": 1},
        about="births per woman in the next year, countries apart",
    ),
    *(
        QualitySet(f"synth_{kind}", metric, partial(made.synthetic, kind, sequences, tests), options, about=about)
        for kind, metric, sequences, tests, options, about in (
            ("creditcard", "auprc", 500, 500, {"id": "window", "target": "Class"}, "windows of 10 payments"),
            ("temperature", "rmse", 20, 20, {"id": "name", "time": "t", "target": "y1"}, "rnnfast synth"),
            ("parity", "accuracy", 200, 200, {"id": "name", "time": "t", "target": "y1"}, "rnnfast synth"),
            ("adding", "rmse", 400, 400, {"id": "name", "time": "t", "target": "y1"}, "rnnfast synth"),
            ("sensors", "accuracy", 200, 200, {"id": "name", "time": "t", "target": "y1"}, "rnnfast synth"),
        )
    ),
    QualitySet("cylinder_bell_funnel", "accuracy", made.cylinder_bell_funnel, SERIES, about="Saito 1994, 60 + 300"),
    QualitySet("control_charts", "accuracy", made.control_charts, SERIES, about="Alcock, Manolopoulos 1999, 300 + 300"),
    QualitySet("two_patterns", "accuracy", made.two_patterns, SERIES, about="Geurts 2002: the order of two jumps"),
    QualitySet("frequency", "rmse", made.frequency, SERIES, about="of a noisy wave of 20 to 80 steps"),
    QualitySet(
        "mackey_glass",
        "rmse",
        made.mackey_glass,
        {"time": "t", "target": "x", "horizon": 6},
        inner="time",
        about="chaotic series, six steps ahead",
    ),
    *(
        QualitySet(name, metric, make, options, inner, half="mending" if name in packages.MENDING else "judging")
        for name, metric, make, options, inner in packages.fresh()
    ),
)
BY_NAME = {one.name: one for one in SETS}


def selection(names, directory):
    """The sets of a comma-separated list, or of a half, or all, whose files are in the directory."""
    half = [one for one in SETS if names and one.half == names]
    ones = half or ([BY_NAME[name] for name in names.split(",")] if names else SETS)
    return [one for one in ones if (Path(directory) / f"{one.name}_train.csv").exists()]


def main():
    """Write the tables that can be made here."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("directory", type=Path)
    parser.add_argument("--raw", type=Path, help="folder of public data sets, with its convert.py")
    parser.add_argument("--wheels", type=Path, help="folder of wheels with tables: sets_packages.py")
    parser.add_argument("--sets", default="", help="these alone, comma-separated")
    arguments = parser.parse_args()
    raw = arguments.directory / "raw"
    raw.mkdir(parents=True, exist_ok=True)
    if arguments.raw:
        script = [sys.executable, arguments.raw / "convert.py", "--root", arguments.raw, "--out", raw]
        subprocess.run(script, check=True, stdout=subprocess.DEVNULL)
    for one in [BY_NAME[name] for name in arguments.sets.split(",")] if arguments.sets else SETS:
        source = {"raw": raw, "datasets": arguments.raw or arguments.directory, "wheels": arguments.wheels or raw}
        try:
            parts = one.make(source)
        except (FileNotFoundError, ImportError) as error:
            print(f"{one.name}: left out ({error})")
            continue
        for part, frame in zip(("train", "test"), parts, strict=True):
            frame.to_csv(arguments.directory / f"{one.name}_{part}.csv", index=False)
        print(f"{one.name}: {len(parts[0])} + {len(parts[1])} rows")


if __name__ == "__main__":
    main()
