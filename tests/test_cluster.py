"""Tasks on worker processes: answers in order, and the same ones whatever happens to workers."""

import json
import os
import random
import signal
import subprocess
import sys
import time

import cluster_tasks
import numpy as np
import pandas as pd
import pytest
from hanging import ends_within
from ids import cases

import rnnfast
import rnnfast.dask
from rnnfast.cli import run as main
from rnnfast.cluster.connection import connected
from rnnfast.cluster.here import InProcess
from rnnfast.cluster.shared import Shared
from rnnfast.cluster.task import Task
from rnnfast.cluster.workers import Workers
from rnnfast.config.cluster import ClusterConfig
from rnnfast.config.folding import FoldConfig
from rnnfast.config.resolve import Config
from rnnfast.config.tuning import TuneConfig
from rnnfast.diagnose.machine import simd_bits
from rnnfast.errors import ClusterError, DataError, DivergedError, UsageError
from rnnfast.model.elsewhere import on_cluster
from rnnfast.model.predictions import predict_table
from rnnfast.model.tables import evaluate_table
from rnnfast.reporter import Reporter
from rnnfast.training.away import STATE
from rnnfast.training.cross_validation import cross_validate
from rnnfast.training.resuming import resumed
from rnnfast.training.run import run
from rnnfast.training.tuning import Tables, tune_tables

distributed = pytest.importorskip("distributed")
psutil = pytest.importorskip("psutil")
KILLS = int(os.environ.get("CLUSTER_KILLS", "1"))  # by hand: 30, which take some minutes
LONGEST = 120 if KILLS == 1 else 1200  # seconds of a test


@pytest.fixture(autouse=True)
def _guard():
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


def tasks(function, *arguments):
    return [Task(f"task {number}", function, (value,)) for number, value in enumerate(arguments)]


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


@pytest.fixture
def one_worker():
    """A cluster of one fresh worker, with the workers as Dask has them."""
    options = {"threads_per_worker": 1, "processes": True, "dashboard_address": None, "silence_logs": 50}
    with distributed.LocalCluster(n_workers=1, **options) as lonely:
        place = ClusterConfig(scheduler=lonely.scheduler_address, wait_timeout="60s")
        with connected(place, lambda notice: None) as cluster:
            yield cluster, lonely


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


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """A CSV of 40 sequences of 6 steps with a class."""
    x = np.random.default_rng(0).normal(size=(40, 6))
    frame = pd.DataFrame({"name": np.repeat(np.arange(40), 6), "t": np.tile(np.arange(6), 40), "x": x.ravel()})
    frame["y"] = (x.cumsum(axis=1).ravel() > 0).astype(int)
    path = tmp_path_factory.mktemp("table") / "table.csv"
    frame.to_csv(path, index=False)
    return path


OPTIONS = {"id": "name", "time": "t", "target": "y", "hidden": 4, "epochs": 3}
SAME = cases({"memory": {"cell": "gru"}, "blocks": {"cell": "rnn", "memory": "600M"}, "float64": {"dtype": "float64"}})


def config_of(table, tmp_path, options):
    values = {**OPTIONS, **options, "data": (str(table),), "output": str(tmp_path / "run")}
    return Config().with_values(values, "test")


def test_folds_are_those_of_one_machine(workers, table, tmp_path):
    results = []
    for place in (None, workers):
        values = {**OPTIONS, "cell": "gru", "dtype": "float64"}
        path = tmp_path / f"{len(results)}.csv"
        config = Config().with_values(values, "test")
        folds = FoldConfig(folds=2, repeats=2)
        results.append((cross_validate(str(table), config, folds, path, cluster=place), path.read_bytes()))
    (here, text), (there, same_text) = results
    assert text == same_text
    assert here.pooled.metrics == there.pooled.metrics
    for one, other in zip(here.folds, there.folds, strict=True):
        assert_same(one.model.parameters, other.model.parameters)
        assert one.metrics == other.metrics


