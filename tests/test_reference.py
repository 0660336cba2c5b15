"""The NumPy oracle itself: against finite differences, and against PyTorch's autograd in float64."""

import numpy as np
import pytest
from reference import ACTIVATIONS, draw_parameters, forward, labelled, loss_and_gradients, sgd_epoch

STEP = 1e-6  # of the central difference, in float64
DIFFERENCE_TOLERANCE = 1e-6  # relative to the largest entry of a gradient: truncation plus rounding of the difference
TORCH_TOLERANCE = 1e-10  # float64 on both sides, sums in another order

FEATURES = 3
CASES = [
    (loss, activation, reduction, predict, outputs)
    for loss in ("mse", "bce")
    for activation in ACTIVATIONS
    for reduction, predict, outputs in (("mean", "every", 1), ("sum", "every", 2), ("mean", "last", 2))
]


def draw_sequences(loss, outputs, lengths=(5, 1, 8), seed=0):
    """Sequences of several lengths with unlabelled steps, one of them by a single missing target."""
    rng = np.random.default_rng([seed, 7])
    sequences = []
    for length in lengths:
        x = rng.normal(size=(length, FEATURES))
        y = rng.normal(size=(length, outputs)) if loss == "mse" else rng.integers(0, 2, (length, outputs)).astype(float)
        if length > 2:
            y[1] = np.nan
            y[2, -1] = np.nan
        sequences.append((x, y))
    return sequences


@pytest.mark.parametrize(("loss", "activation", "reduction", "predict", "outputs"), CASES)
def test_gradients_match_finite_differences(loss, activation, reduction, predict, outputs):
    params = draw_parameters(FEATURES, 4, outputs, seed=1)
    sequences = draw_sequences(loss, outputs)
    _, grads = loss_and_gradients(params, sequences, loss, activation, reduction, predict)
    for name, grad in grads.items():
        numeric = np.empty_like(grad)
        for index in np.ndindex(grad.shape):
            kept = params[name][index]
            values = []
            for sign in (1.0, -1.0):
                params[name][index] = kept + sign * STEP
                values.append(loss_and_gradients(params, sequences, loss, activation, reduction, predict)[0])
            params[name][index] = kept
            numeric[index] = (values[0] - values[1]) / (2.0 * STEP)
        assert np.abs(numeric - grad).max() <= DIFFERENCE_TOLERANCE * np.abs(grad).max(), name


def torch_loss(torch, parameters, sequences, loss, activation, reduction, predict):
    """The same loss by PyTorch operators."""
    f = getattr(torch, activation)
    losses = []
    for x, y in sequences:
        h = torch.zeros(len(parameters["rnn.bias_ih_l0"]), dtype=torch.float64)
        for t in range(len(x)):
            a = parameters["rnn.weight_ih_l0"] @ torch.from_numpy(x[t]) + parameters["rnn.bias_ih_l0"]
            h = f(a + parameters["rnn.weight_hh_l0"] @ h + parameters["rnn.bias_hh_l0"])
            if np.isnan(y[t]).any() or (predict == "last" and t + 1 < len(x)):
                continue
            z = parameters["head.weight"] @ h + parameters["head.bias"]
            function = (
                torch.nn.functional.mse_loss if loss == "mse" else torch.nn.functional.binary_cross_entropy_with_logits
            )
            losses.append(function(z, torch.from_numpy(y[t])))
    total = torch.stack(losses).sum()
    return total if reduction == "sum" else total / len(losses)


