"""A table in shards: one shard is a local run, and several have the same bits wherever and however they are trained."""

import json
from pathlib import Path
from threading import Event

import numpy as np
import pandas as pd
import pytest
from commands import fails, result
from ids import cases
from notices import Notices
from sharded_tables import GRU, OPTIONS, Forgetful, assert_bits, assert_same, directory, sharded, table

import rnnfast
from rnnfast.cluster.here import InProcess
from rnnfast.cluster.task import Watch
from rnnfast.config.resolve import Config
from rnnfast.data.sequences.budget import Budget
from rnnfast.data.sequences.identities import Shard, shard_of
from rnnfast.data.sequences.stored import StoredSequences
from rnnfast.errors import ClusterError, DataError, UsageError
from rnnfast.shards import running, tasks, where
from rnnfast.shards.plan import Plan
from rnnfast.training.resuming import resumed

__all__ = ["directory", "table"]


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize(
    ("data", "options"),
    cases(
        {
            "an update a sequence": ("table.csv", {"ignore": "colour"}),
            "hidden categories": ("table.csv", {**GRU, "categorical": "colour"}),
            "a rate for each update": ("table.csv", {**GRU, "ignore": "colour", "schedule": "onecycle"}),
            "random starts": ("table.csv", {**GRU, "ignore": "colour", "random_start": True}),
            "dropped values": ("table.csv", {**GRU, "categorical": "colour", "augment": "drop"}),
            "clipped now and then": ("quantity.csv", {**GRU, "clip_norm": 0.4}),
            "a schedule that watches": ("quantity.csv", {**GRU, "schedule": "plateau", "lr_step": 1}),
            "a lagged target": ("quantity.csv", {**GRU, "lag_target": True, "scale": "zscore"}),
            "early stopping": ("quantity.csv", {**GRU, "patience": 1, "epochs": 6, "lr": 0.1}),
            "trained again": ("quantity.csv", {**GRU, "refit": True}),
        }
    ),
)
def test_one_shard_is_a_local_run(data, options):
    assert_same(sharded(1, data=data, **options), rnnfast.train(data, **{**OPTIONS, **options}))


@pytest.mark.usefixtures("table")
def test_one_shard_in_several_blocks_is_a_local_run_in_blocks(monkeypatch):
    whole = Budget.of_phase.fget
    monkeypatch.setattr(Budget, "of_phase", property(lambda budget: whole(budget)._replace(block=5_000)))
    monkeypatch.setattr("rnnfast.data.reading.opening.needs_store", lambda names, budget, options: True)
    options = {**GRU, "memory": "900M"}
    assert_same(sharded(1, data="quantity.csv", **options), rnnfast.train("quantity.csv", **{**OPTIONS, **options}))


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize("outer", ["average", "nesterov"])
def test_the_bits_depend_on_the_shards_alone(outer):
    options = {**GRU, "categorical": "colour", "rounds": 3, "outer": outer}
    usual = sharded(4, **options)
    assert_same(sharded(4, InProcess(3), **options), usual)
    assert_same(sharded(4, Forgetful(), **options), usual)
    other = sharded(3, **options)
    assert any((tensor != other.model.parameters[name]).any() for name, tensor in usual.model.parameters.items())


def test_files_do_not_matter_to_shards(table):
    third = len(table) // 3
    for number in range(3):  # which ends within sequences
        table.iloc[number * third : (number + 1) * third if number < 2 else None].to_csv(f"{number}.csv", index=False)
    parts = sharded(3, data=["0.csv", "1.csv", "2.csv"], **GRU, ignore="colour")
    assert_same(parts, sharded(3, **GRU, ignore="colour"))


@pytest.mark.usefixtures("table")
def test_the_split_of_shards_is_found_again(capsys):
    arguments = ["--data", "table.csv", "--ignore", "colour", "--hidden", "4", "--epochs", "2", "--no-cache"]
    trained = result(["train", *arguments, "--shards", "4", "-o", "run"], capsys)
    assert trained["model"] == str(Path("run/model.safetensors"))
    scored = result(["eval", "--model", "run", "--data", "table.csv", "--part", "valid"], capsys)
    figures = trained["metrics"]["valid"]
    assert scored["metrics"]["auprc"] == figures["auprc"]
    assert scored["metrics"]["loss"] == pytest.approx(figures["loss"], rel=1e-9)


