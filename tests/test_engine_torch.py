"""The engine `torch` beside the kernels: on the CPU in float64 the same losses, weights and answers."""

import numpy as np
import pytest
import twin
from ids import cases
from networks import assert_near, draw_sequences, draw_tensors, joined, make_trainer, predict
from tolerances import TRAINED_BY_TORCH

torch = twin.import_torch()

from rnnfast.catalogue import HEADS, LOSSES, OPTIMIZERS  # noqa: E402
from rnnfast.cells import sigmoid, tanh  # noqa: E402
from rnnfast.engines.pytorch import optimizers, pools  # noqa: E402
from rnnfast.engines.pytorch.dropout import Dropout  # noqa: E402
from rnnfast.engines.pytorch.engine import TorchEngine  # noqa: E402
from rnnfast.engines.pytorch.layers import EquationLayer, module_of  # noqa: E402
from rnnfast.engines.pytorch.losses import Losses, Targets  # noqa: E402
from rnnfast.engines.pytorch.network import Network  # noqa: E402
from rnnfast.engines.pytorch.pieces import Batch  # noqa: E402
from rnnfast.engines.pytorch.predictor import TorchPredictor  # noqa: E402
from rnnfast.equations.trace import traced  # noqa: E402
from rnnfast.kernels.run.memory import training_data  # noqa: E402
from rnnfast.kernels.run.trainer import Policy  # noqa: E402
from rnnfast.network.architecture import Architecture  # noqa: E402
from rnnfast.network.embedding import Embedding  # noqa: E402
from rnnfast.network.front import Patch  # noqa: E402

LENGTHS = (23, 1, 17, 4, 8, 12, 5, 9)
BATCH = 3  # sequences: updates of two sizes
EPOCHS = 4
RATE = 0.05
CPU = torch.device("cpu")


def network(cell, hidden=(5,), outputs=1, features=3, activation="tanh", **more):
    return Architecture.named(cell, features, hidden, outputs, activation, "float64", **more)


def trainers(net, loss="mse", lengths=LENGTHS, batch=BATCH, **settings):
    """The kernels' Trainer and that of PyTorch on the same sequences, from the same weights."""
    sequences = draw_sequences(net, lengths, loss, seed=6)
    kernels = make_trainer(net, draw_tensors(net, 6), sequences, loss, batch=batch, **settings)
    x, y, offsets = joined(sequences)
    data = training_data(x, y, ~np.isnan(y).any(axis=1), offsets, net.dtype)
    policy = Policy(loss=loss, batch=batch, **settings)
    other = TorchEngine("cpu").trainer(net, draw_tensors(net, 6), data, policy, np.diff(offsets))
    return kernels, other, sequences


def orders(count, epochs=EPOCHS):
    random = np.random.default_rng(1)
    return np.stack([random.permutation(count) for _ in range(epochs)])


def assert_same_training(net, loss="mse", rates=RATE, **settings):
    """Train by both, and compare losses, weights and the answers of the trained network."""
    kernels, other, sequences = trainers(net, loss, **settings)
    visits = orders(len(sequences))
    expected, losses = kernels.run(visits, EPOCHS, rates), other.run(visits, EPOCHS, rates)
    np.testing.assert_allclose(losses, expected, rtol=TRAINED_BY_TORCH)
    assert_near(other.tensors(), kernels.tensors(), TRAINED_BY_TORCH)
    assert other.state.updates[2] == kernels.state.updates[2]  # clipped
    x, _, offsets = joined(sequences)
    answers = TorchEngine("cpu").predictor(net, other.parameters, 1).outputs_of(np.ravel(x), offsets)
    np.testing.assert_allclose(answers, predict(net, kernels.tensors(), sequences), rtol=0, atol=TRAINED_BY_TORCH)
    return other


def own_gru(x, u, h):
    """A GRU by another name, whose update gate is the second one."""
    reset, update = sigmoid(x.a + u.a), sigmoid(x.b + u.b)
    new = tanh(x.c + reset * u.c)
    return new + update * (h - new)


def peephole(x, u, h, c):
    i, f = sigmoid(x.i + u.i + 0.5 * c), sigmoid(x.f + u.f)
    c = f * c + i * tanh(x.g + u.g)
    return sigmoid(x.o + u.o) * tanh(c), c


