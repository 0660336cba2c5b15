"""Tables and models of which a linear part beside the network is half the answer."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd

import rnnfast

RUN = {"preset": "fast", "hidden": 4, "epochs": 2, "dtype": "float64", "linear_part": True, "seed": 1}

FORECAST = {"time": "t", "target": "y", "horizon": 1, "lag_target": True, "window": 10}


def series(rows=240, seed=0):
    """A series of which the next value is linear in the last two, and in a feature."""
    random, y = np.random.default_rng(seed), [0.0, 1.0]
    x = random.normal(size=rows)
    for t in range(2, rows):
        y.append(1.6 * y[-1] - 0.8 * y[-2] + 0.5 * x[t - 1])
    return pd.DataFrame({"t": np.arange(rows), "x": x, "y": y})


def meters(rows=40):
    """Three series side by side."""
    parts = [series(rows, seed).assign(id=f"meter {seed}") for seed in range(3)]
    return pd.concat(parts, ignore_index=True)


def payments(rows=40):
    """Three series with one of two classes at every row, by the value and its change."""
    frame = meters(rows)
    random = np.random.default_rng(1)
    change = frame.groupby("id")["y"].diff().fillna(0)
    high = frame["y"] + change + random.normal(size=len(frame)) > 0.5
    return frame.assign(fraud=high.astype(int)).rename(columns={"y": "z"})


def states(rows=40):
    """Three series with one of three classes at every row, by the value and its change."""
    frame = meters(rows)
    random = np.random.default_rng(1)
    score = frame["y"] + frame.groupby("id")["y"].diff().fillna(0) + random.normal(size=len(frame))
    state = np.select([score < -0.5, score < 0.5], ["low", "middle"], "high")
    return frame.assign(state=state).rename(columns={"y": "z"})


def spectra(sequences=30, rows=7):
    """Sequences of two inputs with one quantity, which is linear in all values."""
    random = np.random.default_rng(5)
    x, z = random.normal(size=(2, sequences, rows)).cumsum(axis=2)
    y = x @ np.linspace(-1, 1, rows) + z @ np.cos(np.arange(rows)) + 3
    ids, t = np.repeat(np.arange(sequences), rows), np.tile(np.arange(rows), sequences)
    return pd.DataFrame({"id": ids, "t": t, "x": x.ravel(), "z": z.ravel(), "y": np.repeat(y, rows)})


CLASSES = {"frame": payments(), "id": "id", "target": "fraud", "horizon": 0, "lag_target": False, "window": None}

WHOLE = {"frame": spectra(), "id": "id", "window": None, "horizon": 0, "lag_target": False}

STATES = {**CLASSES, "frame": states(), "target": "state"}


def trained(frame=None, **options):
    return rnnfast.train(series() if frame is None else frame, **{**FORECAST, **RUN, **options}).model


def balanced(model):
    """The model with a share of the network that no rounding hides: of a linear series it is next to nothing."""
    return replace(model, linear_part=model.linear_part.beside(0.4))


def recursed(averages, x, offsets):
    """Deviations by the equation, row by row."""
    deviations = np.zeros((len(x), len(averages.rates)))
    for first, stop in pairwise(offsets):
        average = x[first:stop][:1, averages.inputs].sum(axis=0)
        for t in range(first, stop):
            deviations[t] = x[t, averages.inputs] - average
            average += averages.rates * deviations[t]
    return deviations


def summed(places, x, offsets):
    """What all rows so far add, row by row."""
    sums, weights = np.zeros((len(x), len(places.weights))), np.reshape(places.weights, (-1, places.length, 3))
    for first, stop in pairwise(offsets):
        total = 0
        for t in range(first, stop):
            if t - first < places.length:
                total = total + weights[:, t - first, :-1] @ x[t] + weights[:, t - first, -1]
            sums[t] = total
    return sums


OPTIONS = {
    "windows": {},
    "changes": {"difference": True},
    "several horizons": {"horizon": (1, 3), "window": 20},
    "two networks": {"ensemble": 2},
    "ids": {"frame": meters(), "id": "id", "window": None},
    "gru, single precision": {"cell": "gru", "dtype": "float32"},
    "the target before": {"horizon": 0},
    "no last target": {"horizon": 0, "lag_target": False},
    "stacked rows": {"patch": (3, 1)},
    "two classes": CLASSES,
    "two classes, two networks": {**CLASSES, "ensemble": 2},
    "two classes, calibrated": {**CLASSES, "calibrate": "temperature", "threshold": "f1", "cell": "gru"},
    "three classes": STATES,
    "three classes, two networks": {**STATES, "ensemble": 2, "calibrate": "temperature"},
    "a class and its lag": {**CLASSES, "lag_target": True},
    "all values": WHOLE,
    "all values, two networks": {**WHOLE, "ensemble": 2, "cell": "gru", "dtype": "float32"},
    "all values of windows": {"predict": "last", "window": 6, "difference": True},
    "the labels of last rows": {"frame": meters(), "id": "id", "window": None, "predict": "last", "horizon": 0},
}
