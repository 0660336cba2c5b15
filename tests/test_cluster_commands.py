"""The commands on a cluster: their options, and doctor."""

import json
import sys

import pandas as pd
import pytest
from clusters import LONGEST, guard, local, table
from ids import cases

from rnnfast.cli import run as main
from rnnfast.cluster.connection import connected
from rnnfast.config.cluster import ClusterConfig
from rnnfast.errors import ClusterError

__all__ = ["guard", "local", "table"]


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
