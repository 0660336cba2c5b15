"""What outputs see of the states: pools over time by their meaning; gradients are those of test_cells.py."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from commands import fails, isolate, result
from networks import draw_sequences, draw_tensors, file_order, joined, loss_and_gradient, make_trainer, predict
from tolerances import FLOAT32_OUTPUTS, SUMS

import rnnfast
from rnnfast.catalogue import HEADS
from rnnfast.cli import run
from rnnfast.kernels.run.predictor import Predictor
from rnnfast.model.initialise import initial_tensors
from rnnfast.network.architecture import Architecture
from rnnfast.network.layout import Layout

POOLS = [head.name for head in HEADS.values() if head.pools]
STEPS = (9, 1, 4, 7)

every_pool = pytest.mark.parametrize("head", POOLS)


def network(head, cell="gru", hidden=(5,), dtype="float64", **more):
    return Architecture.named(cell, 3, hidden, 2, "tanh", dtype, head=head, **more)


@pytest.fixture
def table(monkeypatch, tmp_path):
    """A directory of its own with a table of labelled sequences; its path."""
    isolate(monkeypatch, tmp_path)
    monkeypatch.chdir(tmp_path)
    assert run(["synth", "sensors", "-o", "t.csv", "--sequences", "24", "--steps", "8", "-q"]) == 0
    return Path("t.csv")


@every_pool
def test_no_step_sees_a_later_one(head):
    net = network(head)
    tensors, sequences = draw_tensors(net), draw_sequences(net, STEPS)
    whole = np.split(predict(net, tensors, sequences), np.cumsum(STEPS)[:-1])
    begun = [(x[:4], y[:4]) for x, y in sequences]
    pieces = np.split(predict(net, tensors, begun), np.cumsum([len(x) for x, _ in begun])[:-1])
    for answers, first in zip(whole, pieces, strict=True):
        np.testing.assert_allclose(first, answers[:4], rtol=SUMS)


@pytest.mark.parametrize("head", ["mean", "max", "attention"])
def test_without_states_the_last_step_does_not_depend_on_the_order_of_the_others(head):
    net = network(head, "mlp")
    tensors, ((x, y),) = draw_tensors(net), draw_sequences(net, (8,))
    answers, turned = (predict(net, tensors, [(order, y)])[-1] for order in (x, x[::-1]))
    np.testing.assert_allclose(turned, answers, rtol=SUMS)


def test_attention_begins_as_the_mean():
    net = network("attention")
    tensors = initial_tensors(Layout(net).entries(), "xavier", 0, None, True)
    sequences = draw_sequences(net, STEPS)
    mean = {name: tensor for name, tensor in tensors.items() if name != "head.query"}
    expected = predict(replace(net, head="mean"), mean, sequences)
    np.testing.assert_allclose(predict(net, tensors, sequences), expected, rtol=SUMS)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_strong_query_picks_one_step_and_does_not_overflow(dtype):
    net = network("attention", "mlp", dtype=dtype)
    tensors, sequences = draw_tensors(net), draw_sequences(net, STEPS)
    tensors["head.query"] *= 1e6
    answers = predict(net, tensors, sequences)
    alone = {name.replace("head.", "mlp.2."): tensor for name, tensor in tensors.items() if "query" not in name}
    states = predict(replace(net, head="last"), alone, sequences)
    assert all(np.abs(states - answer).max(axis=1).min() < 10 * FLOAT32_OUTPUTS for answer in answers)


def test_of_equal_values_the_first_is_the_maximum():
    """All states are tanh(0.3): the gradient goes to the input of the first step alone."""
    net = Architecture.named("rnn", 3, (5,), 1, "tanh", "float64", head="max")
    tensors = {name: np.zeros(shape) for name, shape in Layout(net).shapes().items()}
    tensors["rnn.bias_ih_l0"][:], tensors["head.weight"][:] = 0.3, 1.0
    x, y = np.random.default_rng(0).normal(size=(6, 3)), np.full((6, 1), np.nan)
    y[-1] = 0.0
    gradient = loss_and_gradient(make_trainer(net, tensors, [(x, y)]))[1]["rnn.weight_ih_l0"]
    np.testing.assert_allclose(gradient / gradient[:, :1], np.tile(x[0] / x[0, 0], (5, 1)), rtol=SUMS)


@every_pool
def test_a_state_that_is_no_number_is_not_lost(head):
    """Training ends, though the only label is steps after it and the cell forgets."""
    net = network(head, "mlp")
    ((x, y),) = draw_sequences(net, (8,))
    x[2], y[:-1], y[-1] = np.nan, np.nan, 1.0
    trainer = make_trainer(net, draw_tensors(net), [(x, y)])
    assert trainer.run(file_order([(x, y)]), 1, 0.1) is None
    assert np.isnan(predict(net, draw_tensors(net), [(x, y)])[2:]).all()


@every_pool
def test_long_sequences_keep_their_precision(head):
    """In float32, computed some steps at a time, beside float64."""
    single, double = network(head, "mlp", dtype="float32"), network(head, "mlp")
    tensors, sequences = draw_tensors(double), draw_sequences(double, (50_000,))
    x, _, offsets = joined(sequences)
    parameters = Layout(single).flatten(tensors, "float32")
    answers = Predictor(single, parameters, window=1000).outputs(x, offsets)
    np.testing.assert_allclose(answers, predict(double, tensors, sequences), rtol=0, atol=1e-5)


@every_pool
def test_a_command_trains_shows_and_answers(head, table, capsys):
    options = ["--cell", "gru", "--hidden", "5", "--epochs", "2", "--head", head]
    assert run(["train", "--data", str(table), "-o", "run", *options]) == 0
    phrase = HEADS[head].phrase
    assert phrase in capsys.readouterr().err
    shown = result(["inspect", "run"], capsys)
    assert shown["head"] == shown["training"]["model"]["head"] == head
    assert ("head.query" in [tensor["name"] for tensor in shown["tensors"]]) == HEADS[head].query
    assert run(["inspect", "run"]) == 0
    assert phrase in capsys.readouterr().out
    assert run(["predict", "--model", "run", "--data", str(table), "-o", "answers.csv"]) == 0
    model = rnnfast.load("run")
    assert phrase in repr(model)
    assert model.architecture.head == head


def test_the_gradients_of_a_head_are_checked_by_a_command(table, capsys):
    report = result(["doctor", "--gradients", "--cell", "gru", "--hidden", "5", "--head", "attention"], capsys)
    assert (report["head"], report["passed"]) == ("attention", True)
    assert "head.query" in [tensor["name"] for tensor in report["tensors"]]


def test_an_unknown_head_is_an_error_that_names_the_nearest(table, capsys):
    assert "attention" in fails(["train", "--data", str(table), "--head", "atention"], 2, capsys)
