"""Workers and schedulers that are lost, frozen, or join: no task is lost, and runs that end go on."""

import os
import random
import signal
import time
from functools import partial

import cluster_tasks
import pytest
from clusters import (
    KILLS,
    LONGEST,
    OPTIONS,
    assert_same,
    config_of,
    guard,
    local,
    notices,
    one_worker,
    scheduler,
    table,
    tasks,
    workers,
)  # fmt: skip
from ids import cases

from rnnfast.cluster.connection import connected
from rnnfast.cluster.here import InProcess
from rnnfast.cluster.shared import Shared
from rnnfast.cluster.task import Task
from rnnfast.cluster.workers import Workers
from rnnfast.config.cluster import ClusterConfig
from rnnfast.config.folding import FoldConfig
from rnnfast.config.resolve import Config
from rnnfast.errors import ClusterError
from rnnfast.reporter import Reporter
from rnnfast.training.away import STATE
from rnnfast.training.cross_validation import cross_validate
from rnnfast.training.resuming import resumed
from rnnfast.training.run import run

__all__ = ["guard", "local", "notices", "one_worker", "table", "workers"]

psutil = pytest.importorskip("psutil")


FEW = 4  # workers that are killed before a fold ends


class Losing(InProcess):
    """Loses all workers when the first task of a run has its answer."""

    def run(self, tasks, **listeners):
        super().run(tasks[:1], **listeners)
        raise ClusterError("no worker left")


@pytest.mark.parametrize("options", cases({"plain": {}, "refit": {"refit": True}}))
def test_a_run_without_workers_is_saved_and_goes_on(table, tmp_path, options):
    members = {"cell": "gru", "ensemble": 3, **options}
    here = run(config_of(table, tmp_path / "here", members))
    config = config_of(table, tmp_path / "there", members)
    with pytest.raises(ClusterError, match=r"no worker left; rnnfast train --resume .*run goes on"):
        run(config, cluster=Losing())
    before = resumed(tmp_path / "there/run", {})
    assert list(before.checkpoint.networks) == ["networks/1"]
    there = run(before.config, cluster=InProcess(2), before=before)
    assert_same(here.model.parameters, there.model.parameters)
    assert here.history == there.history


class Leaving(InProcess):
    """Loses all workers when a network has told so many of its states."""

    def __init__(self, states):
        super().__init__(2)
        self.left = states

    def run(self, tasks, *, on_message, **listeners):
        def hear(number, message):
            on_message(number, message)
            self.left -= message[0] == STATE
            if not self.left:
                raise ClusterError("no worker left")

        return super().run(tasks, on_message=hear, **listeners)


@pytest.mark.parametrize("options", cases({"plain": {"ensemble": 3}, "refit": {"ensemble": 2, "refit": True}}))
def test_networks_on_workers_go_on_from_the_states_that_they_told(table, tmp_path, options, monkeypatch):
    monkeypatch.setattr("rnnfast.training.away.STATES", 0.0)
    members = {"cell": "gru", "epochs": 6, "checkpoint": "2epochs", **options}
    here = run(config_of(table, tmp_path / "here", members))
    config = config_of(table, tmp_path / "there", members)
    with pytest.raises(ClusterError):
        run(config, cluster=Leaving(3))
    before = resumed(tmp_path / "there/run", {})
    assert any(state.trains and state.record.epochs for state in before.checkpoint.networks.values())
    there = run(before.config, cluster=InProcess(2), before=before)
    assert_same(here.model.parameters, there.model.parameters)
    assert here.history == there.history


def test_a_run_whose_scheduler_is_killed_waits_and_ends(tmp_path):
    file = tmp_path / "scheduler.json"
    place = ClusterConfig(scheduler_file=str(file), wait_timeout="2s")
    with scheduler(file) as process, connected(place, print) as cluster, pytest.raises(ClusterError) as error:
        cluster.run(tasks(cluster_tasks.square, 1), check=process.kill)
    assert "does not answer for" in str(error.value)
    assert "0 of 1 tasks were done" in str(error.value)


