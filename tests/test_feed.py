"""Training in blocks: the same network as in memory where one block holds all, and bounded memory where it does not."""

import os
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
from commands import isolate, result
from ids import cases
from notices import Notices

import rnnfast
import rnnfast.data.reading.opening
import rnnfast.data.reading.stores
import rnnfast.training.tables
from rnnfast.config.sections import DataConfig
from rnnfast.data.sequences.budget import Budget
from rnnfast.data.synth.generate import synth
from rnnfast.errors import DataError, DivergedError, UsageError
from rnnfast.model.tables import evaluate_table
from rnnfast.training.feed import Feed

OPTIONS = {"preset": "fast", "hidden": 3, "epochs": 3, "seed": 1, "patience": 0, "cache": False}
ENOUGH = "900M"


@pytest.fixture(autouse=True)
def _directory(tmp_path, monkeypatch):
    isolate(monkeypatch, tmp_path)
    monkeypatch.setenv("RNNFAST_CACHE_DIR", str(tmp_path / "cache"))


@pytest.fixture
def from_disk(monkeypatch):
    """Tables that would fit into memory are read in blocks as well."""
    monkeypatch.setattr(rnnfast.data.reading.opening, "needs_store", lambda names, budget, options: True)


@pytest.fixture
def small_blocks(monkeypatch, from_disk):
    """Blocks of a few hundred rows; notes how many there are."""
    limited(monkeypatch, block=20_000)
    blocks = []
    build = Feed._build
    monkeypatch.setattr(Feed, "_build", lambda feed, cut: blocks.append(cut.sequences) or build(feed, cut))
    return blocks


def limited(monkeypatch, **bytes_of):
    """Give phases less memory than --memory does."""
    whole = Budget.of_phase.fget
    monkeypatch.setattr(Budget, "of_phase", property(lambda budget: whole(budget)._replace(**bytes_of)))


@pytest.fixture
def table():
    """Sequences of unequal lengths, with labels that need memory."""
    random = np.random.default_rng(0)
    lengths = random.integers(1, 30, 200)
    rows = lengths.sum()
    frame = pd.DataFrame({"name": np.repeat(np.arange(200), lengths), "t": np.arange(rows)})
    frame["x1"], frame["x2"] = random.normal(size=rows), random.normal(size=rows)
    total = frame.groupby("name")["x1"].cumsum()
    frame["y1"] = (total > 0).astype(int)
    frame.to_csv("table.csv", index=False)
    frame.assign(y1=total + frame["x2"]).to_csv("quantity.csv", index=False)
    return "table.csv"


def assert_same_weights(one, other):
    for name, tensor in one.model.parameters.items():
        assert (tensor == other.model.parameters[name]).all(), name


@pytest.mark.parametrize(
    "options",
    cases(
        {
            "defaults": {},
            "batches, adam, onecycle": {"batch_size": 8, "optimizer": "adam", "schedule": "onecycle"},
            "balanced classes, sum": {"class_weight": "balanced", "reduction": "sum", "lr": 0.01},
            "windows, clipping": {"tbptt": 4, "clip_norm": 1.0},
            "patches": {"cell": "gru", "patch": (6, 4), "predict": "last"},
            "convolutions": {"cell": "gru", "conv": (3, 2), "tbptt": 4},
            "test part, float64": {"split": (0.5, 0.2), "dtype": "float64"},
        }
    ),
)
@pytest.mark.usefixtures("from_disk")
def test_one_block_trains_as_memory_does(options, table):
    memory = rnnfast.train(table, **OPTIONS, **options)
    disk = rnnfast.train(table, memory=ENOUGH, **OPTIONS, **options)
    assert_same_weights(memory, disk)
    assert disk.sequences == memory.sequences
    assert disk.rows == memory.rows
    for part, metrics in memory.metrics.items():
        assert disk.metrics[part] == pytest.approx(metrics, rel=1e-12)
    assert [row["loss"] for row in disk.history] == pytest.approx([row["loss"] for row in memory.history], rel=1e-12)