@pytest.mark.parametrize(("loss", "activation", "reduction", "predict", "outputs"), CASES)
def test_gradients_match_autograd(loss, activation, reduction, predict, outputs):
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle of this test; install the extra 'oracle'")
    params = draw_parameters(FEATURES, 6, outputs, seed=2)
    sequences = draw_sequences(loss, outputs, lengths=(12, 3, 1, 7), seed=2)
    value, grads = loss_and_gradients(params, sequences, loss, activation, reduction, predict)
    tensors = {name: torch.tensor(array, requires_grad=True) for name, array in params.items()}
    expected = torch_loss(torch, tensors, sequences, loss, activation, reduction, predict)
    expected.backward()
    assert value == pytest.approx(expected.item(), rel=TORCH_TOLERANCE)
    for name, grad in grads.items():
        np.testing.assert_allclose(
            grad, tensors[name].grad.numpy(), rtol=TORCH_TOLERANCE, atol=TORCH_TOLERANCE, err_msg=name
        )


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_forward_is_that_of_torch_modules(activation):
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle of this test; install the extra 'oracle'")
    params = draw_parameters(FEATURES, 5, 2, seed=3)
    network = torch.nn.ModuleDict(
        {"rnn": torch.nn.RNN(FEATURES, 5, nonlinearity=activation, batch_first=True), "head": torch.nn.Linear(5, 2)}
    ).double()
    network.load_state_dict({name: torch.from_numpy(array) for name, array in params.items()}, strict=True)
    x = np.random.default_rng(3).normal(size=(9, FEATURES))
    with torch.no_grad():
        states, _ = network["rnn"](torch.from_numpy(x)[None])
        expected = network["head"](states)[0].numpy()
    h, z = forward(params, x, activation)
    np.testing.assert_array_equal(h[0], 0.0)
    np.testing.assert_allclose(h[1:], states[0].numpy(), rtol=0, atol=TORCH_TOLERANCE)
    np.testing.assert_allclose(z, expected, rtol=0, atol=TORCH_TOLERANCE)


@pytest.mark.parametrize(("reduction", "batch_size"), [("mean", 1), ("sum", 1), ("mean", 3), ("sum", 10)])
def test_epochs_match_torch_sgd(reduction, batch_size):
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle of this test; install the extra 'oracle'")
    params = draw_parameters(FEATURES, 4, 1, seed=4)
    sequences = draw_sequences("bce", 1, lengths=(4, 6, 1, 3, 5), seed=4)
    tensors = {name: torch.tensor(array, requires_grad=True) for name, array in params.items()}
    optimizer = torch.optim.SGD(tensors.values(), lr=0.1)
    for order in ([0, 1, 2, 3, 4], [3, 0, 4, 2, 1]):
        sgd_epoch(params, sequences, order, batch_size, 0.1, "bce", "tanh", reduction)
        for start in range(0, 5, batch_size):
            batch = [sequences[index] for index in order[start : start + batch_size]]
            optimizer.zero_grad()
            torch_loss(torch, tensors, batch, "bce", "tanh", reduction, "every").backward()
            optimizer.step()
    for name, array in params.items():
        np.testing.assert_allclose(array, tensors[name].detach().numpy(), rtol=0, atol=TORCH_TOLERANCE, err_msg=name)


def test_epoch_loss_is_the_mean_over_labelled_steps():
    sequences = draw_sequences("mse", 2, lengths=(5, 1, 8, 2))
    expected, _ = loss_and_gradients(draw_parameters(FEATURES, 4, 2), sequences, "mse", "relu")
    for reduction in ("mean", "sum"):
        for batch_size in (1, 3, 4):
            params = draw_parameters(FEATURES, 4, 2)
            found = sgd_epoch(params, sequences, range(4), batch_size, 0.0, "mse", "relu", reduction)
            assert found == pytest.approx(expected, rel=1e-14)


def test_without_recurrent_bias_it_stays_zero():
    params = draw_parameters(FEATURES, 4, 1)
    params["rnn.bias_hh_l0"][:] = 0.0
    before = params["rnn.bias_ih_l0"].copy()
    sgd_epoch(params, draw_sequences("mse", 1), range(3), 1, 0.1, "mse", "tanh", recurrent_bias=False)
    assert not params["rnn.bias_hh_l0"].any()
    assert (params["rnn.bias_ih_l0"] != before).all()


def test_unlabelled_steps_have_no_gradient():
    params = draw_parameters(FEATURES, 4, 1)
    x = np.ones((4, FEATURES))
    value, grads = loss_and_gradients(params, [(x, np.full((4, 1), np.nan))], "mse", "tanh")
    assert value == 0.0
    assert all(not grad.any() for grad in grads.values())
    y = np.array([[1.0], [1.0], [np.nan]])
    assert labelled(y, "every").tolist() == [True, True, False]
    assert labelled(y, "last").tolist() == [False, False, False]


def test_extreme_logits_are_stable():
    params = draw_parameters(1, 1, 1)
    params["head.weight"][:], params["head.bias"][:] = 0.0, 1000.0
    value, grads = loss_and_gradients(params, [(np.zeros((1, 1)), np.zeros((1, 1)))], "bce", "sigmoid")
    assert value == 1000.0
    assert grads["head.bias"].tolist() == [1.0]
