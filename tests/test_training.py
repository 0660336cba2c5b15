"""The training loop: what it learns, when it stops, which weights it keeps, and that a seed decides everything."""

import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tolerances import FLOAT32_LOSSES

import rnnfast
from rnnfast.kernels.run.trainer import Trainer
from rnnfast.reporter import Reporter
from rnnfast.training.feed import Feed

SAMPLES = Path(__file__).parent.parent / "data"


# Stated here, so that these tests do not depend on the defaults.
RULE = {"preset": "fast", "hidden": 10, "init": "xavier", "batch_size": 1, "lr": 0.05, "dtype": "float32"}


def fit(data, **options):
    return rnnfast.train(data, **(RULE | options))


def parity(count=60, length=4, seed=0, noise=0.0):
    """Is the number of ones so far odd? `noise`: share of labels that are drawn."""
    rng = np.random.default_rng(seed)
    bits = rng.integers(0, 2, (count, length))
    labels = np.where(rng.random((count, length)) < noise, rng.integers(0, 2, (count, length)), bits.cumsum(1) % 2)
    names, steps = np.repeat(np.arange(count), length), np.tile(np.arange(length), count)
    return rnnfast.read_table(pd.DataFrame({"name": names, "t": steps, "x1": bits.ravel(), "y1": labels.ravel()}))


def moving_sums(count=40, length=6, seed=0):
    """A regression: the sum of the last two values."""
    x = np.random.default_rng(seed).normal(size=(count, length))
    y = x + np.pad(x, ((0, 0), (1, 0)))[:, :-1]
    names, steps = np.repeat(np.arange(count), length), np.tile(np.arange(length), count)
    return rnnfast.read_table(pd.DataFrame({"name": names, "t": steps, "x1": x.ravel(), "y1": y.ravel()}))


class Recorder(Reporter):
    """Keeps what a run tells; `at_epoch` may be called at one epoch."""

    def __init__(self, epoch=None, at_epoch=None):
        self.records, self.parts, self._when = [], None, (epoch, at_epoch)

    def split(self, parts):
        self.parts = parts

    def epoch(self, record):
        self.records.append(record)
        if record.epoch == self._when[0]:
            self._when[1]()


def losses(result, part):
    return {row["epoch"]: row["loss"] for row in result.history if row["split"] == part}


def assert_same_weights(one, other, same=True):
    pairs = [(one.model.parameters[name], other.model.parameters[name]) for name in one.model.parameters]
    assert all(np.array_equal(*pair) for pair in pairs) == same


# --- what it learns ---


@pytest.mark.parametrize("batch_size", [1, 16])
def test_parity_is_learnt(batch_size):
    """The present bit alone says nothing: only the state does."""
    result = fit(parity(200), epochs=400, lr=0.1 if batch_size == 1 else 1.0, batch_size=batch_size)
    assert result.metrics["valid"]["accuracy"] > 0.99
    assert result.baseline["valid"]["accuracy"] < 0.7
    assert result.metrics["valid"]["loss"] < 0.1 * result.baseline["valid"]["loss"]


def test_the_temperature_sample_is_forecast():
    result = fit(SAMPLES / "temperature_sample.csv", epochs=100)
    assert result.metrics["valid"]["rmse"] < 0.6 * result.baseline["valid"]["rmse"]
    assert result.metrics["valid"]["r2"] > 0.6


# --- reproducible ---


def test_a_seed_decides_the_bits():
    one, again, other = (fit(parity(), epochs=5, seed=seed) for seed in (3, 3, 4))
    assert_same_weights(one, again)
    assert one.history == again.history
    assert_same_weights(one, other, same=False)


def orders_and_split(monkeypatch, **options):
    """The orders of the first epochs and the ids that validate."""
    seen, run = [], Trainer.run

    def watched(trainer, orders, epochs, lr):
        if epochs:
            seen.append(np.array(orders))
        return run(trainer, orders, epochs, lr)

    reporter = Recorder()
    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "run", watched)
        result = fit(parity(), reporter=reporter, epochs=3, patience=0, **options)
    return np.concatenate(seen), list(reporter.parts.valid.ids), result


