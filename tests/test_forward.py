"""The NumPy oracle itself: its gradients against finite differences and PyTorch, its losses, its epochs of SGD."""

import autodiff
import forward
import numpy as np
import pytest
import twin
from differences import assert_gradient_matches_finite_differences
from networks import assert_close, assert_near, draw_sequences, draw_tensors
from tolerances import GRADIENTS, SUMS, TRAINED

from rnnfast.network.architecture import Architecture

LENGTHS = (5, 1, 8, 3)
CASES = {
    "rnn, tanh, mse": (Architecture.named("rnn", 3, (4,), 2, "tanh", "float64"), "mse"),
    "rnn, sigmoid, bce": (Architecture.named("rnn", 3, (4,), 1, "sigmoid", "float64"), "bce"),
    "rnn of two widths, both ways, elu, mae": (
        Architecture.named("rnn", 3, (4, 5), 2, "elu", bidirectional=True),
        "mae",
    ),
    "mlp, gelu, ce": (Architecture.named("mlp", 3, (4, 5), 3, "gelu", "float64"), "ce"),
    "gru of two layers, huber": (Architecture.named("gru", 3, (4, 4), 1, "tanh", "float64"), "huber"),
    "gru, attention, mse": (Architecture.named("gru", 3, (4,), 1, "tanh", "float64", head="attention"), "mse"),
    "mlp, all, ce": (Architecture.named("mlp", 3, (4, 5), 3, "gelu", "float64", head="all"), "ce"),
    "lstm, both ways, mse": (Architecture.named("lstm", 3, (4,), 1, "tanh", "float64", bidirectional=True), "mse"),
}
VANILLA = Architecture.named("rnn", 3, (4,), 2, "relu", "float64")


@pytest.mark.parametrize("case", CASES)
def test_gradients_match_finite_differences_and_autograd(case):
    net, kind = CASES[case]
    tensors, sequences = draw_tensors(net, 1), draw_sequences(net, LENGTHS, kind, 1)
    value, gradients = forward.loss_and_gradients(net, tensors, sequences, kind)
    assert_gradient_matches_finite_differences(
        lambda moved: forward.loss_and_gradients(net, moved, sequences, kind)[0], tensors, gradients, probes=4
    )
    module = twin.build(net, tensors)
    expected = twin.batch_loss(net, module, sequences, kind)
    expected.backward()
    assert value == pytest.approx(expected.item(), rel=GRADIENTS)
    assert_close(gradients, twin.gradients_of(module), GRADIENTS)


@pytest.mark.parametrize("batch", [1, 3])
def test_epochs_are_those_of_torch(batch):
    torch, net = twin.import_torch(), CASES["rnn, sigmoid, bce"][0]
    tensors, sequences = draw_tensors(net, 4), draw_sequences(net, (4, 6, 3, 5, 2), "bce", 4)[:-1]
    module = twin.build(net, tensors)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    for order in ([0, 1, 2, 3], [3, 0, 2, 1]):
        forward.sgd_epoch(net, tensors, sequences, order, batch, 0.1, "bce")
        for start in range(0, len(order), batch):
            optimizer.zero_grad()
            chosen = [sequences[index] for index in order[start : start + batch]]
            twin.batch_loss(net, module, chosen, "bce").backward()
            optimizer.step()
    assert_near(tensors, twin.tensors_of(module), TRAINED)


@pytest.mark.parametrize("batch", [1, 3, 4])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_the_loss_of_an_epoch_is_the_mean_over_labelled_steps(reduction, batch):
    tensors, sequences = draw_tensors(VANILLA), draw_sequences(VANILLA, LENGTHS)
    expected, _ = forward.loss_and_gradients(VANILLA, tensors, sequences, "mse")
    course = forward.sgd_epoch(VANILLA, tensors, sequences, range(4), batch, 0.0, "mse", reduction)
    assert course == pytest.approx(expected, rel=SUMS)


def test_a_sum_is_the_mean_times_the_labelled_steps():
    tensors, sequences = draw_tensors(VANILLA), draw_sequences(VANILLA, LENGTHS)
    mean, gradients = forward.loss_and_gradients(VANILLA, tensors, sequences, "mse")
    total, sums = forward.loss_and_gradients(VANILLA, tensors, sequences, "mse", "sum")
    steps = sum(int((~np.isnan(y).any(axis=1)).sum()) for _, y in sequences)
    assert total == pytest.approx(mean * steps, rel=SUMS)
    assert_close(sums, {name: gradient * steps for name, gradient in gradients.items()}, SUMS)


def test_without_a_recurrent_bias_it_stays_zero():
    net = Architecture.named("rnn", 3, (4,), 1, "tanh", "float64", recurrent_bias=False)
    tensors = draw_tensors(net)
    before = tensors["rnn.bias_ih_l0"].copy()
    forward.sgd_epoch(net, tensors, draw_sequences(net, LENGTHS), range(4), 1, 0.1, "mse")
    assert not tensors["rnn.bias_hh_l0"].any()
    assert (tensors["rnn.bias_ih_l0"] != before).all()


def test_unlabelled_steps_have_no_gradient():
    unlabelled = [(np.ones((4, 3)), np.full((4, 2), np.nan))]
    value, gradients = forward.loss_and_gradients(VANILLA, draw_tensors(VANILLA), unlabelled, "mse")
    assert value == 0.0
    assert not any(gradient.any() for gradient in gradients.values())


def test_extreme_logits_are_stable():
    net = Architecture.named("rnn", 1, (1,), 1, "sigmoid", "float64")
    tensors = draw_tensors(net) | {"head.weight": np.zeros((1, 1)), "head.bias": np.array([1000.0])}
    value, gradients = forward.loss_and_gradients(net, tensors, [(np.zeros((1, 1)), np.zeros((1, 1)))], "bce")
    assert value == 1000.0
    assert gradients["head.bias"].tolist() == [1.0]


def test_states_begin_at_zero():
    """One step of the equations by hand."""
    tensors, x = draw_tensors(VANILLA), np.random.default_rng(3).normal(size=(1, 3))
    nodes = {name: autodiff.Node(tensor) for name, tensor in tensors.items()}
    a = tensors["rnn.weight_ih_l0"] @ x[0] + tensors["rnn.bias_ih_l0"] + tensors["rnn.bias_hh_l0"]
    expected = tensors["head.weight"] @ np.maximum(a, 0) + tensors["head.bias"]
    np.testing.assert_allclose(forward.outputs(VANILLA, nodes, x).value[0], expected, rtol=SUMS)
