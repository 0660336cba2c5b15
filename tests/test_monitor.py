"""--monitor: which figure of the validation part chooses the weights."""

import csv
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from commands import result as answer
from ids import cases

import rnnfast
from rnnfast.catalogue import TASKS, metrics_of
from rnnfast.config.sections import TrainConfig
from rnnfast.console.weights import weights_text
from rnnfast.model.provenance import Training
from rnnfast.reporter import Reporter
from rnnfast.training.schedules import Schedule
from rnnfast.training.stopping import EarlyStopping

EPOCHS = 12


def table(task="binary", rows=6, count=60):
    random = np.random.default_rng(0)
    x = random.normal(size=count * rows)
    noisy = np.convolve(x, np.ones(3))[: count * rows] + random.normal(size=count * rows)
    labels = {"binary": (noisy > 2).astype(int), "multiclass": np.digitize(noisy, [-1, 1]), "regression": noisy + 9}
    return pd.DataFrame(
        {"id": np.repeat(np.arange(count), rows), "t": np.tile(np.arange(rows), count), "x": x, "y": labels[task]}
    )


def trained(task="binary", **options):
    fixed = {"target": "y", "task": task, "epochs": EPOCHS, "patience": EPOCHS, "batch_size": 4, "optimizer": "adam"}
    fixed["linear_part"] = False  # epochs are scored without it
    return rnnfast.train(table(task), **fixed | options)


def course(result, name):
    return [row[name] for row in result.history if row["split"] == "valid"]


MONITORS = cases(
    {
        "a metric of each epoch": ("binary", "f1"),
        "a ranking": ("binary", "auprc"),
        "a metric of several classes": ("multiclass", "balanced_accuracy"),
        "an error": ("regression", "mae"),
        "the loss": ("binary", "loss"),
    }
)


@pytest.mark.parametrize(("task", "monitor"), MONITORS)
def test_the_weights_are_those_of_the_epoch_with_the_best_figure(task, monitor):
    result = trained(task, monitor=monitor)
    values = course(result, monitor)
    best = min if monitor in ("loss", "mae") else max
    assert result.best_epoch == values.index(best(values)) + 1
    assert result.metrics["valid"][monitor] == pytest.approx(best(values), rel=1e-5)


def test_the_mean_of_the_best_epochs():
    weights = [np.float32([value]) for value in (1, 2, 4, 8, 16, 32)]
    costs = [0.5, 0.3, math.nan, 0.4, 0.3, 0.6]
    for average, mean in ((1, 2), (2, (2 + 16) / 2), (3, (2 + 8 + 16) / 3), (9, (1 + 2 + 8 + 16 + 32) / 5)):
        stopping = EarlyStopping(9, average)
        for epoch, (value, weight) in enumerate(zip(costs, weights, strict=True), 1):
            stopping.better(value, epoch, weight)
        assert stopping.best_epoch == 2
        assert stopping.weights == np.float32(mean)
        assert stopping.weights.dtype == np.float32


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_averaged_weights_are_scored_and_saved(dtype):
    one, several = (trained(average=number, dtype=dtype, seed=3) for number in (1, 4))
    assert course(one, "loss") == course(several, "loss")
    assert one.best_epoch == several.best_epoch
    assert any((one.model.parameters[name] != several.model.parameters[name]).any() for name in one.model.parameters)
    assert {tensor.dtype for tensor in several.model.parameters.values()} == {np.dtype(dtype)}
    assert several.metrics["valid"]["loss"] != min(course(several, "loss"))


def test_patience_counts_evaluations_without_a_better_figure():
    result = trained(monitor="accuracy", patience=2, epochs=200)
    values = course(result, "accuracy")
    assert result.stopped == "patience"
    assert result.epochs == result.best_epoch + 2
    assert max(values) == values[result.best_epoch - 1]


def test_reporters_hear_what_is_watched():
    class Listener(Reporter):
        def __init__(self):
            self.records = []

        def epoch(self, record):
            self.records.append(record)

    listener = Listener()
    result = trained(monitor="auroc", reporter=listener)
    assert {record.monitor for record in listener.records} == {"auroc"}
    assert [record.valid["auroc"] for record in listener.records] == course(result, "auroc")
    assert [record.epoch for record in listener.records if record.best][-1] == result.best_epoch