@pytest.mark.parametrize("table_of", ["table.csv", "quantity.csv"])
@pytest.mark.usefixtures("table")
def test_blocks_in_the_order_of_the_file_are_the_file(table_of, small_blocks):
    memory = rnnfast.train(table_of, **OPTIONS, shuffle=False)
    disk = rnnfast.train(table_of, memory=ENOUGH, **OPTIONS, shuffle=False)
    assert len(small_blocks) >= 3 * OPTIONS["epochs"]
    assert_same_weights(memory, disk)


@pytest.mark.parametrize("batch", [1, 16])
def test_every_sequence_trains_once_in_an_epoch(batch, table, small_blocks, monkeypatch):
    from rnnfast.kernels.run.trainer import Trainer

    seen, run = [], Trainer.run

    def watched(trainer, order, epochs, rates):
        if epochs:
            starts = trainer.data.offsets[order] * 2
            seen.append(trainer.data.x[starts] * 1e6 + trainer.data.x[starts + 1])  # tells a sequence by its first row
            assert len(order) == trainer.sequences
        return run(trainer, order, epochs, rates)

    monkeypatch.setattr(Trainer, "run", watched)
    trained = rnnfast.train(table, memory=ENOUGH, batch_size=batch, **OPTIONS)
    blocks = len(seen) // OPTIONS["epochs"]
    assert blocks >= 3
    epochs = [np.concatenate(seen[e * blocks : (e + 1) * blocks]) for e in range(OPTIONS["epochs"])]
    assert all(len(np.unique(epoch)) == trained.sequences["train"] for epoch in epochs)
    assert sorted(epochs[0]) == sorted(epochs[1])
    assert list(epochs[0]) != list(epochs[1])


@pytest.mark.parametrize(
    "options",
    cases(
        {
            "gru, dropout": {"batch_size": 64, "cell": "gru", "hidden": (8, 8), "dropout": 0.2},
            "adam, onecycle": {"batch_size": 5, "schedule": "onecycle", "optimizer": "adam"},
            "windows": {"tbptt": 5},
        }
    ),
)
@pytest.mark.usefixtures("table", "small_blocks")
def test_threads_and_time_do_not_change_the_bits(options, monkeypatch):
    runs = []
    for threads, pause in ((1, 0.0), (2, 0.003)):
        fill = Feed._fill
        monkeypatch.setattr(Feed, "_fill", lambda *a, f=fill, p=pause: (time.sleep(p), f(*a))[1])
        runs.append(rnnfast.train("table.csv", memory=ENOUGH, **{**OPTIONS, **options}, threads=threads))
    assert_same_weights(*runs)
    assert np.isfinite(runs[0].metrics["valid"]["loss"])


def test_divergence_in_a_block_names_its_update(table, small_blocks):
    with pytest.raises(DivergedError) as error:
        rnnfast.train("quantity.csv", memory=ENOUGH, **{**OPTIONS, "lr": 1e30})
    assert error.value.epoch == 1
    assert all(np.isfinite(tensor).all() for tensor in error.value.result.model.parameters.values())


def test_a_sequence_that_no_block_holds(table, from_disk, monkeypatch):
    limited(monkeypatch, block=200)
    with pytest.raises(UsageError, match="a sequence has 29 steps, and a block has room for"):
        rnnfast.train(table, memory=ENOUGH, **OPTIONS)


def test_large_parts_are_scored_on_a_sample(table, small_blocks, monkeypatch, capsys):
    limited(monkeypatch, block=20_000, sample=40_000)
    words = ["train", "--data", table, "--memory", ENOUGH, "--hidden", "3", "--epochs", "1", "-o", "run"]
    printed = result(words, capsys)
    scored = printed["scored"]["train"]
    assert 0 < scored["sequences"] < scored["of"] == printed["sequences"]["train"]
    assert printed["metrics"]["train"]["loss"] > 0


