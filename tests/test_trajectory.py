"""Many updates in a row: against the NumPy oracle and torch.optim.SGD, without allocations, up to divergence."""

import os
import subprocess
import sys

import numpy as np
import pytest
import reference
from networks import draw_parameters, draw_sequences, file_order, make_trainer, network

EPOCHS = 10
ORACLE_TOLERANCE = 1e-10  # absolute on weights of about 1: float64, rounding grows over some hundred updates
TORCH_TOLERANCE = 1e-9  # the same over 20 updates, with PyTorch's own order of sums

LENGTHS = (10, 3, 1, 25, 7, 10, 2, 14, 10, 10, 5, 1, 8, 10, 30, 4, 6, 10, 9, 12, 3, 10, 10, 1, 17)


def assert_equal(tensors, expected, tolerance):
    assert tensors.keys() == expected.keys()
    for name, wanted in expected.items():
        np.testing.assert_allclose(tensors[name], wanted, rtol=0, atol=tolerance, err_msg=name)


def assert_same_training(net, sequences, orders, batch, lr, reduction, engine, params=None):
    """Train by the kernels in one call and by the oracle epoch by epoch; compare losses and weights."""
    params = params or draw_parameters(net, seed=3)
    trainer = make_trainer(net, params, sequences, "mse", reduction, batch, engine)
    losses = trainer.run(orders, EPOCHS, lr)
    terms = trainer.data.mass.sum() * net.outputs
    for epoch in range(EPOCHS):
        order = orders[epoch % len(orders)]
        expected = reference.sgd_epoch(
            params, sequences, order, batch, lr, "mse", net.activation, reduction, recurrent_bias=net.recurrent_bias
        )
        assert losses[epoch] / terms == pytest.approx(expected, rel=ORACLE_TOLERANCE), f"epoch {epoch + 1}"
    assert_equal(trainer.tensors(), params, ORACLE_TOLERANCE)
    return trainer


def test_the_rule_of_the_original():
    """uniform(-1, 1) weights and biases, one bias, mse summed over steps, an update per sequence in file order."""
    net = network(10, features=6, recurrent_bias=False)
    params = reference.draw_parameters(6, 10, 1, seed=4, spread=1.0)
    params["rnn.bias_hh_l0"][:] = 0.0
    sequences = draw_sequences(net, LENGTHS, seed=4)
    for x, _ in sequences:  # min-max scaled features
        x[:] = 1 / (1 + np.exp(-x))
    before = {name: value.copy() for name, value in params.items()}
    trainer = assert_same_training(net, sequences, file_order(sequences), 1, 0.01, "sum", "sequence", params)
    assert not trainer.tensors()["rnn.bias_hh_l0"].any()
    assert all((params[name] != before[name]).any() for name in params if name != "rnn.bias_hh_l0")


@pytest.mark.parametrize("engine", ["sequence", "packed"])
@pytest.mark.parametrize(("batch", "reduction"), [(7, "mean"), (16, "sum"), (20, "mean"), (64, "mean")])
def test_minibatches_in_shuffled_orders(engine, batch, reduction):
    """Batches below, at and above the chunk of the packed engine, the last one smaller; and one above the set."""
    net = network(10, features=29)
    sequences = draw_sequences(net, LENGTHS, seed=5)
    generator = np.random.default_rng(6)
    orders = np.stack([generator.permutation(len(sequences)) for _ in range(4)])
    lr = 0.05 if reduction == "mean" else 0.002
    assert_same_training(net, sequences, orders, batch, lr, reduction, engine)


def test_more_than_one_chunk_in_several_batches():
    net = network(10, features=29, recurrent_bias=False)
    sequences = draw_sequences(net, LENGTHS * 4, seed=7)
    order = np.random.default_rng(7).permutation(len(sequences))[None]
    assert_same_training(net, sequences, order, 64, 0.05, "mean", "packed")