def test_a_loss_that_is_no_number_is_neither_the_best_nor_an_improvement():
    schedule = Schedule(TrainConfig(schedule="plateau", lr=1.0, lr_step=1, lr_gamma=0.5, patience=0), 1)
    for cost in (float("nan"), 3.0, 2.0, float("nan"), 1.0):
        schedule.evaluated(cost)
    assert (schedule.best, schedule.waited, schedule.factor) == (1.0, 0, 1.0)
    for cost in (float("nan"), 1.0):
        schedule.evaluated(cost)
    assert schedule.factor == 0.5


def test_plateau_watches_it_too():
    config = TrainConfig(schedule="plateau", lr=1.0, lr_step=1, patience=0)
    schedule = Schedule(config, updates=1)
    rates = []
    for value in (0.5, 0.6, 0.6, 0.6, math.nan, 0.7, 0.70001, 0.7):
        schedule.evaluated(-value)
        rates.append(schedule.rates(0, 1)[0])
    assert rates == pytest.approx([1, 1, 1, 0.1, 0.1, 0.1, 0.1, 0.01])


@pytest.mark.parametrize("task", list(TASKS))
def test_a_metric_of_another_task_is_refused_with_the_names_of_this_one(task):
    own = {metric.name for metric in metrics_of(TASKS[task].labels)}
    other = next(metric.name for kind in TASKS.values() for metric in metrics_of(kind.labels) if metric.name not in own)
    with pytest.raises(rnnfast.UsageError, match=f"--monitor {other}: .*use loss") as error:
        trained(task, monitor=other)
    assert all(name in str(error.value) for name in own)


def test_what_cannot_be_watched_is_refused():
    one = table()
    one.loc[one["id"] >= 40, "y"] = 0
    valid, train = one[one["id"] >= 40], one[one["id"] < 40]
    options = {"target": "y", "monitor": "auroc", "epochs": 2}
    with pytest.raises(
        rnnfast.UsageError, match="--monitor auroc: it has no value on the labels of the validation part"
    ):
        rnnfast.train(train, valid=valid, **options)
    with pytest.raises(rnnfast.UsageError, match="--monitor auroc watches the validation part, and there is none"):
        rnnfast.train(train, split=1, **options)
    with pytest.raises(
        rnnfast.UsageError, match="--average 3 chooses epochs by the validation part, and there is none"
    ):
        rnnfast.train(train, target="y", split=1, average=3)
    with pytest.raises(rnnfast.UsageError, match="--average 3 has no effect: --patience 0"):
        rnnfast.train(train, target="y", patience=0, average=3)
    with pytest.raises(rnnfast.UsageError, match="--monitor auroc has no effect: --patience 0"):
        rnnfast.train(train, patience=0, **options)
    with pytest.raises(rnnfast.UsageError, match=r"'aurok' is not one of loss, .*did you mean 'auroc'"):
        rnnfast.train(train, **options | {"monitor": "aurok"})


def test_the_command_writes_and_shows_it(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    table().to_csv("table.csv", index=False)
    options = ["--target", "y", "--monitor", "auroc", "--epochs", "4", "-o", "run"]
    made = answer(["train", "--data", "table.csv", *options], capsys)
    with Path("run/history.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "valid"]
    values = [float(row["auroc"]) for row in rows]
    assert made["best_epoch"] == values.index(max(values)) + 1
    assert 'monitor = "auroc"' in Path("run/config.toml").read_text()


def test_a_mean_of_fewer_epochs_says_how_many_were_evaluated():
    options = {"epochs": 7, "patience": 9, "average": 5, "eval_every": 3, "max_time": None}
    ending = Training(epochs=7, best_epoch=6, stopped="epochs", source=("t.csv",))
    said = weights_text(ending, options).plain
    assert "the mean of the 3 best epochs of 7, the best of them 6; --average 5 had 3 evaluations" in said
    assert "had" not in weights_text(ending, {**options, "average": 3}).plain
    assert weights_text(ending, {**options, "epochs": 9}).plain.startswith("the mean of the 2 best epochs")