NETS = {
    "rnn": network("rnn"),
    "rnn, relu": network("rnn", activation="relu"),
    "rnn, elu": network("rnn", activation="elu"),
    "gru, two layers": network("gru", (5, 5)),
    "gru, one bias": network("gru", recurrent_bias=False),
    "lstm, unequal widths, both ways": network("lstm", (5, 12), bidirectional=True),
    "lru": network("lru", (5, 5)),
    "mingru, both ways": network("mingru", (5, 5), bidirectional=True),
    "mlp": network("mlp", (12, 5), 3, activation="swish"),
    "mlp, mean": network("mlp", head="mean"),
    **{f"gru, {head}": network("gru", head=head) for head in HEADS if head != "last"},
    "convolutions": network("gru", front=(Patch(3, 1, 5), Patch(2, 1, 7))),
    "patches": network("gru", front=(Patch(3, 1, 5), Patch(4, 3, 7))),
    "embeddings": network("gru", features=5, embeddings=(Embedding(5, 3), Embedding(2, 1))),
    "embeddings under patches": network("gru", features=4, embeddings=(Embedding(5, 3),), front=(Patch(2, 2, 5),)),
    "constant columns": network("lstm", (5, 5), features=5, static=2, bidirectional=True),
    "constant columns, lru": network("lru", features=5, static=2),
    "dropout": network("gru", (5, 12, 5), dropout=0.3, bidirectional=True),
    "dropout, mlp": network("mlp", (12, 5), dropout=0.3),
    "equations": Architecture(traced(peephole), 3, (5,), 1, "float64"),
}


@pytest.mark.parametrize("net", cases(NETS))
def test_every_network_trains_as_by_the_kernels(net):
    assert_same_training(net)


