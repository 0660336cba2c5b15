"""Many updates in a row: against the NumPy oracle and torch.optim.SGD, without allocations, up to divergence."""

import os
import subprocess
import sys

import forward
import numpy as np
import pytest
import twin
from kernel_calls import compilations
from networks import assert_near, draw_sequences, draw_tensors, file_order, make_trainer
from tolerances import TRAINED, TRAINED_BY_TORCH

from rnnfast.network.architecture import Architecture

EPOCHS = 10

LENGTHS = (10, 3, 1, 25, 7, 10, 2, 14, 10, 10, 5, 1, 8, 10, 30, 4, 6, 10, 9, 12, 3, 10, 10, 1, 17)


def network(features=29, recurrent_bias=True):
    return Architecture.named("rnn", features, (10,), 1, "tanh", "float64", recurrent_bias=recurrent_bias)


def assert_same_training(net, sequences, orders, batch, lr, reduction, engine, tensors=None):
    """Train by the kernels in one call and by the oracle epoch by epoch; compare losses and weights."""
    tensors = tensors or draw_tensors(net, seed=3)
    trainer = make_trainer(net, tensors, sequences, "mse", reduction, batch, engine)
    losses = trainer.run(orders, EPOCHS, lr)
    terms = trainer.data.mass.sum() * net.outputs
    for epoch in range(EPOCHS):
        order = orders[epoch % len(orders)]
        expected = forward.sgd_epoch(net, tensors, sequences, order, batch, lr, "mse", reduction)
        assert losses[epoch] / terms == pytest.approx(expected, rel=TRAINED), f"epoch {epoch + 1}"
    assert_near(trainer.tensors(), tensors, TRAINED)
    return trainer


def test_the_rule_of_the_original():
    """uniform(-1, 1) weights and biases, one bias, mse summed over steps, an update per sequence in file order."""
    net = network(features=6, recurrent_bias=False)
    rng = np.random.default_rng(4)
    tensors = {name: rng.uniform(-1.0, 1.0, tensor.shape) for name, tensor in draw_tensors(net).items()}
    tensors["rnn.bias_hh_l0"][:] = 0.0
    sequences = draw_sequences(net, LENGTHS, seed=4)
    for x, _ in sequences:  # min-max scaled features
        x[:] = 1 / (1 + np.exp(-x))
    before = {name: tensor.copy() for name, tensor in tensors.items()}
    trainer = assert_same_training(net, sequences, file_order(sequences), 1, 0.01, "sum", "small", tensors)
    assert not trainer.tensors()["rnn.bias_hh_l0"].any()
    assert all((tensors[name] != before[name]).any() for name in tensors if name != "rnn.bias_hh_l0")


@pytest.mark.parametrize("engine", ["small", "packed"])
@pytest.mark.parametrize(("batch", "reduction"), [(7, "mean"), (16, "sum"), (20, "mean"), (64, "mean")])
def test_minibatches_in_shuffled_orders(engine, batch, reduction):
    """Batches below, at and above the chunk of the packed engine, the last one smaller; and one above the set."""
    net = network()
    sequences = draw_sequences(net, LENGTHS, seed=5)
    generator = np.random.default_rng(6)
    orders = np.stack([generator.permutation(len(sequences)) for _ in range(4)])
    lr = 0.05 if reduction == "mean" else 0.002
    assert_same_training(net, sequences, orders, batch, lr, reduction, engine)


def test_more_than_one_chunk_in_several_batches():
    net = network(recurrent_bias=False)
    sequences = draw_sequences(net, LENGTHS * 4, seed=7)
    order = np.random.default_rng(7).permutation(len(sequences))[None]
    assert_same_training(net, sequences, order, 64, 0.05, "mean", "packed")


@pytest.mark.parametrize(("engine", "batch"), [("small", 7), ("packed", 20)])
def test_twenty_updates_of_torch(engine, batch):
    torch, net = twin.import_torch(), network()
    sequences, tensors = draw_sequences(net, [10] * (10 * batch), seed=8), draw_tensors(net, seed=8)
    orders = np.stack([np.random.default_rng(seed).permutation(len(sequences)) for seed in range(2)])
    trainer = make_trainer(net, tensors, sequences, "mse", batch=batch, engine=engine)
    trainer.run(orders, 2, 0.1)
    module = twin.build(net, tensors)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    for chosen in orders.reshape(20, batch):
        optimizer.zero_grad()
        twin.batch_loss(net, module, [sequences[index] for index in chosen], "mse").backward()
        optimizer.step()
    assert_near(trainer.tensors(), twin.tensors_of(module), TRAINED_BY_TORCH)


def test_two_calls_give_the_bits_of_one():
    net = network()
    sequences = draw_sequences(net, LENGTHS, seed=9)
    orders = np.stack([np.random.default_rng(seed).permutation(len(sequences)) for seed in range(3)])
    for batch, engine in ((7, "small"), (16, "packed"), (25, "packed")):
        tensors = draw_tensors(net)
        one, other = (make_trainer(net, tensors, sequences, "mse", "mean", batch, engine) for _ in range(2))
        losses = one.run(orders, 6, 0.05)
        pieces = [other.run(orders, 3, 0.05) for _ in range(2)]
        np.testing.assert_array_equal(losses, np.concatenate(pieces))
        np.testing.assert_array_equal(one.parameters, other.parameters)


