"""Truncated back-propagation through time: an update per window of steps, the states carried over."""

import forward
import numpy as np
import pytest
import twin
from kernel_calls import works
from networks import assert_near, draw_sequences, draw_tensors, file_order, make_trainer, poison
from tolerances import TRAINED_BY_TORCH

from rnnfast.network.architecture import Architecture
from rnnfast.network.front import Patch

FEW = (23, 1, 17, 4, 8, 12)  # one chunk; some end with a window of 4, others within one
MANY = (*FEW, *(1 + 5 * k % 13 for k in range(20)))
WINDOW = 4
EPOCHS = 3
RATE = 0.1

NETS = {
    "rnn": Architecture.named("rnn", 3, (5, 5), 3, "tanh", "float64"),
    "gru": Architecture.named("gru", 3, (5, 12), 1, "tanh", "float64"),
    "lstm": Architecture.named("lstm", 3, (5, 5), 1, "tanh", "float64"),
    "mlp": Architecture.named("mlp", 3, (12, 5), 3, "swish", "float64"),
    "gru, all": Architecture.named("gru", 3, (5, 12), 1, "tanh", "float64", head="all"),
    "lstm, attention": Architecture.named("lstm", 3, (5, 5), 1, "tanh", "float64", head="attention"),
    "mlp, mean": Architecture.named("mlp", 3, (12, 5), 3, "swish", "float64", head="mean"),
    "gru on convolutions": Architecture.named(
        "gru", 3, (5,), 1, dtype="float64", front=(Patch(3, 1, 5), Patch(2, 1, 7))
    ),
    "gru on patches": Architecture.named("gru", 3, (5,), 1, dtype="float64", front=(Patch(3, 1, 5), Patch(4, 3, 7))),
}
every_net = pytest.mark.parametrize("name", NETS)


def make(net, lengths, window, **settings):
    sequences = draw_sequences(net, lengths, seed=6)
    return make_trainer(net, draw_tensors(net, 6), sequences, window=window, **settings), sequences


@every_net
@pytest.mark.parametrize("lengths", [FEW, MANY], ids=["one chunk", "several"])
def test_a_window_of_all_steps_is_no_window(name, lengths):
    net, longest = NETS[name], max(lengths)
    weights = []
    for window in (0, longest, longest + 5):
        trainer, sequences = make(net, lengths, window)
        losses = trainer.run(file_order(sequences), EPOCHS, RATE)
        weights.append((trainer.parameters.copy(), losses))
    for other, losses in weights[1:]:
        np.testing.assert_array_equal(other, weights[0][0])
        np.testing.assert_array_equal(losses, weights[0][1])


def test_a_window_of_all_but_one_step_carries_states_over_once():
    trainer, sequences = make(NETS["gru"], FEW, max(FEW) - 1)
    assert trainer.run(file_order(sequences), 1, RATE) is not None
    assert trainer.state.updates[1] == 2


def torch_weights(net, sequences, batches, kind, optimizer):
    """Weights after an update per window of each batch, the states handed on without their history."""
    torch = twin.import_torch()
    module = twin.build(net, draw_tensors(net, 6))
    optimizer = optimizer(torch, module.parameters())
    loss = twin.loss_function(torch, kind)
    for batch in batches:
        states = [None] * len(batch)
        for begin in range(0, max(len(sequences[q][0]) for q in batch), WINDOW * net.stride):
            window = slice(begin // net.stride, begin // net.stride + WINDOW)
            found, wanted = [], []
            for n, q in enumerate(batch):
                x, y = sequences[q]
                x, y = twin.steps(net, module, x)[window], y[forward.last_rows(len(y), net.stride)][window]
                if len(x):
                    outputs, after = twin.outputs_of_steps(net, module, x, states[n])
                    states[n] = twin.detached(after)
                    labelled = torch.from_numpy(~np.isnan(y).any(axis=1))
                    found.append(outputs[labelled])
                    wanted.append(torch.from_numpy(y)[labelled])
            found, wanted = torch.cat(found), torch.cat(wanted)
            if len(found):
                optimizer.zero_grad()
                loss(found, wanted).backward()
                optimizer.step()
    return twin.tensors_of(module)


@pytest.mark.parametrize(
    ("name", "lengths", "batch", "optimizer"),
    [
        *(pytest.param(name, FEW, 4, "sgd", id=f"{name}, one chunk") for name in NETS),
        *(pytest.param(name, MANY, 20, "sgd", id=f"{name}, several chunks") for name in NETS),
        pytest.param("gru", MANY, 20, "adam", id="gru, several chunks, adam"),
    ],
)
def test_windows_match_detached_states_of_torch(name, lengths, batch, optimizer):
    """Batches smaller than the set: rows of the carried states are those of the batch, not of the set."""
    net = NETS[name]
    sequences = draw_sequences(net, lengths, seed=6)
    # The last windows of the longest ones have no label: there is nothing to learn from them.
    for x, y in sequences[:2]:
        y[len(x) // 2 :] = np.nan
    trainer = make_trainer(
        net, draw_tensors(net, 6), sequences, window=WINDOW, batch=batch, optimizer=optimizer, engine="packed"
    )
    rng = np.random.default_rng(1)
    orders = np.stack([rng.permutation(len(sequences)) for _ in range(EPOCHS)])
    rate = 0.02 if optimizer == "adam" else RATE
    poison(works(trainer))
    trainer.shared.states[:] = np.nan
    assert trainer.run(orders, EPOCHS, rate) is not None
    batches = [order[n : n + batch] for order in orders for n in range(0, len(order), batch)]
    kind = {"sgd": "SGD", "adam": "Adam"}[optimizer]
    expected = torch_weights(
        net, sequences, batches, "mse", lambda torch, weights: getattr(torch.optim, kind)(weights, lr=rate)
    )
    assert_near(trainer.tensors(), expected, TRAINED_BY_TORCH)


def test_the_sum_over_a_window_is_not_divided():
    net = NETS["gru"]
    weights = []
    for reduction, rate in (("mean", RATE), ("sum", RATE / WINDOW)):
        sequences = [(x, np.where(np.isnan(y), 0.5, y)) for x, y in draw_sequences(net, (12,), seed=6)]
        trainer = make_trainer(net, draw_tensors(net, 6), sequences, window=WINDOW, reduction=reduction)
        trainer.run(file_order(sequences), EPOCHS, rate)
        weights.append(trainer.parameters.copy())
    np.testing.assert_allclose(weights[0], weights[1], rtol=0, atol=TRAINED_BY_TORCH)


def bytes_of(*groups):
    """Bytes of all arrays in nested tuples."""
    return sum(
        item.nbytes if isinstance(item, np.ndarray) else bytes_of(*item) if isinstance(item, tuple) else 0
        for item in groups
    )


@every_net
def test_memory_does_not_grow_with_the_length_of_the_sequences(name):
    net = NETS[name]
    short, long = (make(net, (length,) * 20, WINDOW)[0] for length in (24, 800))
    for trainer in (short, long):
        assert trainer.plan.window == WINDOW
    held = [bytes_of(*works(trainer), trainer.shared, trainer.gradient) for trainer in (short, long)]
    assert held[0] == held[1]
    assert bytes_of(*works(make(net, (800,) * 20, 0)[0])) > 10 * held[0]