def assert_same(parameters, others):
    assert parameters.keys() == others.keys()
    for name in parameters:
        np.testing.assert_array_equal(parameters[name], others[name])


@pytest.mark.parametrize(
    "options", cases({"refit": {"refit": True}, "bags": {"bag": True}, "blocks": {"memory": "600M"}})
)
def test_networks_of_an_ensemble_are_those_of_one_machine(workers, table, tmp_path, options):
    members = {"cell": "gru", "ensemble": 3, **options}
    here = run(config_of(table, tmp_path / "here", members))
    there = run(config_of(table, tmp_path / "there", members), cluster=workers)
    assert_same(here.model.parameters, there.model.parameters)
    assert here.metrics == there.metrics
    assert here.history == there.history
    assert (tmp_path / "here/run/history.csv").read_bytes() == (tmp_path / "there/run/history.csv").read_bytes()


def test_a_search_is_that_of_one_machine(workers, table, tmp_path):
    pytest.importorskip("optuna")
    journals = []
    for place in (None, workers):
        directory = tmp_path / f"{len(journals)}"
        config = Config().with_values({**OPTIONS, "ensemble": 1, "output": str(directory)}, "test")
        tune_tables(Tables(str(table)), config, TuneConfig(trials=4), size=4, cluster=place)
        lines = (directory / "trials.jsonl").read_text().splitlines()[1:]
        journals.append([line.partition('"seconds"')[0] for line in lines])
    assert journals[0] == journals[1]


@pytest.mark.parametrize(
    "options",
    cases(
        {
            "ensemble": {"cell": "gru", "ensemble": 2},
            "both directions": {"cell": "lstm", "bidirectional": True},
            "windows": {"cell": "rnn", "window": 3, "dtype": "float64"},
            "last step": {"cell": "gru", "predict": "last"},
        }
    ),
)
def test_answers_and_scores_are_those_of_one_machine(cluster, table, tmp_path, options, monkeypatch):
    monkeypatch.setattr("rnnfast.model.elsewhere.LEAST", 64)  # bytes: so that there are several pieces
    run(config_of(table, tmp_path, options))
    path, answers, scores = tmp_path / "run", [], []
    for model in (path, on_cluster(path, cluster)):
        predict_table(model, [str(table)], tmp_path / "p.csv", force=True)
        answers.append((tmp_path / "p.csv").read_bytes())
        scores.append(evaluate_table(model, [str(table)]).evaluation)
    assert answers[0] == answers[1]
    assert scores[0].metrics == scores[1].metrics


def test_what_cannot_be_in_shards_is_refused_before_workers_start(table, tmp_path, capsys, monkeypatch):
    def start(*_):
        raise AssertionError("a cluster was started")

    monkeypatch.setattr("rnnfast.cluster.connection._scheduler", start)
    pd.read_csv(table)[["x", "y"]].to_csv(tmp_path / "rows.csv", index=False)
    command = ["train", "--target", "y", "--workers", "2", "--data"]
    assert main([*command, str(tmp_path / "rows.csv")]) == 2
    assert "a shard holds whole ids, and the table has none" in " ".join(capsys.readouterr().err.split())
    assert main([*command, str(tmp_path / "nowhere.csv")]) == 3
    assert main([*command, str(table), "--split-by", "time"]) == 2
    assert "does not go with --split-by time" in " ".join(capsys.readouterr().err.split())


def test_the_command_that_goes_on_names_the_cluster(local):
    place = ClusterConfig(scheduler=local.scheduler_address)
    error = ClusterError("no worker")
    error.command = "rnnfast cv --resume runs/a"
    with pytest.raises(ClusterError) as raised, connected(place, lambda notice: None):
        raise error
    command = f"rnnfast cv --resume runs/a --scheduler {local.scheduler_address}"
    assert str(raised.value) == f"no worker; {command} goes on"


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
    options = ["--port", "0", "--dashboard-address", "127.0.0.1:0", "--scheduler-file", str(file)]
    command = [sys.executable, "-m", "distributed.cli.dask_scheduler", *options]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as scheduler:
        while not file.exists():
            time.sleep(0.05)
        place = ClusterConfig(scheduler_file=str(file), wait_timeout="2s")
        try:
            with connected(place, lambda notice: None) as cluster, pytest.raises(ClusterError) as error:
                cluster.run(tasks(cluster_tasks.square, 1), check=scheduler.kill)
        finally:
            scheduler.kill()
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