def test_streams_of_random_numbers_are_separate(monkeypatch):
    """More hidden units take more random weights, but leave split and order alone."""
    orders, valid, result = orders_and_split(monkeypatch, hidden=10)
    for changed in ({"hidden": 5}, {"init": "orthogonal"}):
        other_orders, other_valid, _ = orders_and_split(monkeypatch, **changed)
        np.testing.assert_array_equal(orders, other_orders)
        assert valid == other_valid
    initial = fit(parity(), epochs=0, seed=0).model.parameters
    elsewhere = fit(parity(seed=5), epochs=0, seed=0, split=0.5).model.parameters
    assert all(np.array_equal(initial[name], elsewhere[name]) for name in initial)
    assert sorted(orders[0]) == list(range(result.sequences["train"]))
    assert (orders[0] != orders[1]).any()


def test_without_shuffling_the_file_decides_the_order(monkeypatch):
    orders, _, result = orders_and_split(monkeypatch, shuffle=False)
    assert (orders == np.arange(result.sequences["train"])).all()


def test_several_epochs_in_one_call_are_the_same_epochs():
    for options in ({}, {"shuffle": False}, {"batch_size": 16}):
        each, tens = (fit(parity(), epochs=40, patience=0, eval_every=n, **options) for n in (1, 10))
        assert_same_weights(each, tens)
        assert losses(each, "train") == losses(tens, "train")
        assert list(losses(tens, "valid")) == [10, 20, 30, 40]


# --- when it stops, and what it keeps ---


def test_patience_restores_the_best_weights():
    reporter = Recorder()
    result = fit(parity(40, noise=0.6), reporter=reporter, epochs=500, lr=0.3, patience=5)
    valid = losses(result, "valid")
    best = min(valid, key=valid.get)
    assert (result.stopped, result.best_epoch, result.epochs) == ("patience", best, best + 5)
    assert result.model.evaluate(reporter.parts.valid).metrics["loss"] == pytest.approx(valid[best], rel=1e-12)
    assert result.metrics["valid"]["loss"] < valid[result.epochs]
    assert_same_weights(result, fit(parity(40, noise=0.6), epochs=best, lr=0.3, patience=0))


def test_patience_0_keeps_the_last_weights():
    reporter = Recorder()
    result = fit(parity(40, noise=0.6), reporter=reporter, epochs=60, lr=0.3, patience=0)
    assert (result.stopped, result.epochs, result.best_epoch) == ("epochs", 60, 60)
    valid = losses(result, "valid")
    assert valid[60] > min(valid.values())
    assert result.metrics["valid"]["loss"] == pytest.approx(valid[60], rel=1e-12)


def test_evaluation_every_few_epochs_and_at_the_end():
    reporter = Recorder()
    result = fit(parity(), reporter=reporter, epochs=11, patience=0, eval_every=4)
    assert list(losses(result, "valid")) == [4, 8, 11]
    assert list(losses(result, "train")) == list(range(1, 12))
    assert [record.epoch for record in reporter.records if record.valid is not None] == [4, 8, 11]


def test_the_time_limit_stops():
    result = fit(parity(), epochs=10**9, patience=0, max_time="0.2s")
    assert result.stopped == "max_time"
    assert 0 < result.epochs < 10**9
    assert result.seconds["train"] < 5


def test_the_time_limit_begins_with_the_first_epoch(monkeypatch):
    warm = Feed.warm
    monkeypatch.setattr(Feed, "warm", lambda feed, trainer: (time.sleep(0.3), warm(feed, trainer)))
    result = fit(parity(), epochs=10**9, patience=0, max_time="0.2s")
    assert result.epochs > 1
    assert result.seconds["compile"] >= 0.3


