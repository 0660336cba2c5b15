"""The catalogue: every entry is implemented, and an entry with its implementation is all that an addition takes.

Each addition goes through the public path: options, training, scores, the screen, JSON.
"""

import json

import numpy as np
import pandas as pd
import pytest
from ids import cases
from numba.core.caching import NullCache

import rnnfast
from rnnfast import catalogue, cells, tasks
from rnnfast.cli import run
from rnnfast.config.resolve import table_of_option
from rnnfast.data.encoding import scaling
from rnnfast.equations import functions, losses
from rnnfast.kernels.lanes.vec import load, store
from rnnfast.kernels.packed import pool
from rnnfast.kernels.rules import optimizers
from rnnfast.kernels.run import epoch
from rnnfast.metrics import binary
from rnnfast.metrics.binary import FORMULAS as OF_TWO_CLASSES
from rnnfast.metrics.multiclass import FORMULAS as OF_CLASSES
from rnnfast.metrics.regression import FORMULAS as OF_QUANTITIES
from rnnfast.model import initialise
from rnnfast.tasks.regression import Regression
from rnnfast.training import schedules

RULE = {"preset": "fast", "hidden": 3, "epochs": 3, "patience": 0, "split": 0.7}
FORMULAS = {
    catalogue.TWO_CLASSES: OF_TWO_CLASSES,
    catalogue.CLASSES: OF_CLASSES,
    catalogue.QUANTITIES: OF_QUANTITIES,
}