def test_python_takes_a_client(workers, table):
    options = {**OPTIONS, "cell": "gru", "ensemble": 2}
    here = rnnfast.train(str(table), **options)
    there = rnnfast.dask.train(workers.client, str(table), **options)
    assert_same(here.model.parameters, there.model.parameters)
    folds = rnnfast.dask.cv(workers.client, str(table), folds=2, **OPTIONS)
    assert folds.mean == rnnfast.cv(str(table), folds=2, **OPTIONS).mean


def test_a_dask_dataframe_is_trained_on_and_answered(workers, table):
    frames = pytest.importorskip("dask.dataframe")
    frame = pd.read_csv(table)
    divided = frames.from_pandas(frame, npartitions=4, sort=False)
    result = rnnfast.dask.train(workers.client, divided, **OPTIONS)
    assert_same(result.model.parameters, rnnfast.train(frame, **OPTIONS).model.parameters)
    answers = workers.client.compute(rnnfast.dask.predict(workers.client, result.model, divided)).result()
    pd.testing.assert_frame_equal(answers, result.model.predict(frame), rtol=1e-6)
    with pytest.raises(DataError, match=r"has rows in two partitions; give data.shuffle\(on='name'\)"):
        rnnfast.dask.predict(workers.client, result.model, frames.from_pandas(frame, npartitions=7, sort=False))


def test_partitions_of_a_dask_dataframe_are_shards_where_they_lie(workers, table):
    frames = pytest.importorskip("dask.dataframe")
    frame = pd.read_csv(table)
    divided = frames.from_pandas(frame, npartitions=4, sort=False).map_partitions(lambda part: part)
    options = {**OPTIONS, "cell": "gru", "shards": 2}
    result = rnnfast.dask.train(workers.client, divided, **options)
    names = []
    for number in range(4):
        names.append(table.parent / f"part{number}.parquet")
        divided.partitions[number].compute().to_parquet(names[-1], index=False)
    files = rnnfast.dask.train(workers.client, names, sharding="files", **options)
    assert_same(result.model.parameters, files.model.parameters)
    assert result.sequences == files.sequences
    assert sum(result.sequences.values()) == frame["name"].nunique()
    with pytest.raises(DataError, match=r"the id '\d+' is in shard . and in shard ."):
        rnnfast.dask.train(workers.client, frames.from_pandas(frame, npartitions=7, sort=False), **options)
    with pytest.raises(UsageError, match="has 4 partitions; give as many at most"):
        rnnfast.dask.train(workers.client, divided, **{**options, "shards": 5})
    with pytest.raises(UsageError, match="is divided by its partitions"):
        rnnfast.dask.train(workers.client, divided, sharding="ids", **options)


def test_files_are_answered_one_by_one(workers, table, tmp_path):
    frame = pd.read_csv(table)
    model = rnnfast.train(frame, **OPTIONS).model
    names = []
    for number, part in enumerate((frame[:60], frame[60:])):
        names.append(tmp_path / f"{number}.csv")
        part.to_csv(names[-1], index=False)
    outputs = rnnfast.dask.predict(workers.client, model, names, tmp_path / "answers")
    assert [path.name for path in outputs] == ["0.csv", "1.csv"]
    lines = pd.concat(map(pd.read_csv, outputs), ignore_index=True)
    pd.testing.assert_frame_equal(lines, model.predict(frame), check_dtype=False, rtol=1e-6)
    frame[57:63].to_csv(names[1], index=False)
    with pytest.raises(DataError, match="an id of column 'name' has rows in both"):
        rnnfast.dask.predict(workers.client, model, names, tmp_path / "other")
    assert not list((tmp_path / "other").iterdir())