def test_the_end_is_foreseen_by_epochs_time_limit_and_patience():
    reporter = Recorder()
    fit(parity(), reporter=reporter, epochs=10**9, patience=3, eval_every=2, max_time="0.2s")
    assert all(record.eta_soonest <= record.eta <= 0.2 for record in reporter.records)
    reporter = Recorder()
    fit(parity(), reporter=reporter, epochs=4, patience=0)
    assert [record.eta_soonest == record.eta for record in reporter.records] == [True] * 4
    assert reporter.records[-1].eta == 0


def test_no_epochs_give_the_initial_model():
    result = fit(parity(), epochs=0)
    assert (result.stopped, result.epochs, result.history) == ("epochs", 0, [])
    assert not result.model.parameters["rnn.bias_ih_l0"].any()
    assert result.model.parameters["rnn.weight_hh_l0"].any()
    assert result.metrics["valid"]["loss"] > 0


def test_without_a_validation_part_every_epoch_counts():
    result = fit(parity(), epochs=30, split=1, patience=2)
    assert (result.stopped, result.epochs, result.best_epoch) == ("epochs", 30, 30)
    assert list(result.metrics) == ["train"]


# --- divergence ---


def test_divergence_names_epoch_and_update_and_keeps_finite_weights():
    with pytest.raises(rnnfast.DivergedError) as raised:
        fit(moving_sums(), epochs=50, lr=1e20, patience=0)
    error = raised.value
    assert (error.epoch, error.exit_code) == (1, 6)
    assert 1 <= error.step <= 5
    assert f"epoch 1, update {error.step}" in str(error)
    assert "--lr" in str(error)
    initial = fit(moving_sums(), epochs=0)
    assert_same_weights(error.result, initial)


def test_late_divergence_keeps_the_weights_before_it():
    """The recurrence of relu explodes after some epochs that went well."""
    options = {"activation": "relu", "lr": 0.35, "patience": 0, "reduction": "sum", "init": "uniform"}
    with pytest.raises(rnnfast.DivergedError) as raised:
        fit(moving_sums(), epochs=2000, **options)
    error = raised.value
    assert error.epoch > 1
    assert_same_weights(error.result, fit(moving_sums(), epochs=error.epoch - 1, **options))
    assert error.result.epochs == error.epoch - 1
    assert np.isfinite(error.result.metrics["train"]["loss"])


# --- honest numbers ---


def test_the_validation_part_has_no_say():
    """Scalers, the baseline and the weights follow from the training part alone."""
    data, reporter = moving_sums(), Recorder()
    options = {"epochs": 5, "patience": 0}
    before = fit(data, reporter=reporter, **options)
    for sequence in np.flatnonzero(np.isin(data.ids, reporter.parts.valid.ids)):
        rows = slice(data.offsets[sequence], data.offsets[sequence + 1])
        data.x[rows] *= -1e6
        data.y[rows] += 1e6
    after = fit(data, **options)
    assert_same_weights(before, after)
    assert before.model.target_mean == after.model.target_mean
    assert before.model.encoder.to_json() == after.model.encoder.to_json()
    assert before.model.target_scaler.to_json() == after.model.target_scaler.to_json()
    assert losses(before, "train") == losses(after, "train")
    assert losses(before, "valid") != losses(after, "valid")


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("batch_size", [1, 16])
def test_losses_follow_the_reduction(reduction, batch_size):
    """Per labelled step, or per sequence; the same for kernel and evaluation."""
    data = moving_sums()
    data.y[data.offsets[:-1][::3]] = np.nan
    result = fit(data, epochs=1, lr=1e-30, patience=0, reduction=reduction, batch_size=batch_size)
    for part in ("train", "valid"):
        assert losses(result, part)[1] == pytest.approx(result.metrics[part]["loss"], rel=FLOAT32_LOSSES)
    other = fit(data, epochs=0).metrics["train"]["loss"]
    steps = data.labelled.sum() / data.sequences
    assert result.metrics["train"]["loss"] == pytest.approx(other * (steps if reduction == "sum" else 1), rel=0.05)


def test_a_validation_table_without_labels_is_an_error():
    valid = parity(5, seed=1)
    valid.y[:] = np.nan
    with pytest.raises(rnnfast.DataError, match="no labelled step"):
        fit(parity(), valid=valid)
