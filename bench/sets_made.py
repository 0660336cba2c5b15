"""Training and test parts of tables that need no download: synthetic ones, and cuts of what packages ship.

Each function takes the sources of sets_real.py, which it does not need, and returns two tables; a seed is fixed.
"""

import tempfile
from importlib import import_module
from pathlib import Path

import numpy as np
import pandas as pd

SEED = 2024


def synthetic(kind, trains, tests, source):
    """`rnnfast synth` for both parts, which differ in the seed."""
    from rnnfast.data.synth.generate import synth

    parts = []
    with tempfile.TemporaryDirectory() as directory:
        for seed, sequences in ((SEED, trains), (SEED + 1, tests)):
            path = synth(kind, Path(directory) / "table.csv", sequences=sequences, seed=seed).path
            parts.append(pd.read_csv(path))
    if kind == "creditcard":
        parts = [part.drop(columns="Time").assign(window=np.arange(len(part)) // 10) for part in parts]
    return parts


def long_table(sequences, labels, first=0):
    """One row per step: id, t, x, y. sequences: arrays (T,); labels: one for each."""
    lengths = [len(values) for values in sequences]
    return pd.DataFrame(
        {
            "id": np.repeat(np.arange(first, first + len(lengths)), lengths),
            "t": np.concatenate([np.arange(length) for length in lengths]),
            "x": np.concatenate(sequences).round(4),
            "y": np.repeat(labels, lengths),
        }
    )


def generate(make, trains, tests):
    """Two parts of sequences that `make(random)` draws with their labels."""
    random = np.random.default_rng(SEED)
    cases = [make(random) for _ in range(trains + tests)]
    sequences, labels = zip(*cases, strict=True)
    return long_table(sequences[:trains], labels[:trains]), long_table(sequences[trains:], labels[trains:], trains)


def cylinder_bell_funnel(source):
    """128 steps, 3 shapes of random place and length in noise."""

    def make(random):
        kind = str(random.choice(["cylinder", "bell", "funnel"]))
        start, length = random.integers(16, 33), random.integers(32, 97)
        t = np.arange(128)
        inside = (t >= start) & (t <= start + length)
        ramp = (t - start) / length
        shape = {"cylinder": 1.0, "bell": ramp, "funnel": 1 - ramp}[kind]
        return (6 + random.normal()) * inside * shape + random.normal(size=128), kind

    return generate(make, 60, 300)


def control_charts(source):
    """60 steps, 6 classes of a process: in control, cycle, trends and shifts."""

    def make(random):
        kind = str(random.choice(["normal", "cyclic", "increasing", "decreasing", "upward", "downward"]))
        t = np.arange(60)
        values = 30 + 2 * random.uniform(-3, 3, 60)
        slope, size, moment = random.uniform(0.2, 0.5), random.uniform(7.5, 20), random.uniform(20, 40)
        period, height = random.uniform(10, 15), random.uniform(10, 15)
        extra = {
            "normal": 0 * t,
            "cyclic": height * np.sin(2 * np.pi * t / period),
            "increasing": slope * t,
            "decreasing": -slope * t,
            "upward": size * (t >= moment),
            "downward": -size * (t >= moment),
        }
        return values + extra[kind], kind

    return generate(make, 300, 300)


def two_patterns(source):
    """128 steps with two short jumps, each up or down: their order is the class."""

    def make(random):
        values = random.normal(size=128)
        names = []
        starts = (random.integers(0, 40), random.integers(64, 104))
        for start in starts:
            length, sign = random.integers(10, 24), random.choice([-1, 1])
            half = length // 2
            values[start : start + half] = -5 * sign
            values[start + half : start + length] = 5 * sign
            names.append("up" if sign > 0 else "down")
        return values, "_".join(names)

    return generate(make, 400, 400)


def frequency(source):
    """Noisy waves of 20 to 80 steps, their cycles per hundred steps."""

    def make(random):
        per_hundred = round(float(random.uniform(2, 12)), 3)
        t = np.arange(random.integers(20, 81))
        wave = np.sin(2 * np.pi * (per_hundred * t / 100 + random.uniform())) * random.uniform(0.5, 2)
        return wave + 0.2 * random.normal(size=len(t)), per_hundred

    return generate(make, 300, 300)


def mackey_glass(source):
    """The chaotic delay equation of Mackey and Glass (1977), delay 17, every sixth of the steps of 1."""
    steps, delay = 6 * 2000, 17
    x = np.full(steps + delay + 600, 1.2)
    for n in range(delay, len(x) - 1):
        x[n + 1] = x[n] + 0.2 * x[n - delay] / (1 + x[n - delay] ** 10) - 0.1 * x[n]
    series = x[delay + 600 :: 6] + 0.02 * np.random.default_rng(SEED).normal(size=2000)
    table = pd.DataFrame({"t": np.arange(2000), "x": series.round(4)})
    return table.iloc[:1400], table.iloc[1400:]


def sklearn_digits(source):
    """1,797 pictures of digits, read row by row; the split of scikit-learn's example: the second half tests."""
    pictures = import_module("sklearn.datasets").load_digits()
    pixels = pictures.images.reshape(-1, 8)
    table = pd.DataFrame(pixels, columns=[f"p{k}" for k in range(8)]).astype(int)
    table.insert(0, "t", np.tile(np.arange(8), len(pictures.images)))
    table.insert(0, "id", np.repeat(np.arange(len(pictures.images)), 8))
    table["y"] = np.repeat(pictures.target, 8)
    early = table["id"] < len(pictures.images) // 2
    return table[early], table[~early]


def statsmodels_data(name):
    """A table that statsmodels ships."""
    return import_module(f"statsmodels.datasets.{name}").load_pandas().data


def early_and_late(table, share=0.75):
    """Divide a series at a point in time."""
    first = round(share * len(table))
    return table.iloc[:first], table.iloc[first:]


def statsmodels_series(name, time, value, share, source):
    """A series with its own time column."""
    table = statsmodels_data(name)[[time, value]].dropna()
    return early_and_late(table.astype({time: int}), share)


def elnino(source):
    """Monthly sea surface temperature off Peru, 1950 to 2010; one row a month."""
    wide = statsmodels_data("elnino").set_index("YEAR")
    values = wide.to_numpy(float).ravel()
    months = pd.period_range(f"{int(wide.index[0])}-01", periods=len(values), freq="M").to_timestamp()
    return early_and_late(pd.DataFrame({"month": months, "sst": values}).dropna())


def co2(source):
    """Weekly carbon dioxide at Mauna Loa, 1958 to 2001; gaps are filled with the last value."""
    table = import_module("statsmodels.datasets.co2").load_pandas().data
    weeks = pd.to_datetime(table.index)
    return early_and_late(pd.DataFrame({"week": weeks, "co2": table["co2"].ffill().to_numpy()}))


def macrodata(source):
    """Quarterly figures of the United States, 1959 to 2009; levels of money and prices as yearly growth."""
    table = statsmodels_data("macrodata")
    quarter = pd.PeriodIndex.from_fields(year=table["year"].astype(int), quarter=table["quarter"].astype(int), freq="Q")
    growth = {f"{name}_growth": np.log(table[name]).diff(4) * 100 for name in ("realgdp", "realcons", "realinv", "m1")}
    rates = table[["tbilrate", "infl", "unemp"]]
    return early_and_late(pd.DataFrame({"quarter": quarter.to_timestamp(), **growth}).join(rates).dropna())


def fertility(source):
    """Births per woman, a row per country and year, 1960 to 2011; every fourth country tests."""
    wide = statsmodels_data("fertility").rename(columns={"Country Name": "country"})
    years = [name for name in wide.columns if str(name).isdigit()]
    table = wide.melt(id_vars="country", value_vars=years, var_name="year", value_name="births").dropna()
    table = table.astype({"year": int}).sort_values(["country", "year"])
    table = table[table.groupby("country")["year"].transform("size") >= 10]
    number = table["country"].rank(method="dense").astype(int)
    tests = number % 4 == 0
    return table[~tests], table[tests]