def test_an_id_belongs_to_one_shard_whatever_stands_beside_it():
    ids = np.array([f"id {k}" for k in range(500)], object)
    shards = shard_of(ids, 7)
    assert (shard_of(ids[::-1], 7) == shards[::-1]).all()
    assert np.bincount(shards, minlength=7).min() > 0
    assert (Shard(3, 7).holds(ids) == (shards == 3)).all()


@pytest.mark.usefixtures("table")
def test_shards_without_ids_are_named():
    told = Notices()
    sharded(300, epochs=1, ignore="colour", reporter=told, split=(1.0,))
    assert any("of 300 shards have nothing to train on: " in text for text in told.notices)


def test_shards_without_positives_train(table):
    """All positives are of one id, and so in one shard."""
    table["y1"] = ((table["name"] == "card 0") & (table["x1"] > 0)).astype(int)
    table.to_csv("table.csv", index=False)
    trained = sharded(4, ignore="colour", task="binary", split=(1.0,))
    assert np.isfinite(trained.history[-1]["loss"])
    assert trained.metrics["train"]["auroc"] is not None


def test_a_giant_id_trains(table):
    """One id has nine tenths of all rows, and its shard most of the work."""
    giant = pd.concat([table.assign(name="giant", t=table["t"] + k * len(table)) for k in range(9)])
    pd.concat((table, giant)).to_csv("table.csv", index=False)
    options, told = {**GRU, "ignore": "colour", "rounds": 2, "split": (1.0,)}, Notices()
    trained = sharded(4, reporter=told, **options)
    assert_bits(sharded(4, Forgetful(), **options), trained)
    steps = next(text for text in told.notices if "shards train on" in text)
    assert int(steps.split(" to ")[1].split(" ")[0].replace(",", "")) > 0.9 * 10 * len(table)


def test_ids_may_be_interleaved_over_files(table):
    names = [f"{number}.csv" for number in range(3)]
    for number, name in enumerate(names):
        table.iloc[number::3].to_csv(name, index=False)
    options = {**GRU, "ignore": "colour", "rounds": 2}
    parts = sharded(4, data=names, **options)
    assert_same(sharded(4, Forgetful(), data=names, **options), parts)
    assert parts.sequences == sharded(4, **options).sequences


@pytest.mark.usefixtures("table")
def test_a_table_of_many_times_the_memory_is_read_in_blocks(monkeypatch):
    """No more is held than --memory gives to a block: here a tenth of each of two shards."""
    whole, read, most = Budget.of_phase.fget, StoredSequences.read, []
    monkeypatch.setattr(Budget, "of_phase", property(lambda budget: whole(budget)._replace(block=3_000)))

    def watched(part, first, stop, only=None):
        most.append((part.offsets[stop] - part.offsets[first]) / part.rows)
        return read(part, first, stop, only)

    monkeypatch.setattr(StoredSequences, "read", watched)
    options = {**GRU, "memory": "900M", "epochs": 2, "rounds": 2, "data": "quantity.csv"}
    trained = sharded(2, **options)
    trained_in_blocks = [share for share in most if share < 1]
    assert np.median(trained_in_blocks) < 0.15
    assert_same(sharded(2, Forgetful(), **options), trained)


def test_files_may_be_shards_where_ids_are_whole_in_them(table):
    names = table["name"].unique()
    for number in range(2):
        table[table["name"].isin(names[number::2])].to_csv(f"{number}.csv", index=False)
    trained = sharded(2, data=["0.csv", "1.csv"], sharding="files", categorical="colour")
    assert trained.sequences["train"] + trained.sequences["valid"] == len(names)
    beside = sharded(2, data=["0.csv", "1.csv"], sharding="files", ignore="colour", valid="table.csv", epochs=0)
    assert beside.sequences == {"train": len(names), "valid": len(names), "test": 0}
    table.to_csv("1.csv", index=False)
    with pytest.raises(DataError, match=r"the id 'card \d+' is in shard 0 and in shard 1"):
        sharded(2, data=["0.csv", "1.csv"], sharding="files", ignore="colour")


