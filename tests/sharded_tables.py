"""A table whose sequences go to shards, and runs on it in this process."""

import numpy as np
import pandas as pd
import pytest
from commands import isolate
from notices import Notices

from rnnfast.cluster.here import InProcess
from rnnfast.shards import running, tasks

OPTIONS = {"preset": "fast", "hidden": 4, "epochs": 3, "seed": 1, "patience": 0, "cache": False}

GRU = {"cell": "gru", "optimizer": "adam", "batch_size": 8}


@pytest.fixture(autouse=True)
def directory(tmp_path, monkeypatch):
    isolate(monkeypatch, tmp_path)


@pytest.fixture
def table():
    """Sequences of unequal lengths, whose labels need memory; the colour of a few is rare."""
    random = np.random.default_rng(0)
    lengths = random.integers(2, 20, 120)
    rows = lengths.sum()
    frame = pd.DataFrame({"name": np.repeat([f"card {k}" for k in range(120)], lengths), "t": np.arange(rows)})
    frame["x1"], frame["x2"] = random.normal(size=rows), random.normal(size=rows)
    frame["colour"] = random.choice(["red", "green", "blue"], rows, p=[0.6, 0.38, 0.02])
    total = frame.groupby("name")["x1"].cumsum()
    frame["y1"] = (total > 0).astype(int)
    frame.to_csv("table.csv", index=False)
    frame.assign(y1=total + frame["x2"]).drop(columns="colour").to_csv("quantity.csv", index=False)
    return frame


class Forgetful(InProcess):
    """A cluster whose workers die after every task, and that answers the last task first."""

    def run(self, tasks_of_run, **listeners):
        answers = []
        for task in reversed(tasks_of_run):
            answers += super().run([task], **listeners)
            tasks._open.close()
        return answers[::-1]


def sharded(shards, cluster=None, data="table.csv", reporter=None, **options):
    return running.train(
        cluster or InProcess(), data, reporter=reporter or Notices(), shards=shards, **{**OPTIONS, **options}
    )


def assert_bits(one, other):
    assert one.model.parameters.keys() == other.model.parameters.keys()
    for name, tensor in one.model.parameters.items():
        assert (tensor == other.model.parameters[name]).all(), name
    assert one.history == other.history


def assert_same(one, other):
    assert_bits(one, other)
    assert one.metrics["valid"] == other.metrics["valid"]
    assert one.clipped == other.clipped
