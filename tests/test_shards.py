"""A table in shards: one shard is a local run, and several have the same bits wherever and however they are trained."""

import json
from pathlib import Path
from threading import Event

import numpy as np
import pandas as pd
import pytest
from commands import fails, isolate, result
from ids import cases
from notices import Notices

import rnnfast
from rnnfast.cluster.here import InProcess
from rnnfast.cluster.task import Watch
from rnnfast.config.resolve import Config
from rnnfast.data.encoding.scaling import summary_for
from rnnfast.data.sequences.budget import Budget
from rnnfast.data.sequences.identities import Shard, shard_of
from rnnfast.data.sequences.stored import StoredSequences
from rnnfast.errors import ClusterError, DataError, UsageError
from rnnfast.shards import running, tasks, where
from rnnfast.shards.plan import Plan
from rnnfast.shards.state import OUTER_MOMENTUM, OUTER_RATE, Outer, State, averaged
from rnnfast.training.resuming import resumed

OPTIONS = {"preset": "fast", "hidden": 4, "epochs": 3, "seed": 1, "patience": 0, "cache": False}
GRU = {"cell": "gru", "optimizer": "adam", "batch_size": 8}


@pytest.fixture(autouse=True)
def _directory(tmp_path, monkeypatch):
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


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize("coarse", [False, True], ids=["exact", "histograms"])
def test_losses_and_areas_are_of_all_rows_where_a_sample_is_scored(monkeypatch, coarse):
    options = {**GRU, "ignore": "colour", "memory": "900M", "monitor": "auprc", "patience": 5}
    whole = sharded(3, **options)
    monkeypatch.setattr("rnnfast.shards.sequences.ShardedSequences.sample_room", 3000)
    if coarse:
        monkeypatch.setattr("rnnfast.training.totals.EXACT_STEPS", 10)
    told = Notices()
    sampled = sharded(3, reporter=told, **options)
    assert any("train: scored on" in text for text in told.notices)
    assert any("train: loss, auroc, auprc of all" in text for text in told.notices)
    assert any("from histograms: right to" in text for text in told.notices) == coarse
    tolerances = {"loss": 1e-9, "auroc": 1e-3 if coarse else 1e-12, "auprc": 1e-3 if coarse else 1e-12}
    for name, tolerance in tolerances.items():
        figures = [run.metrics["train"][name] for run in (sampled, whole)]
        assert figures[0] == pytest.approx(figures[1], abs=tolerance)
    assert sum("valid, after each pass: loss, auprc of all 222" in text for text in told.notices) == 1
    passes = [[row for row in run.history if row["split"] == "valid"] for run in (sampled, whole)]
    for one, other in zip(*passes, strict=True):
        assert one["loss"] == pytest.approx(other["loss"], rel=1e-9)
        assert one["auprc"] == pytest.approx(other["auprc"], abs=1e-2 if coarse else 1e-12)


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize(
    "options",
    cases(
        {
            "weights of classes": {"ignore": "colour", "class_weight": "balanced"},
            "a sum over the steps": {"ignore": "colour", "reduction": "sum"},
            "a quantity": {"data": "quantity.csv"},
        }
    ),
)
def test_losses_of_each_pass_are_of_all_rows_where_a_sample_is_scored(monkeypatch, options):
    options = {**GRU, "memory": "900M", **options}
    whole = sharded(3, **options)
    monkeypatch.setattr("rnnfast.shards.sequences.ShardedSequences.sample_room", 3000)
    sampled = sharded(3, **options)
    assert sampled.history[-1]["loss"] == pytest.approx(whole.history[-1]["loss"], rel=1e-9)


@pytest.mark.usefixtures("table")
def test_what_is_fitted_to_shards_is_what_is_fitted_to_the_whole():
    seen = sharded(4, categorical="colour", scale="zscore,x2=robust", epochs=0, split=(1.0,)).model
    whole = rnnfast.train("table.csv", **{**OPTIONS, "categorical": "colour", "scale": "zscore,x2=robust", "epochs": 0,
                                          "split": (1.0,)}).model  # fmt: skip
    assert seen.encoder.names == whole.encoder.names
    np.testing.assert_allclose(seen.encoder.scaler.shift, whole.encoder.scaler.shift, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(seen.encoder.scaler.scale, whole.encoder.scaler.scale, rtol=1e-12)
    assert seen.target_mean == pytest.approx(whole.target_mean)


def test_summaries_of_parts_make_that_of_the_whole():
    values = np.random.default_rng(0).normal(1e6, 1, (900, 2))
    values[::7, 1] = np.nan
    whole, parts = summary_for(("zscore", "robust")), [summary_for(("zscore", "robust")) for _ in range(4)]
    whole.add(values)
    for number, part in enumerate(parts):
        part.add(values[300 * number : 300 * (number + 1)])  # the last one has none
    merged = parts[3].merge(parts[0]).merge(parts[1]).merge(parts[2])
    assert (merged.low == whole.low).all()
    assert merged.mean[0] == pytest.approx(whole.mean[0], rel=1e-14)
    assert merged.deviation[0] == pytest.approx(whole.deviation[0], rel=1e-9)
    assert merged.quartiles(1) == whole.quartiles(1)


def test_samples_of_parts_are_a_sample_of_the_whole():
    parts = [summary_for(("robust",), most=100) for _ in range(3)]
    for number, part in enumerate(parts):
        part.add(np.full((1000 * (number + 1), 1), float(number)))
    merged = parts[0].merge(parts[1]).merge(parts[2])
    shares = np.bincount(merged.values(0).astype(int)) / len(merged.values(0))
    np.testing.assert_allclose(shares, np.array([1, 2, 3]) / 6, atol=0.15)


def test_states_are_averaged_by_weight_and_those_of_no_weight_have_no_say():
    one, other = (State(*(np.full(3, value, np.float32) for _ in range(3))) for value in (1, 4))
    broken = State(*(np.full(3, np.nan, np.float32) for _ in range(3)))
    assert averaged([one, broken, other], [2.0, 0.0, 1.0]).m.tolist() == [2, 2, 2]
    odd = State(*(np.array([0.1, -0.0, 3e-39], np.float32) for _ in range(3)))
    assert averaged([odd], [7.3]).parameters.tobytes() == odd.parameters.tobytes()


def test_the_outer_step_of_nesterov_goes_on_with_its_momentum():
    outer, before = Outer("nesterov", 1), np.array([1.0])
    first = outer.step(before, np.array([0.0]))
    assert first[0] == pytest.approx(1 - OUTER_RATE * (1 + OUTER_MOMENTUM))
    again = outer.step(first, first)
    assert again[0] == pytest.approx(first[0] - OUTER_RATE * OUTER_MOMENTUM * OUTER_MOMENTUM)


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