def test_folds_without_workers_are_saved_and_go_on(table, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config, folds = Config().with_values({**OPTIONS, "cell": "gru"}, "test"), FoldConfig(folds=3)
    here = cross_validate([str(table)], config, folds)
    with pytest.raises(ClusterError, match=r"rnnfast cv --resume runs/table-cv goes on"):
        cross_validate([str(table)], config, folds, save=True, cluster=Losing())
    before = resumed("runs/table-cv", {"data": (str(table),)}, "cv")
    there = cross_validate([str(table)], before.config, folds, save=before, cluster=InProcess(2))
    assert here.pooled.metrics == there.pooled.metrics


class Killer(Reporter):
    """Kills workers while folds train, at the first epoch it hears of, then at random ones.

    It kills a few of them between the ends of two folds, as a fold that loses ten workers ends the run.
    """

    def __init__(self):
        self.killed, self.random = 0, random.Random(0)
        self.left = FEW

    def epoch(self, record):
        if self.killed < KILLS and self.left and (not self.killed or self.random.random() < 0.12):
            children = psutil.Process().children()
            workers = [child for child in children if "multiprocessing.spawn" in " ".join(child.cmdline())]
            if workers:
                self.random.choice(workers).kill()
                self.killed, self.left = self.killed + 1, self.left - 1

    def fold(self, result):
        self.left = FEW


def test_folds_survive_killed_workers(table):
    killer = Killer()
    epochs = 200 if KILLS == 1 else 1500
    config = Config().with_values({**OPTIONS, "cell": "gru", "epochs": epochs, "patience": 0}, "test")
    folds = FoldConfig(folds=3 if KILLS == 1 else 20)
    here = cross_validate(str(table), config, folds)
    with connected(ClusterConfig(workers=2, wait_timeout="60s"), killer.notice) as cluster:
        while killer.killed < KILLS:
            there = cross_validate(str(table), config, folds, reporter=killer, cluster=cluster)
            assert here.pooled.metrics == there.pooled.metrics


def test_killed_workers_lose_no_task(workers, notices, tmp_path):
    assert workers.run(tasks(cluster_tasks.die_once, *(tmp_path / f"{k}" for k in range(4)))) == ["alive"] * 4
    assert any("lost worker" in text for text in notices)


def test_workers_that_nobody_starts_again_lose_no_task(tmp_path):
    file = tmp_path / "scheduler.json"
    with scheduler(file, workers=2), connected(ClusterConfig(scheduler_file=str(file)), print) as cluster:
        cluster.client.wait_for_workers(2, timeout=LONGEST)
        assert cluster.run(tasks(cluster_tasks.die_once, tmp_path / "dead")) == ["alive"]
        assert len(cluster.workers.alive) == 1


def test_the_only_worker_that_is_killed_takes_nothing_along(one_worker, tmp_path):
    """The one that begins in its place gets what all tasks read, too."""
    cluster, _ = one_worker
    shared = Task("task 0", cluster_tasks.die_with, (Shared("x" * 1000), tmp_path / "dead"))
    assert cluster.run([shared]) == ["alive"]


def test_an_answer_that_is_lost_with_its_worker_is_computed_again(one_worker, tmp_path):
    cluster, _ = one_worker
    assert cluster.run([Task("task 0", cluster_tasks.die_at_the_end, (tmp_path / "dead",))]) == ["alive"]


def test_a_task_whose_disk_does_not_answer_ends_the_run(workers):
    with pytest.raises(TimeoutError, match="the disk does not answer"):
        workers.run(tasks(cluster_tasks.time_out, 1))


def test_what_dask_gives_up_is_sent_anew(one_worker, tmp_path, monkeypatch):
    """Dask gives up what was on its way to several workers that died."""
    cluster, lonely = one_worker
    lonely.scheduler.allowed_failures = 0
    monkeypatch.setattr("rnnfast.cluster.run.held", partial(cluster_tasks.held_later, tmp_path / "dead"))
    assert cluster.run([Task("task 0", cluster_tasks.length, (Shared("x" * 1000),))]) == [1000]


def test_a_start_asks_the_workers_that_answer(workers, notices, monkeypatch):
    monkeypatch.setattr("rnnfast.cluster.workers.QUIET", 1.5)
    monkeypatch.setattr("rnnfast.cluster.remote.CONNECT", LONGEST)  # which a start would wait for the others
    place = workers.workers
    address, pid = next(iter(workers.each(os.getpid, among=place.alive, timeout=LONGEST)[0].items()))
    os.kill(pid, signal.SIGSTOP)
    try:
        while address in place.answering:
            time.sleep(0.2)
            place.look()
        workers.agree()
        assert address not in place.free
        assert f"worker {address} does not answer: the run begins without it" in notices
    finally:
        os.kill(pid, signal.SIGCONT)
    while address not in place.free:
        time.sleep(0.2)
        place.look()


def test_a_frozen_worker_loses_no_task(workers, tmp_path):
    workers.client.wait_for_workers(2, timeout=60)  # those that were killed begin anew
    workers.workers.patience = 4.0
    try:
        assert workers.run(tasks(cluster_tasks.freeze_once, tmp_path / "frozen")) == ["awake"]
    finally:
        workers.workers.patience = 60.0
        os.kill(int((tmp_path / "frozen").read_text()), signal.SIGCONT)


def test_a_frozen_worker_keeps_nobody_from_what_it_holds(one_worker, tmp_path):
    """The only worker has what all tasks read; the one that joins gets it from elsewhere."""
    cluster, lonely = one_worker
    cluster.workers.patience = 4.0
    path, text = tmp_path / "frozen", Shared("x" * 1000)
    both = [Task(f"task {k}", cluster_tasks.freeze_with, (text, path)) for k in range(2)]

    def check():
        if path.exists() and len(lonely.workers) < 2:
            lonely.scale(2)

    try:
        assert cluster.run(both, check=check) == ["awake"] * 2
    finally:
        os.kill(int(path.read_text()), signal.SIGCONT)


def test_a_worker_that_joins_gets_tasks(workers, local, notices):
    local.scale(3)
    while len(set(workers.run(tasks(cluster_tasks.process, *[0] * 6)))) < 3:
        time.sleep(0.2)
    assert any("joined" in text for text in notices)


def test_a_worker_that_never_begins_is_not_waited_for_any_longer(workers):
    notices = []
    incomplete = Workers(lambda wait: workers.workers.client, 0.3, notices.append, expected=99)
    incomplete.complete()
    assert 0 < len(incomplete.alive) < 99
    assert notices == []