@pytest.fixture
def rarely_labelled(table):
    """A table of long sequences of which a few have a label, and another whose labels are all there."""
    frame = pd.read_csv(table)
    frame["name"] = np.arange(len(frame)) // 20
    frame.to_csv("labelled.csv", index=False)
    frame["y1"] = frame["y1"].where(frame["name"] >= frame["name"].max() - 1).astype("Int64")
    frame.to_csv("rare.csv", index=False)
    return "rare.csv"


def test_a_sample_without_a_label_does_not_validate(rarely_labelled, small_blocks, monkeypatch):
    limited(monkeypatch, block=20_000, sample=3000)
    message = r"none of the .* of the validation part that fit into --memory has a label; give more"
    with pytest.raises(DataError, match=message):
        rnnfast.train("labelled.csv", valid=rarely_labelled, memory=ENOUGH, **OPTIONS)


def test_a_sample_without_a_label_is_not_scored(rarely_labelled, small_blocks, monkeypatch, capsys):
    words = ["train", "--data", "labelled.csv", "--memory", ENOUGH, "--hidden", "3", "--epochs", "1", "-o", "run"]
    result(words, capsys)
    limited(monkeypatch, block=20_000, sample=3000)
    with pytest.raises(DataError, match=r"rare\.csv: none of the .* of the table that fit into --memory has a label"):
        evaluate_table("run", [rarely_labelled], config=DataConfig(memory=ENOUGH, cache=False))
    listener = Notices()
    trained = rnnfast.train(
        "labelled.csv", test=rarely_labelled, split=(1.0,), memory=ENOUGH, reporter=listener, **OPTIONS
    )
    assert "test" not in trained.metrics
    assert any(text.startswith("test: not scored, none of the") for text in listener.notices)


def test_a_table_that_fits_stays_in_memory(table, monkeypatch):
    monkeypatch.setattr(rnnfast.data.reading.stores, "make_store", None)
    trained = rnnfast.train(table, memory="2G", **OPTIONS)
    assert "scored" not in trained.to_json()


def test_without_memory_a_large_table_is_announced(table, monkeypatch):
    listener = Notices()
    monkeypatch.setattr(rnnfast.training.tables, "available_memory", lambda: 100_000)
    rnnfast.train(table, reporter=listener, **OPTIONS)
    assert "--memory" in listener.notices[0]


def test_parts_of_a_large_table_are_found_again(table, small_blocks, capsys):
    words = ["train", "--data", table, "--memory", ENOUGH, "--hidden", "3", "--epochs", "1", "-o", "run"]
    trained = result(words, capsys)
    scores = result(["eval", "--model", "run", "--data", table, "--part", "valid"], capsys)
    assert scores["metrics"]["loss"] == pytest.approx(trained["metrics"]["valid"]["loss"], rel=1e-12)


# VmHWM is the peak of this program alone; ru_maxrss would count the process that started it, pytest, as well.
PROGRAM = """
import sys
from rnnfast.cli import run
code = run(sys.argv[1:])
print([line for line in open("/proc/self/status") if line.startswith("VmHWM")][0].split()[1], file=sys.stderr)
sys.exit(code)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the peak")
@pytest.mark.parametrize("interleaved", [False, True])
def test_peak_memory_stays_within_the_budget(interleaved, tmp_path):
    pytest.importorskip("pyarrow")
    synth("sensors", "big.parquet", 30_000, 100)  # more than a gigabyte in memory
    if interleaved:
        from pyarrow import compute, parquet

        whole = parquet.read_table("big.parquet")
        parquet.write_table(whole.take(compute.sort_indices(whole, [("t", "ascending")])), "big.parquet")
        del whole
    words = ["train", "--data", "big.parquet", "--memory", "520M", "--hidden", "3", "--epochs", "1", "-o", "run"]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *words, "--json", "--no-cache"], capture_output=True, text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    peak = 1024 * int(done.stderr.splitlines()[-1])
    assert peak < 520e6
    assert {path.name for path in tmp_path.iterdir()} <= {"big.parquet", "run", "cache"}