@pytest.mark.parametrize("batch", [1, 16])
@pytest.mark.parametrize("value", [np.nan, np.inf], ids=["nan", "inf"])
@pytest.mark.parametrize("where", ["weight", "input"])
def test_numbers_that_are_not_finite_surface(batch, value, where):
    """NaN and infinities in weights, and in inputs of unlabelled steps, end a run at the update that meets them."""
    net = Architecture.named("rnn", 3, (5,), 3, "leaky_relu", "float64")
    tensors, sequences = draw_tensors(net), draw_sequences(net, [4] * 48)
    if where == "weight":
        tensors["rnn.weight_ih_l0"][2, 1] = value
    else:
        sequences[20][0][1, 0] = value
        sequences[20][1][1] = np.nan
    trainer = make_trainer(net, tensors, sequences, "mae", batch=batch)
    assert trainer.run(np.arange(48)[None], 3, 0.01) is None
    assert trainer.where.tolist() == [0, 0 if where == "weight" else 20 // batch]


def test_one_kernel_trains_any_number_of_epochs():
    net = network()
    trainer = make_trainer(net, draw_tensors(net), draw_sequences(net, LENGTHS), batch=7)
    orders = np.arange(len(LENGTHS))[None]
    trainer.run(orders, 1, 0.05)
    with compilations() as kernels:
        trainer.run(orders, 3, 0.05)
        trainer.run(orders, 3, [0.05, 0.04, 0.03])
    assert kernels == []


ALLOCATIONS = """
import numpy as np
from numba import njit
from numba.core.runtime import rtsys
from networks import draw_sequences, draw_tensors, make_trainer
from rnnfast.kernels.rules.optimizers import OPTIMIZERS
from rnnfast.network.architecture import Architecture
from rnnfast.network.embedding import Embedding
from rnnfast.network.front import Patch

def job(cell, hidden, outputs, activation="tanh", loss="mse", both=False, head="last", front=(), **settings):
    more = {"bidirectional": both, "dropout": settings.pop("dropout", 0.0), "head": head, "front": front}
    more |= {"embeddings": settings.pop("embeddings", ()), "static": settings.pop("static", 0)}
    net = Architecture.named(cell, 3, hidden, outputs, activation, "float64", **more)
    trainer = make_trainer(net, draw_tensors(net), draw_sequences(net, [6, 2] * 24, loss), loss, **settings)
    trainer.run(np.arange(48)[None], 1, 0.01)  # compiles, which starts the count
    counts = []
    for epochs in (2, 50):
        before = rtsys.get_allocation_stats().alloc
        assert trainer.run(np.arange(48)[None], epochs, 0.001) is not None
        counts.append(rtsys.get_allocation_stats().alloc - before)
    print(trainer.engine, cell, *counts)

@njit
def allocate():
    return np.empty(3).sum()

allocate()
before = rtsys.get_allocation_stats().alloc
allocate()
print(rtsys.get_allocation_stats().alloc - before)
job("rnn", (5,), 3, "leaky_relu", "mae", batch=1, engine="small")
job("rnn", (5,), 3, "leaky_relu", "mae", batch=7, engine="small", optimizer="momentum")
job("rnn", (5, 5), 3, "swish", batch=16, engine="packed")
for optimizer in OPTIMIZERS:
    job("gru", (5, 5), 2, both=True, batch=40, optimizer=optimizer, clip_norm=1.0, weight_decay=0.1)
job("gru", (5, 5), 1, dropout=0.3, batch=20, window=2)
job("lstm", (5, 5), 1, batch=20, window=2)
job("mlp", (5,), 3, "gelu", loss="ce", batch=16)
job("lstm", (5,), 1, head="attention", batch=20, window=2)
job("gru", (5, 5), 1, front=(Patch(3, 1, 5), Patch(2, 2, 7)), batch=20)
job("gru", (5, 5), 1, front=(Patch(3, 1, 5), Patch(2, 1, 7)), batch=20, window=2)
job("gru", (5, 5), 1, embeddings=(Embedding(4, 3),), static=1, batch=20)
job("lstm", (5, 5), 1, embeddings=(Embedding(4, 3),), static=1, batch=20, window=2)
"""


def test_an_epoch_allocates_nothing():
    """Nor does the call of the kernel, whatever the cell, the rule and the number of epochs."""
    environment = os.environ | {"NUMBA_NRT_STATS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", ALLOCATIONS], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    counted, *lines = done.stdout.splitlines()
    assert int(counted) == 1  # allocations are seen
    rows = [line.split() for line in lines]
    assert {row[0] for row in rows} == {"small", "packed"}
    assert {row[1] for row in rows} == {"rnn", "gru", "lstm", "mlp"}
    for engine, cell, two, fifty in rows:
        assert int(two) == int(fifty) == 0, (engine, cell)
