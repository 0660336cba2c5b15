"""Tasks on worker processes: answers in order, and by whom."""

import sys
import time

import cluster_tasks
import pytest
from clusters import cluster, guard, local, notices, one_worker, tasks, workers

from rnnfast.cluster.shared import Shared
from rnnfast.cluster.task import Task
from rnnfast.cluster.workers import Workers
from rnnfast.diagnose.machine import simd_bits
from rnnfast.errors import ClusterError, UsageError

__all__ = ["cluster", "guard", "local", "notices", "one_worker", "workers"]


def test_answers_are_in_the_order_of_the_tasks(cluster):
    answers = []
    assert cluster.run(tasks(cluster_tasks.square, *range(7)), on_answer=lambda *one: answers.append(one)) == [
        0, 1, 4, 9, 16, 25, 36,
    ]  # fmt: skip
    assert sorted(answers) == [(k, k * k) for k in range(7)]


def test_what_tasks_tell_comes_with_their_place(cluster):
    messages = []
    cluster.run([*tasks(cluster_tasks.square, 4, 5)], on_message=lambda *one: messages.append(one))
    assert sorted(messages, key=str) == [(0, {"number": 4}), (1, {"number": 5})]


def test_what_many_tasks_read_is_an_argument_like_others(cluster):
    text = Shared("x" * 1000)
    assert cluster.run(tasks(cluster_tasks.length, text, text, Shared("four"))) == [1000, 1000, 4]


def test_an_error_of_a_task_is_that_of_the_run(cluster):
    with pytest.raises(ValueError, match="not a number"):
        cluster.run(tasks(cluster_tasks.fail, "not a number"))


def test_a_check_ends_the_run_and_its_tasks(cluster, tmp_path):
    started = time.perf_counter()

    def check():
        if time.perf_counter() - started > 0.5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cluster.run(tasks(cluster_tasks.until_cancelled, tmp_path / "cancelled"), check=check)
    while not (tmp_path / "cancelled").exists():
        time.sleep(0.02)


def test_no_tasks_have_no_answers(cluster):
    assert cluster.run([]) == []


def test_an_error_that_does_not_come_again_is_none(workers, tmp_path):
    assert workers.run(tasks(cluster_tasks.fail_once, tmp_path / "a")) == ["written"]


def test_tasks_with_a_home_stay_with_their_worker(workers):
    at_home = [Task(f"shard {k}", cluster_tasks.process, (k,), home=f"shard {k}") for k in range(4)]
    first = workers.run(at_home)
    assert workers.run(at_home) == first
    assert len(set(first)) == 2


def test_a_worker_of_another_version_is_named(workers, monkeypatch):
    other = {**workers.caller.versions, "numba": "0.1"}
    monkeypatch.setattr(workers, "caller", workers.caller._replace(versions=other))
    with pytest.raises(UsageError, match=r"worker tcp://.* has numba .* \(here 0.1\); install the same versions"):
        workers.run(tasks(cluster_tasks.square, 1))


@pytest.mark.skipif(simd_bits() == 128, reason="vectors of this processor are the narrowest that there are")
def test_all_compute_with_the_narrowest_vectors(one_worker, monkeypatch):
    cluster, _ = one_worker
    wide, notices = cluster.caller, []
    monkeypatch.setattr(cluster, "caller", wide._replace(simd_bits=128))
    assert cluster.run(tasks(cluster_tasks.width, 0)) == [128]
    cluster.caller = wide
    with pytest.raises(UsageError, match=r"worker tcp.* has vectors of 128 bits, narrower than the \d+ "):
        cluster.run(tasks(cluster_tasks.width, 0))
    monkeypatch.setitem(sys.modules, "numba", sys)  # as where this process has compiled
    with pytest.raises(UsageError, match=r"this process has compiled for vectors of \d+ bits, and others .* have 128"):
        cluster.agree()
    monkeypatch.setattr("rnnfast.cluster.remote.narrow", lambda bits: None)
    monkeypatch.setattr(cluster.workers, "notice", notices.append)
    cluster.agree()
    assert cluster.caller.simd_bits == 128
    assert notices == [f"processors have vectors of 128, {wide.simd_bits} bits: all compute with the narrowest"]


def test_a_worker_may_take_what_dask_lets_it(one_worker):
    """Beyond it Dask pauses a worker, which gets no tasks any more."""
    cluster, lonely = one_worker
    (limit,) = (worker.memory_manager.memory_limit for worker in lonely.workers.values())
    assert cluster.run(tasks(cluster_tasks.memory, 0)) == [int(0.8 * limit)]


def test_a_run_whose_workers_are_short_of_memory_says_so(workers, monkeypatch):
    place = Workers(lambda wait: workers.client, 0.3, print)
    paused = {address: {**worker, "status": "paused"} for address, worker in place.alive.items()}
    monkeypatch.setattr(place, "_described", lambda: paused)
    monkeypatch.setattr("rnnfast.cluster.workers.REFRESH", 0.0)
    time.sleep(0.4)
    with pytest.raises(ClusterError, match="has only workers that are short of memory"):
        place.refresh()
