"""A table in shards on worker processes: the bits of one process, whatever happens to workers."""

import os
import signal
import threading
import time

import cluster_tasks
import numpy as np
import pandas as pd
import pytest
from clusters import scheduler
from commands import isolate
from hanging import ends_within
from ids import cases

from rnnfast.cluster.connection import connected
from rnnfast.cluster.here import InProcess
from rnnfast.config.cluster import ClusterConfig
from rnnfast.config.resolve import Config
from rnnfast.errors import ClusterError, RnnfastError
from rnnfast.reporter import Reporter
from rnnfast.shards import running
from rnnfast.shards.where import run_where
from rnnfast.training.resuming import resumed

distributed = pytest.importorskip("distributed")
LONGEST = 120  # seconds of a test
OPTIONS = {
    "preset": "fast", "cell": "gru", "hidden": 4, "epochs": 4, "seed": 1, "cache": False, "optimizer": "adam",
    "batch_size": 8, "shards": 4, "rounds": 3, "memory": "900M",
}  # fmt: skip


@pytest.fixture(autouse=True)
def _guard():
    """End a test that hangs."""
    with ends_within(LONGEST):
        yield


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    path = tmp_path_factory.mktemp("shards") / "table.csv"
    random = np.random.default_rng(0)
    lengths = random.integers(2, 20, 120)
    rows = lengths.sum()
    frame = pd.DataFrame({"name": np.repeat(np.arange(120), lengths), "t": np.arange(rows)})
    frame["x1"] = random.normal(size=rows)
    frame["y1"] = (frame.groupby("name")["x1"].cumsum() > 0).astype(int)
    frame.to_csv(path, index=False)
    return str(path)


@pytest.fixture(scope="module")
def local():
    options = {"threads_per_worker": 1, "processes": True, "dashboard_address": None, "silence_logs": 50}
    with distributed.LocalCluster(n_workers=2, **options) as local:
        yield local


@pytest.fixture(scope="module")
def expected(table):
    return running.train(InProcess(), table, reporter=Reporter(), **OPTIONS)


def assert_same(trained, expected):
    assert trained.history == expected.history
    for name, tensor in expected.model.parameters.items():
        assert (trained.model.parameters[name] == tensor).all(), name
    assert trained.metrics["train"] == expected.metrics["train"]


class Meddling(Reporter):
    """Does something to the cluster after an epoch."""

    def __init__(self, epoch, deed):
        self.number, self.deed = epoch, deed

    def epoch(self, record):
        if record.epoch == self.number:
            self.deed()


def kill(local):
    """Kill a worker; its nanny starts another one."""
    os.kill(pids(local)[0], signal.SIGKILL)


def kill_both(local):
    for pid in pids(local):
        os.kill(pid, signal.SIGKILL)


def kill_within_a_round(local):
    pid = pids(local)[0]
    threading.Timer(0.05, os.kill, (pid, signal.SIGKILL)).start()


def join(local):
    """Have four workers, and wait for them a little."""
    local.scale(4)
    time.sleep(2)


def pids(local):
    return [worker.process.process.pid for worker in local.workers.values() if worker.process.process.pid]


@pytest.mark.parametrize(
    "deed",
    cases(
        {
            "nothing": lambda local: None,
            "a worker that is killed": kill,
            "one that is killed within a round": kill_within_a_round,
            "both killed": kill_both,
            "two that join": join,
        }
    ),
)
def test_bits_are_those_of_one_process(table, local, expected, deed, tmp_path, monkeypatch):
    isolate(monkeypatch, tmp_path)
    notices = []
    with connected(ClusterConfig(scheduler=local.scheduler_address, wait_timeout="60s"), notices.append) as cluster:
        trained = running.train(cluster, table, reporter=Meddling(2, lambda: deed(local)), **OPTIONS)
    assert_same(trained, expected)


def test_a_frozen_worker_keeps_no_shards(table, local, expected, tmp_path, monkeypatch):
    isolate(monkeypatch, tmp_path)
    notices, pid = [], pids(local)[0]
    with connected(ClusterConfig(scheduler=local.scheduler_address, wait_timeout="60s"), notices.append) as cluster:
        cluster.workers.patience = 12.0  # tasks give signs of life each ten seconds
        try:
            freeze = Meddling(2, lambda: os.kill(pid, signal.SIGSTOP))
            assert_same(running.train(cluster, table, reporter=freeze, **OPTIONS), expected)
        finally:
            os.kill(pid, signal.SIGCONT)
    assert any("no sign of life from worker" in text for text in notices)


def test_a_run_whose_scheduler_is_killed_goes_on_elsewhere(table, expected, tmp_path, monkeypatch):
    isolate(monkeypatch, tmp_path)
    file = tmp_path / "scheduler.json"
    place = ClusterConfig(scheduler_file=str(file), wait_timeout="2s")
    config = Config().with_values({**OPTIONS, "data": [table], "output": "run"}, "test")
    goes_on = pytest.raises(ClusterError, match=f"rnnfast train --resume run --scheduler-file {file} goes on")
    with scheduler(file, workers=1) as process, goes_on, connected(place, print) as cluster:
        cluster.client.wait_for_workers(1, timeout=LONGEST)
        run_where(config, Meddling(2, process.kill), False, None, cluster)
    before = resumed("run", {})
    trained = run_where(before.config, Reporter(), False, before, None)
    assert_same(trained, expected)


def full_disks(cluster, size, count):
    """Fill the disks of some workers."""
    addresses = sorted(cluster.workers.alive)[:count]
    futures = [
        cluster.client.submit(cluster_tasks.fill_disk, size, None, workers=[address], pure=False)
        for address in addresses
    ]
    cluster.client.gather(futures)


def test_shards_go_where_the_disk_is_not_full(table, local, expected):
    with connected(ClusterConfig(scheduler=local.scheduler_address, wait_timeout="60s"), print) as cluster:
        full_disks(cluster, 2000, 1)
        try:
            assert_same(running.train(cluster, table, reporter=Reporter(), **OPTIONS), expected)
            full_disks(cluster, 2000, 9)
            with pytest.raises(RnnfastError, match="rnnfast-shard"):
                running.train(cluster, table, reporter=Reporter(), **{**OPTIONS, "seed": 2})
        finally:
            full_disks(cluster, -1, 9)