@pytest.mark.parametrize(("engine", "batch"), [("sequence", 7), ("packed", 20)])
def test_twenty_updates_of_torch(engine, batch):
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle of this test; install the extra 'oracle'")
    net = network(10, features=29)
    sequences, params = draw_sequences(net, [10] * (10 * batch), seed=8), draw_parameters(net, seed=8)
    orders = np.stack([np.random.default_rng(seed).permutation(len(sequences)) for seed in range(2)])
    trainer = make_trainer(net, params, sequences, "mse", batch=batch, engine=engine)
    trainer.run(orders, 2, 0.1)
    module = torch.nn.ModuleDict({"rnn": torch.nn.RNN(29, 10, batch_first=True), "head": torch.nn.Linear(10, 1)})
    module = module.double()
    module.load_state_dict({name: torch.from_numpy(array) for name, array in params.items()}, strict=True)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    x, y = (torch.from_numpy(np.stack(arrays)) for arrays in zip(*sequences, strict=True))
    for chosen in orders.reshape(20, batch):
        labelled = ~torch.isnan(y[chosen])
        optimizer.zero_grad()
        outputs = module["head"](module["rnn"](x[chosen])[0])
        torch.nn.functional.mse_loss(outputs[labelled], y[chosen][labelled]).backward()
        optimizer.step()
    expected = {name: tensor.numpy() for name, tensor in module.state_dict().items()}
    assert_equal(trainer.tensors(), expected, TORCH_TOLERANCE)


def test_two_calls_give_the_bits_of_one():
    net = network(10, features=29)
    sequences = draw_sequences(net, LENGTHS, seed=9)
    orders = np.stack([np.random.default_rng(seed).permutation(len(sequences)) for seed in range(3)])
    for batch, engine in ((7, "sequence"), (16, "packed"), (25, "packed")):
        params = draw_parameters(net)
        one, other = (make_trainer(net, params, sequences, "mse", "mean", batch, engine) for _ in range(2))
        losses = one.run(orders, 6, 0.05)
        pieces = [other.run(orders, 3, 0.05) for _ in range(2)]
        np.testing.assert_array_equal(losses, np.concatenate(pieces))
        np.testing.assert_array_equal(one.parameters, other.parameters)


@pytest.mark.parametrize("batch", [1, 16])
@pytest.mark.parametrize("value", [np.nan, np.inf], ids=["nan", "inf"])
@pytest.mark.parametrize("where", ["weight", "input"])
def test_numbers_that_are_not_finite_surface(batch, value, where):
    """NaN and infinities in weights, and in inputs of unlabelled steps, end a run at the update that meets them."""
    net = network(5, outputs=3, activation="relu")
    params, sequences = draw_parameters(net), draw_sequences(net, [4] * 48)
    if where == "weight":
        params["rnn.weight_ih_l0"][2, 1] = value
    else:
        sequences[20][0][1, 0] = value
        sequences[20][1][1] = np.nan
    trainer = make_trainer(net, params, sequences, batch=batch)
    assert trainer.run(np.arange(48)[None], 3, 0.01) is None
    assert trainer.where.tolist() == [0, 0 if where == "weight" else 20 // batch]


ALLOCATIONS = """
import numpy as np
from numba.core.runtime import rtsys
from networks import draw_sequences, draw_tensors, make_trainer
from rnnfast.network.architecture import Architecture

def job(cell, hidden, outputs, activation="tanh", loss="mse", dropout=0.0, bidirectional=False, **settings):
    net = Architecture(cell, 3, hidden, outputs, activation, "float32", True, bidirectional, dropout)
    trainer = make_trainer(net, draw_tensors(net), draw_sequences(net, [6, 2] * 24, loss), loss, **settings)
    trainer.run(np.arange(48)[None], 1, 0.01)  # compiles, which starts the count
    counts = []
    for epochs in (2, 50):
        before = rtsys.get_allocation_stats().alloc
        assert trainer.run(np.arange(48)[None], epochs, 0.001) is not None
        counts.append(rtsys.get_allocation_stats().alloc - before)
    print(trainer.shape.engine, cell, *counts)

job("rnn", (5,), 3, "relu", batch=1, engine="sequence")
job("rnn", (5,), 3, "relu", batch=7, engine="sequence", optimizer="momentum")
job("rnn", (5, 5), 3, "gelu", batch=16, engine="packed")
job("gru", (5, 5), 2, loss="bce", bidirectional=True, batch=40, optimizer="adam", clip_norm=1.0)
job("lstm", (5, 5), 1, dropout=0.3, batch=20, optimizer="adamw", weight_decay=0.1, window=2)
job("mlp", (5,), 3, "swish", loss="ce", batch=48, optimizer="rmsprop")
"""


def test_an_epoch_allocates_nothing():
    """A call wraps its arguments; that is all, whatever the cell, the rule and the number of epochs."""
    environment = os.environ | {"NUMBA_NRT_STATS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", ALLOCATIONS], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    rows = [line.split() for line in done.stdout.splitlines()]
    assert {row[0] for row in rows} == {"sequence", "packed"}
    assert {row[1] for row in rows} == {"rnn", "gru", "lstm", "mlp"}
    for engine, cell, two, fifty in rows:
        assert 0 < int(two) == int(fifty), (engine, cell)