@pytest.mark.parametrize("clip_norm", [0.0, 0.3], ids=["unclipped", "clipped"])
@pytest.mark.parametrize("weight_decay", [0.0, 0.1], ids=["plain", "decay"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_makes_the_same_steps(name, weight_decay, clip_norm):
    rule = {"optimizer": name, "weight_decay": weight_decay, "clip_norm": clip_norm, "momentum": 0.8}
    assert_same_training(NETS["gru, one bias"], rates=0.01, **rule)


def test_nesterov_without_momentum_is_plain_descent():
    assert_same_training(NETS["gru, one bias"], optimizer="nesterov", momentum=0.0)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_is_the_same(loss, reduction):
    assert_same_training(network("gru", outputs=3), loss, reduction=reduction, rates=0.02)


def test_shares_of_classes_as_labels():
    net, shares = network("gru", outputs=3), np.random.default_rng(0).dirichlet(np.ones(3), 7)
    offsets, x = np.array([0, 3, 7]), np.random.default_rng(1).normal(size=(7, 3))
    data, policy = training_data(x, shares, np.arange(7) != 1, offsets, "float64"), Policy("ce", batch=2, soft=True)
    from rnnfast.kernels.run.trainer import Trainer

    both = [
        make(net, draw_tensors(net, 6), data, policy, np.diff(offsets))
        for make in (Trainer, TorchEngine("cpu").trainer)
    ]
    kernels, other = (trainer.run(np.arange(2), EPOCHS, RATE) for trainer in both)
    np.testing.assert_allclose(other, kernels, rtol=TRAINED_BY_TORCH)
    assert_near(both[1].tensors(), both[0].tensors(), TRAINED_BY_TORCH)


@pytest.mark.parametrize("per_update", [False, True], ids=["per epoch", "per update"])
def test_rates_of_epochs_and_of_updates(per_update):
    count = EPOCHS * -(-len(LENGTHS) // BATCH) if per_update else EPOCHS
    assert_same_training(
        NETS["rnn"], rates=RATE * np.linspace(1, 0.1, count), per_update=per_update, optimizer="momentum"
    )


@pytest.mark.parametrize(
    "name",
    ["rnn", "gru, two layers", "lru", "mlp", "convolutions", "patches", "gru, mean", "gru, max", "gru, all",
     "gru, attention", "mlp, mean", "constant columns, lru", "equations"],
)  # fmt: skip
def test_windows_of_truncated_bptt_carry_the_same_states(name):
    assert_same_training(NETS[name], window=4, optimizer="adam", rates=0.02)


def test_windows_drop_out_alike():
    assert_same_training(network("gru", (5, 12), dropout=0.3), window=4)


def test_scores_that_are_far_apart_overflow_nothing():
    """Attention in float32, whose exponentials reach e^88."""
    net = Architecture.named("rnn", 1, (5,), 1, "identity", "float32", head="attention")
    tensors = draw_tensors(net, 6)
    tensors["rnn.weight_hh_l0"][:] = 0
    x = np.linspace(-3000, 3000, 20)[:, None]
    span = TorchEngine("cpu").trainer(
        net, tensors, training_data(x, np.ones((20, 1)), np.ones(20), np.array([0, 20]), "float32"), Policy("mse"),
        np.array([20]),
    ).parameters  # fmt: skip
    offsets = np.array([0, 20])
    answers = TorchEngine("cpu").predictor(net, span, 1).outputs_of(x.astype("f4").ravel(), offsets)
    np.testing.assert_allclose(answers, predict(net, tensors, [(x, x)]), rtol=1e-4)


@pytest.mark.parametrize("most", [1, 7, 30])
@pytest.mark.parametrize("name", ["gru, two layers", "gru, attention", "patches", "constant columns", "lru"])
def test_answers_do_not_depend_on_how_many_steps_are_computed_at_a_time(name, most):
    net = NETS[name]
    kernels, other, sequences = trainers(net)
    x, _, offsets = joined(sequences)
    answers = TorchPredictor(net, other.parameters, 1, CPU, most).outputs_of(np.ravel(x), offsets)
    np.testing.assert_allclose(answers, predict(net, kernels.tensors(), sequences), rtol=0, atol=TRAINED_BY_TORCH)


def test_a_call_of_some_epochs_goes_on_from_the_last():
    net = NETS["dropout"]
    _, whole, sequences = trainers(net, optimizer="adam")
    _, parts, _ = trainers(net, optimizer="adam")
    visits = orders(len(sequences))
    whole.run(visits, EPOCHS, 0.01)
    for order in visits:
        parts.run(order, 1, 0.01)
    assert_near(parts.tensors(), whole.tensors(), 0)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_state_of_an_optimizer_is_that_of_the_kernels(name):
    """So that either engine can go on from a checkpoint of the other one."""
    kernels, other, sequences = trainers(NETS["gru, one bias"], optimizer=name)
    visits = orders(len(sequences))
    for trainer in (kernels, other):
        trainer.run(visits, EPOCHS, 0.01)
    other.parameters[:] = kernels.parameters
    kernels.state.updates[0] = other.state.updates[0]  # by plain descent they do not count their steps
    for mine, theirs in zip(other.state, kernels.state, strict=False):
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=TRAINED_BY_TORCH)
        mine[:] = theirs
    for trainer in (kernels, other):
        trainer.run(visits, EPOCHS, 0.01)
    assert_near(other.tensors(), kernels.tensors(), TRAINED_BY_TORCH)


def test_batches_without_a_label_change_nothing():
    net = NETS["gru, one bias"]
    _, other, sequences = trainers(net, batch=1, optimizer="adam", weight_decay=0.1)
    before = other.parameters.copy()
    assert other.run(np.array([len(sequences) - 1] * len(sequences)), 1, RATE).tolist() == [0.0]
    assert (other.parameters == before).all()
    assert other.state.updates[0] == 0


@pytest.mark.parametrize("batch", [1, BATCH], ids=["by sequence", "by batch"])
def test_training_diverges_at_the_same_update(batch):
    kernels, other, sequences = trainers(network("rnn", activation="identity"), batch=batch)
    visits = orders(len(sequences))
    assert kernels.run(visits, EPOCHS, 1e6) is None
    assert other.run(visits, EPOCHS, 1e6) is None
    assert other.where.tolist() == kernels.where.tolist()


def test_modules_of_pytorch_compute_the_cells_that_they_are():
    names = {word: net.cell for word, net in NETS.items()}
    kinds = {word: module_of(cell) for word, cell in names.items()}
    assert kinds["rnn"] == (torch.nn.RNN, {"nonlinearity": "tanh"})
    assert kinds["gru, two layers"] == (torch.nn.GRU, {})
    assert kinds["dropout"] == (torch.nn.GRU, {})
    assert kinds["constant columns"] == (torch.nn.LSTM, {})
    assert module_of(traced(own_gru)) == (torch.nn.GRU, {})
    assert all(kinds[word] is None for word in ("rnn, elu", "lru", "mingru, both ways", "mlp", "equations"))


@pytest.mark.parametrize("name", ["gru, two layers", "lstm, unequal widths, both ways", "constant columns", "rnn"])
def test_the_equations_of_a_cell_are_its_module(name, monkeypatch):
    """What a cell of the user's own takes, on the cells that PyTorch has."""
    monkeypatch.setattr("rnnfast.engines.pytorch.layers.module_of", lambda cell: None)
    other = assert_same_training(NETS[name])
    assert all(isinstance(layer, EquationLayer) for layer in other.network.layers)


@pytest.mark.parametrize("net", cases(NETS))
def test_everything_lies_on_the_device_of_the_network(net):
    """On PyTorch's device without memory, which stands for a GPU here: it computes with tensors of its own alone."""
    device = torch.device("meta")
    made, offsets = Network(net, device), np.append(0, np.cumsum(LENGTHS))
    x, memory = torch.zeros(offsets[-1], net.features, dtype=torch.float64, device=device), None
    for piece in Batch.of(offsets, np.arange(len(LENGTHS)), net.stride).pieces(0 if net.bidirectional else 4):
        before = None if memory is None else memory.of_first(piece.width).detached()
        outputs, memory = made(x, piece, before, Dropout(net.dropout, 1, 2) if net.dropout else None)
        assert outputs.device == device
        zeros = torch.zeros_like(outputs)
        Losses("bce", soft=False, mean=True)(outputs, Targets(zeros, zeros), 3.0)[0].backward()
    assert any(tensor.grad is not None for tensor in made.tensors.values())


def test_the_catalogue_is_implemented():
    assert optimizers.OPTIMIZERS.keys() == OPTIMIZERS.keys()
    assert pools.POOLS.keys() == {name for name, head in HEADS.items() if head.pools}