@pytest.mark.usefixtures("table")
def test_a_run_whose_cluster_goes_is_saved_and_goes_on_with_the_same_bits():
    class Ending(InProcess):
        left = 17  # calls

        def run(self, tasks_of_run, **listeners):
            self.left -= 1
            if not self.left:
                raise ClusterError("no worker")
            return super().run(tasks_of_run, **listeners)

    def config(directory):
        values = {
            **OPTIONS,
            **GRU,
            "ignore": "colour",
            "data": ["table.csv"],
            "shards": 3,
            "rounds": 3,
            "output": directory,
        }
        return Config().with_values(values, "test")

    whole = where.run_where(config("whole"), Notices(), False, None, None)
    with pytest.raises(ClusterError, match=r"no worker; rnnfast train --resume .* goes on"):
        where.run_where(config("cut"), Notices(), False, None, Ending())
    before = resumed("cut", {})
    rest = where.run_where(before.config, Notices(), False, before, None)
    assert_same(rest, whole)


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize(
    ("options", "message"),
    cases(
        {
            "an ensemble": ({"ensemble": 2}, "does not go with --ensemble 2"),
            "a race": ({"preset": "best"}, "does not go with --preset best"),
            "points in time": ({"split_by": "time"}, "does not go with --split-by time"),
            "more files than there are": ({"sharding": "files"}, "1 files are fewer than --shards 4"),
        }
    ),
)
def test_what_shards_do_not_go_with(options, message):
    with pytest.raises(UsageError, match=message):
        sharded(4, **options)


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize("command", [["cv"], ["tune", "--trials", "2"]], ids=["cv", "tune"])
def test_folds_and_trials_have_no_shards(command, capsys):
    assert "only `rnnfast train`" in fails([*command, "--data", "table.csv", "--shards", "2"], 2, capsys)


def test_a_table_without_ids_has_no_shards():
    pd.DataFrame({"x": np.arange(50.0), "y": np.arange(50) % 2}).to_csv("rows.csv", index=False)
    with pytest.raises(UsageError, match="a shard holds whole ids, and the table has none"):
        sharded(2, data="rows.csv", target="y")


def test_a_worker_with_less_memory_than_a_shard_may_take_is_refused():
    plan = Plan.of(Config().with_values({"memory": "2G"}, "test"))
    tasks.check_memory(plan, None)
    tasks.check_memory(plan, 2_000_000_000)
    with pytest.raises(UsageError, match=r"a worker gets no tasks beyond 1 GB.* gives each 2G; give --memory 1000M"):
        tasks.check_memory(plan, 1_000_000_000)


def test_tasks_give_signs_of_life_while_they_run(monkeypatch):
    class Heard(Watch):
        def __init__(self):
            self.signs = 0

        def tell(self, message):
            self.signs += 1

    monkeypatch.setattr(tasks, "SIGN", 0.001)
    watch, heard = Heard(), Event()
    tasks.alive(lambda watch: heard.wait(0.1))(watch)
    assert watch.signs
    last = watch.signs
    heard.wait(0.05)
    assert watch.signs <= last + 1


@pytest.mark.usefixtures("table")
def test_rounds_stand_in_the_log():
    sharded(3, ignore="colour", rounds=2, epochs=2, log_file="log.jsonl")
    lines = [json.loads(line) for line in Path("log.jsonl").read_text().splitlines()]
    rounds = [line for line in lines if line["event"] == "round"]
    assert [(line["epoch"], line["round"]) for line in rounds] == [(1, 1), (1, 2), (2, 1), (2, 2)]
    assert all(line["steps"] > 0 and np.isfinite(line["train_loss"]) and line["rounds"] == 2 for line in rounds)


@pytest.mark.usefixtures("table")
def test_options_of_rounds_have_no_effect_on_one_machine():
    with pytest.raises(UsageError, match="--rounds 3 has no effect"):
        rnnfast.train("table.csv", **OPTIONS, rounds=3)


@pytest.mark.parametrize("name", ["data", "valid", "test"])
def test_a_table_that_no_worker_can_open_is_refused(name):
    tables = {"data": "table.csv", name: pd.DataFrame({"id": [1], "y": [2.0]})}
    with pytest.raises(UsageError, match="shards are read by the workers: give the names of files"):
        running.train(InProcess(), tables.pop("data"), shards=2, **tables)
