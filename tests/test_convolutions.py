"""Shares of rows in which convolutions exceed thresholds: held to loops, and in all that answers beside a network."""

from functools import cache

import numpy as np
import pandas as pd
import pytest
from commands import isolate
from ids import cases

import rnnfast

RUN = {"preset": "fast", "hidden": 4, "epochs": 2, "dtype": "float64", "linear_part": True, "seed": 1}


@pytest.fixture(autouse=True)
def _directory(tmp_path, monkeypatch):
    isolate(monkeypatch, tmp_path)


def waves(sequences=40, rows=24, classes=2, seed=0):
    """Sequences of two inputs, the second without a say, with a class each: how long a wave of the first is."""
    random, parts = np.random.default_rng(seed), []
    for name in range(sequences):
        label, length = name % classes, rows - name % 5
        x = np.sin(np.arange(length) * (0.4 + 0.5 * label) + random.uniform(0, 6)) + 0.3 * random.normal(size=length)
        parts.append(pd.DataFrame({"id": f"w{name}", "t": np.arange(length), "x": x, "z": random.normal(size=length)}))
        parts[-1]["y"] = f"class {label}"
    return pd.concat(parts, ignore_index=True)


def trained(frame=None, **options):
    return rnnfast.train(waves() if frame is None else frame, **{**RUN, "target": "y", "id": "id", "time": "t", **options}).model


STREAMS = {
    "two classes": {},
    "three classes": {"frame": waves(classes=3)},
    "float32": {"dtype": "float32"},
    "windows": {"window": 6, "predict": "last"},
    "stacked rows": {"patch": (2, 1)},
    "two networks": {"ensemble": 2},
    "changes": {"delta": True},
    "one input": {"features": ("x",)},
}


@cache
def streaming(name):
    return trained(**STREAMS[name])


@pytest.mark.parametrize("rows", [1, 5, 1000])
@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_answers_as_predict_for_the_rows_so_far(name, rows):
    model, window = streaming(name), STREAMS[name].get("window")
    frame = waves(6, 15, seed=3).sort_values(["t", "id"], kind="stable").reset_index(drop=True)
    stream = model.stream()
    parts = [slice(first, first + rows) for first in range(0, len(frame), rows)]
    answers = np.concatenate([stream.step_many(frame["id"][part], frame[part]) for part in parts])
    for place in (0, 5, 30, 47, 60, len(frame) - 1):
        so_far = frame[: place + 1]
        own = so_far[so_far["id"] == frame["id"][place]][-(window or len(frame)):]
        expected = model.predict(own.drop(columns="y")).filter(like="prob").to_numpy()[-1]
        np.testing.assert_allclose(answers[place], expected, rtol=1e-5 if model.config.train.dtype == "float32" else 1e-9)
