"""Readings of meters, and models that forecast them."""

import numpy as np
import pandas as pd

import rnnfast
from rnnfast.config.sections import DataConfig

TINY = {"preset": "fast", "hidden": 3, "epochs": 2, "batch_size": 4, "split": 1.0, "dtype": "float64", "seed": 1}
NO_CACHE = DataConfig(cache=False)


def meters(lengths=(40, 25, 31), seed=0):
    """Readings of some meters, their rows mixed: daily, each from another day on."""
    random, pieces = np.random.default_rng(seed), []
    for number, rows in enumerate(lengths):
        days = pd.date_range(pd.Timestamp("2024-01-01") + pd.Timedelta(days=number), periods=rows)
        frame = pd.DataFrame({"meter": f"m{number}", "day": days.strftime("%Y-%m-%d")})
        frame["heat"] = random.normal(size=rows)
        frame["load"] = np.sin(np.arange(rows) / 2 + number) + 0.1 * random.normal(size=rows)
        frame["peak"] = np.where(frame["load"] > 0, "high", "low")
        frame["grade"] = np.array(list("abc"))[random.integers(0, 3, rows)]
        pieces.append(frame)
    return pd.concat(pieces).sample(frac=1, random_state=seed).reset_index(drop=True)


def trained(frame, **options):
    options = {"id": "meter", "time": "day", "target": "load", "features": "heat", **options}
    if options["features"] is None:
        frame, options = frame[["meter", "day", *_named(options["target"])]], {**options, "features": ()}
    return rnnfast.train(frame, **{**TINY, **options}).model


def _named(target):
    return [target] if isinstance(target, str) else list(target)


def forecast(model, frame, **options):
    return rnnfast.forecast(model, frame, config=NO_CACHE, **options)


def last_rows(frame, rows):
    """The last rows of each meter in order."""
    return frame.sort_values("day", kind="stable").groupby("meter", sort=False).tail(rows)


def with_requests(frame, rows, **columns):
    """Append rows with an empty target to each meter."""
    pieces = [frame]
    for name, group in frame.groupby("meter", sort=False):
        days = pd.date_range(group["day"].max(), periods=rows + 1).strftime("%Y-%m-%d")[1:]
        pieces.append(pd.DataFrame({"meter": name, "day": days, **columns}))
    return pd.concat(pieces, ignore_index=True)