def test_a_network_that_diverges_on_a_worker_ends_the_run_with_it(workers, table):
    config = Config().with_values({**OPTIONS, "lr": 1e30, "optimizer": "sgd", "clip_norm": 0}, "test")
    with pytest.raises(DivergedError, match="fold 1 of 3") as error:
        cross_validate(str(table), config, FoldConfig(folds=3), cluster=workers)
    assert error.value.epoch == 1


def test_doctor_tells_of_each_worker(local, table, capsys):
    scheduler = ("--scheduler", local.scheduler_address)
    assert main(["doctor", *scheduler, "--data", str(table), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert len(report["workers"]) == 2
    for worker in report["workers"]:
        assert worker["versions"] == report["versions"]
        assert worker["threads"] == 1
        assert worker["unreadable"] == {}
    assert report["round_seconds"] < LONGEST
    assert main(["doctor", *scheduler, "--data", "nowhere.csv"]) == 1
    assert "nowhere.csv: No such file or directory" in " ".join(capsys.readouterr().out.split())


def test_doctor_ends_with_code_2_where_versions_differ(local, monkeypatch, capsys):
    monkeypatch.setattr("rnnfast.diagnose.versions.__version__", "9.9")
    assert main(["doctor", "--scheduler", local.scheduler_address]) == 2
    assert "install what is here: rnnfast 9.9" in " ".join(capsys.readouterr().out.split())


def test_a_command_takes_its_own_workers(table, tmp_path, capsys):
    """Processes that end with the command."""
    options = ["--data", str(table), "--id", "name", "--time", "t", "--target", "y", "--hidden", "4", "--epochs", "2"]
    assert main(["cv", *options, "--folds", "2", "--json"]) == 0
    here = json.loads(capsys.readouterr().out)
    assert main(["cv", *options, "--folds", "2", "--json", "--workers", "1"]) == 0
    there = json.loads(capsys.readouterr().out)
    assert there["mean"] == here["mean"]
    assert there["pooled"] == here["pooled"]


@pytest.mark.parametrize(
    ("flags", "message"),
    cases(
        {
            "two places": (["--scheduler", "tcp://a:1", "--workers", "2"], "a run has one cluster; give one of them"),
            "no workers": (["--workers", "0"], "--workers"),
            "no address": (["--scheduler", "here"], "--scheduler here: missing port number"),
            "nobody": (
                ["--scheduler", "tcp://127.0.0.1:1", "--wait-timeout", "1s"],
                "no scheduler at tcp://127.0.0.1:1",
            ),
            "no file": (["--scheduler-file", "nowhere.json"], "nowhere.json: no such file; the scheduler writes it"),
            "no time": (["--workers", "2", "--wait-timeout", "long"], "wait_timeout: 'long' is not a duration"),
        }
    ),
)
def test_wrong_options_are_refused(table, capsys, flags, message):
    assert main(["cv", "--data", str(table), *flags]) in (1, 2)
    assert message in " ".join(capsys.readouterr().err.split())


def test_without_dask_the_error_names_the_extra(table, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert main(["cv", "--data", str(table), "--workers", "2"]) == 1
    assert "pip install 'rnnfast[dask]'" in capsys.readouterr().err


class Killer(Reporter):
    """Kills workers while folds train, at the first epoch it hears of, then at random ones."""

    def __init__(self):
        self.killed, self.random = 0, random.Random(0)

    def epoch(self, record):
        if self.killed < KILLS and (not self.killed or self.random.random() < 0.12):
            children = psutil.Process().children()
            workers = [child for child in children if "multiprocessing.spawn" in " ".join(child.cmdline())]
            if workers:
                self.random.choice(workers).kill()
                self.killed += 1


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
