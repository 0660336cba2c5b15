"""Clusters of worker processes, and a table for their tasks: what the tests of clusters share."""

import os
import subprocess
import sys
import time
from contextlib import contextmanager

import numpy as np
import pandas as pd
import pytest
from hanging import ends_within

from rnnfast.cluster.connection import connected
from rnnfast.cluster.here import InProcess
from rnnfast.cluster.task import Task
from rnnfast.config.cluster import ClusterConfig
from rnnfast.config.resolve import Config

distributed = pytest.importorskip("distributed")
KILLS = int(os.environ.get("CLUSTER_KILLS", "1"))  # by hand: 30, which take some minutes
LONGEST = 120 if KILLS == 1 else 1200  # seconds of a test
OPTIONS = {"id": "name", "time": "t", "target": "y", "hidden": 4, "epochs": 3}


@pytest.fixture(autouse=True)
def guard():
    """End a test that hangs."""
    with ends_within(LONGEST):
        yield


@pytest.fixture(scope="module")
def notices():
    return []


@pytest.fixture(scope="module")
def local():
    """Two worker processes on this machine."""
    options = {"threads_per_worker": 1, "processes": True, "dashboard_address": "127.0.0.1:0", "silence_logs": 50}
    with distributed.LocalCluster(n_workers=2, **options) as local:
        yield local


@pytest.fixture(scope="module")
def workers(local, notices):
    with connected(ClusterConfig(scheduler=local.scheduler_address, wait_timeout="60s"), notices.append) as cluster:
        yield cluster


@pytest.fixture(scope="module", params=["in this process", "two workers"])
def cluster(request):
    return InProcess(2) if request.param == "in this process" else request.getfixturevalue("workers")


@contextmanager
def scheduler(file, workers=0):
    """Yield the process of a scheduler with so many workers, all of which may be killed; file: that it writes."""
    program, address = [sys.executable, "-m"], ["--scheduler-file", str(file)]
    options = ["--port", "0", "--dashboard-address", "127.0.0.1:0"]
    commands = [[*program, "distributed.cli.dask_scheduler", *address, *options]]
    commands += [[*program, "distributed.cli.dask_worker", *address, "--no-nanny", "--nthreads", "1"]] * workers
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}  # workers find cluster_tasks
    processes = [subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) for command in commands]
    try:
        while not file.exists():
            time.sleep(0.05)
        yield processes[0]
    finally:
        for process in processes:
            process.kill()
            process.wait()


@pytest.fixture
def one_worker():
    """A cluster of one fresh worker, with the workers as Dask has them."""
    options = {"threads_per_worker": 1, "processes": True, "dashboard_address": None, "silence_logs": 50}
    with distributed.LocalCluster(n_workers=1, **options) as lonely:
        place = ClusterConfig(scheduler=lonely.scheduler_address, wait_timeout="60s")
        with connected(place, lambda notice: None) as cluster:
            yield cluster, lonely


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """A CSV of 40 sequences of 6 steps with a class."""
    x = np.random.default_rng(0).normal(size=(40, 6))
    frame = pd.DataFrame({"name": np.repeat(np.arange(40), 6), "t": np.tile(np.arange(6), 40), "x": x.ravel()})
    frame["y"] = (x.cumsum(axis=1).ravel() > 0).astype(int)
    path = tmp_path_factory.mktemp("table") / "table.csv"
    frame.to_csv(path, index=False)
    return path


def tasks(function, *arguments):
    return [Task(f"task {number}", function, (value,)) for number, value in enumerate(arguments)]


def config_of(table, tmp_path, options):
    values = {**OPTIONS, **options, "data": (str(table),), "output": str(tmp_path / "run")}
    return Config().with_values(values, "test")


def assert_same(parameters, others):
    assert parameters.keys() == others.keys()
    for name in parameters:
        np.testing.assert_array_equal(parameters[name], others[name])