def frame(count=24, length=4, seed=0):
    """Sequences with two columns of numbers, one of them with gaps, a binary target and a count."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count, length))
    sums = x.cumsum(axis=1)
    columns = {
        "name": np.repeat(np.arange(count), length),
        "t": np.tile(np.arange(length), count),
        "x1": x.ravel(),
        "x2": np.where(rng.random(x.size) < 0.2, np.nan, rng.random(x.size)),
        "fault": (sums + rng.normal(size=x.shape) > 0).astype(int).ravel(),
        "count": rng.poisson(np.exp(1 + 0.3 * sums)).ravel(),
    }
    return pd.DataFrame(columns)


def train(target="fault", features=("x1",), missing=("error",), task="auto", **options):
    columns = {"id": "name", "time": "t", "target": target, "features": features}
    data = rnnfast.read_table(frame(), **columns, missing=missing, task=task)
    return rnnfast.train(data, **(RULE | {"missing": missing} | options))


@pytest.fixture
def compiled_anew(monkeypatch):
    """Keep kernels out of the cache, which cannot see that this file was edited."""
    monkeypatch.setattr(epoch.train, "_cache", NullCache())


# --- both sides name the same ---


@pytest.mark.parametrize(
    ("entries", "implementations"),
    cases(
        {
            "cells": (catalogue.CELLS.keys(), cells.CHOOSE_ACTIVATION.keys() | cells.EQUATIONS.keys()),
            "heads": ({head.name for head in catalogue.HEADS.values() if head.pools}, pool.POOLS.keys()),
            "losses": (
                {loss.name for loss in catalogue.LOSSES.values() if not loss.per_step},
                losses.LOSSES.keys(),
            ),
            "optimizers": (catalogue.OPTIMIZERS.keys(), optimizers.OPTIMIZERS.keys()),
            "scalings": (catalogue.SCALINGS.keys(), scaling.KINDS.keys()),
            "schedules": (catalogue.SCHEDULES.keys(), schedules.RATES.keys()),
            "inits": ({init.name for init in catalogue.INITS.values() if not init.biases}, initialise.RULES.keys()),
            "tasks": (catalogue.TASKS.keys(), tasks.TASKS.keys()),
        }
    ),
)
def test_entries_and_implementations_are_the_same(entries, implementations):
    assert set(entries) == set(implementations)


@pytest.mark.parametrize("labels", FORMULAS)
def test_metrics_have_formulas_and_formulas_are_metrics(labels):
    assert [metric.name for metric in catalogue.metrics_of(labels)] == list(FORMULAS[labels])


def test_activations_have_formulas():
    assert catalogue.ACTIVATIONS.keys() <= functions.FUNCTIONS.keys()


def test_facts_of_cells_are_those_of_their_equations():
    for name, cell in catalogue.CELLS.items():
        assert cell.recurrent == cells.built_in(name).recurrent, name
        assert cell.activation == (name in cells.CHOOSE_ACTIVATION), name


def test_tasks_and_losses_fit_each_other():
    for task in catalogue.TASKS.values():
        assert catalogue.losses_of(task)[0] == task.loss
        assert task.output_per_class == catalogue.LOSSES[task.loss].per_step


def test_an_entry_without_implementation_says_so(monkeypatch):
    monkeypatch.setitem(catalogue.METRICS, "kappa", catalogue.Metric("kappa", "", (catalogue.TWO_CLASSES,)))
    message = r"metric 'kappa' stands in rnnfast/catalogue .* not implemented; implemented are accuracy, "
    with pytest.raises(NotImplementedError, match=message):
        binary([0, 1], [0.2, 0.7])


def test_options_offer_the_entries():
    choices = {name: tuple(declared.metadata["choices"]) for name, (_, declared) in table_of_option().items()}
    assert choices["cell"] == tuple(catalogue.CELLS)
    assert choices["loss"] == ("auto", *catalogue.LOSSES)
    assert choices["task"] == ("auto", *catalogue.TASKS)


# --- additions ---


def test_a_metric_is_scored_compared_and_a_goal(monkeypatch, tmp_path, capsys):
    entry = catalogue.Metric("missed", "share of the positives that are not found", (catalogue.TWO_CLASSES,), True)
    monkeypatch.setitem(catalogue.METRICS, "missed", entry)
    monkeypatch.setitem(OF_TWO_CLASSES, "missed", lambda answers: 1.0 - OF_TWO_CLASSES["recall"](answers))
    result = train()
    scores = result.metrics["valid"]
    assert scores["missed"] == pytest.approx(1.0 - scores["recall"])
    assert result.baseline["valid"]["missed"] == pytest.approx(1.0 - result.baseline["valid"]["recall"])
    result.model.save(tmp_path / "m.safetensors")
    frame().to_csv(tmp_path / "t.csv", index=False)
    command = ["eval", "--model", str(tmp_path / "m.safetensors"), "--data", str(tmp_path / "t.csv")]
    assert run([*command, "--json", "--fail-under", "missed=-1"]) == 5
    captured = capsys.readouterr()
    assert 0 <= json.loads(captured.out)["metrics"]["missed"] <= 1
    assert "above the goal of -1" in captured.err
    assert run(command) == 0
    assert "missed" in capsys.readouterr().out


def test_a_scaling_is_fitted_and_stored(monkeypatch, tmp_path):
    monkeypatch.setitem(catalogue.SCALINGS, "largest", catalogue.Scaling("largest"))
    largest = lambda summary, j: (0.0, max(-summary.low[j], summary.high[j]))  # noqa: E731
    monkeypatch.setitem(scaling.KINDS, "largest", largest)
    model = train(scale=("largest",), split=1).model
    assert model.encoder.scaler.scale[0] == pytest.approx(1 / frame()["x1"].abs().max())
    model.save(tmp_path / "m.safetensors")
    assert rnnfast.load(tmp_path / "m.safetensors").encoder.scaler.kinds == ("largest",)


def test_a_fill_is_its_properties(monkeypatch):
    monkeypatch.setitem(catalogue.FILLS, "held", catalogue.Fill("held", "held", carried=True))
    model = train(features=("x1", "x2"), missing=("x2=held", "error")).model
    assert model.encoder.fills == {"x2": 0.0}
    data = rnnfast.read_table(frame(), schema=model.schema)
    inputs = model.encoder.transform(data)[:, 1]
    gaps = np.flatnonzero(np.isnan(data.x[1:, 1]) & (np.diff(np.repeat(np.arange(24), 4)) == 0)) + 1
    np.testing.assert_array_equal(inputs[gaps], inputs[gaps - 1])


def test_a_schedule_sets_the_rates(monkeypatch):
    monkeypatch.setitem(catalogue.SCHEDULES, "still", catalogue.Schedule("still"))
    monkeypatch.setitem(schedules.RATES, "still", lambda schedule, epoch: 0.0)
    losses_of_epochs = [row["loss"] for row in train(schedule="still").history if row["split"] == "valid"]
    assert len(set(losses_of_epochs)) == 1


def test_an_init_draws_the_weights(monkeypatch):
    monkeypatch.setitem(catalogue.INITS, "halves", catalogue.Init("halves"))
    monkeypatch.setitem(initialise.RULES, "halves", lambda generator, shape, recurrent: np.full(shape, 0.5))
    parameters = train(init="halves", epochs=0).model.parameters
    assert (parameters["rnn.weight_ih_l0"] == 0.5).all()
    assert (parameters["rnn.bias_ih_l0"] == 0).all()


@pytest.mark.usefixtures("compiled_anew")
def test_a_loss_trains_and_scores_by_one_formula(monkeypatch):
    monkeypatch.setitem(catalogue.LOSSES, "log_cosh", catalogue.Loss("log_cosh", (catalogue.QUANTITIES,)))
    log_cosh = lambda p, y: abs(p - y) + functions.softplus(-2.0 * abs(p - y)) - 0.6931471805599453  # noqa: E731
    monkeypatch.setitem(losses.LOSSES, "log_cosh", log_cosh)
    result = train("count", loss="log_cosh", dtype="float64", split=1, lr=1e-9, epochs=1, batch_size=24)
    model, data = result.model, rnnfast.read_table(frame(), schema=result.model.schema)
    errors = model.outputs(data) - model.target_scaler.transform(data.y)
    assert result.metrics["train"]["loss"] == pytest.approx(np.log(np.cosh(errors)).mean())
    assert result.history[0]["loss"] == pytest.approx(result.metrics["train"]["loss"], rel=1e-6)
    with pytest.raises(rnnfast.UsageError, match="--loss log_cosh: the task is binary; use --loss bce or"):
        train(loss="log_cosh")


@pytest.mark.usefixtures("compiled_anew")
def test_an_activation_is_a_formula(monkeypatch):
    monkeypatch.setitem(catalogue.ACTIVATIONS, "softsign", catalogue.Activation("softsign"))
    softsign = functions.Function("softsign", lambda x: x / (abs(x) + 1.0), None)
    monkeypatch.setitem(functions.FUNCTIONS, "softsign", softsign)
    course = [row["loss"] for row in train(activation="softsign", epochs=20).history if row["split"] == "train"]
    assert course[-1] < course[0]


@pytest.mark.usefixtures("compiled_anew")
def test_an_optimizer_is_a_loop_and_its_moments(monkeypatch):
    monkeypatch.setitem(catalogue.OPTIMIZERS, "halving", catalogue.Optimizer("halving", lr=0.125))

    def halve(s, p, g, state, step):
        for i in range(step.first, step.last, s.W):
            store(p, i, load(p, i, s) * 0.5)

    monkeypatch.setitem(optimizers.OPTIMIZERS, "halving", halve)
    options = {"batch_size": 64, "split": 1, "dtype": "float64"}
    before, after = train(epochs=0, **options), train(optimizer="halving", epochs=2, **options)
    assert after.model.config.train.lr == 0.125
    for name, tensor in before.model.parameters.items():
        np.testing.assert_array_equal(after.model.parameters[name], tensor / 4)


class Counts(Regression):
    """Whole numbers from 0 on."""

    def answers(self, outputs):
        """Return the nearest count."""
        return np.maximum(np.round(super().answers(outputs)), 0)


def test_a_task_answers_scores_and_writes(monkeypatch, tmp_path):
    entry = catalogue.Task("counts", catalogue.QUANTITIES, "mse", naive="the mean", what="the target is a count")
    monkeypatch.setitem(catalogue.TASKS, "counts", entry)
    monkeypatch.setitem(tasks.TASKS, "counts", Counts)
    result = train("count", task="counts")
    answers = result.model.predict(rnnfast.read_table(frame(), schema=result.model.schema))
    assert (answers == np.round(answers)).all()
    assert result.task == "counts"
    assert result.metrics["valid"]["mae"] > 0
    result.model.save(tmp_path / "m.safetensors")
    assert rnnfast.load(tmp_path / "m.safetensors").schema.task == "counts"
    with pytest.raises(rnnfast.UsageError, match="--loss bce: the target is a count; use --loss mse or mae or huber"):
        train("count", task="counts", loss="bce")
