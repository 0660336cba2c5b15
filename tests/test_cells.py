"""Every cell, activation, loss, depth and direction: against automatic differentiation, differences and PyTorch."""

from dataclasses import dataclass

import autodiff
import forward
import numpy as np
import pytest
import twin
from networks import (
    assert_close,
    draw_sequences,
    draw_tensors,
    file_order,
    loss_and_gradient,
    make_trainer,
    poison,
    predict,
)

from rnnfast.kernels import predictor as prediction
from rnnfast.network.architecture import Architecture

STEP = 1e-5  # of the central difference: about the third root of the rounding error of float64
DIFFERENCE_TOLERANCE = 1e-6  # relative to the largest entry of a gradient: truncation plus rounding of the difference
ORACLE_TOLERANCE = 1e-10  # float64 on both sides, sums in another order over up to 60 steps
FLOAT32_TOLERANCE = 1e-5  # relative to the largest entry: 24 bits, 60 steps, about 200 rows
LARGE_RATE = 2.0**14  # the weights after the update are the gradient, to 24 bits of it
PROBES = 10  # entries of each tensor that finite differences look at

FEW = (60, 1, 17, 2, 5, 17)  # one chunk, whose gradient goes into the weights directly
MANY = (*FEW, 3, 1, 8, 4, 11, 2, 6, 1, 9, 5, 3, 13, 2, 7)  # more than one: two accumulators


@dataclass(frozen=True)
class Case:
    """One network with a loss. All hidden widths but the last two's share the lanes of a kernel."""

    cell: str
    hidden: tuple[int, ...]
    outputs: int
    loss: str = "mse"
    activation: str = "tanh"
    bidirectional: bool = False
    lengths: tuple[int, ...] = FEW
    engine: str | None = "packed"
    dtype: str = "float64"

    def __str__(self):
        size = "-".join(map(str, (3, *self.hidden, self.outputs)))
        both = " both ways" if self.bidirectional else ""
        return f"{self.cell} {size} {self.activation}{both} {self.loss} {len(self.lengths)} {self.engine} {self.dtype}"

    def draw(self):
        net = Architecture(
            self.cell, 3, self.hidden, self.outputs, self.activation, self.dtype, bidirectional=self.bidirectional
        )
        return net, draw_tensors(net, 1), draw_sequences(net, self.lengths, self.loss, 1)

    def trainer(self, reduction="mean"):
        return make_trainer(*self.draw(), self.loss, reduction, engine=self.engine)


CASES = [
    Case("rnn", (5,), 3, bidirectional=True, lengths=MANY),
    Case("rnn", (5, 5, 5), 1),
    Case("rnn", (7, 12), 3, "mae", "relu", bidirectional=True),
    Case("rnn", (6,), 3, "huber", "leaky_relu", lengths=MANY),
    Case("rnn", (5, 5), 1, "bce", "sigmoid", bidirectional=True, lengths=MANY),
    Case("rnn", (12, 3), 3, "ce", "elu"),
    Case("rnn", (5,), 3, "mse", "swish"),
    Case("rnn", (3, 5, 7), 1, "bce", "gelu", bidirectional=True, lengths=MANY),
    Case("rnn", (5, 5), 3, "ce", "identity", lengths=MANY),
    Case("rnn", (5,), 3, "mae", "leaky_relu", engine="sequence"),
    Case("rnn", (9,), 1, "huber", "elu", lengths=FEW[:5], engine="sequence"),  # an odd one out
    Case("mlp", (5,), 3, "ce"),
    Case("mlp", (5, 5, 5), 1, "mse", "relu", lengths=MANY),
    Case("mlp", (7, 12), 1, "mae", "leaky_relu"),
    Case("mlp", (5, 12, 3), 3, "huber", "sigmoid", lengths=MANY),
    Case("mlp", (5,), 1, "bce", "elu"),
    Case("mlp", (12, 5), 3, "mse", "swish", lengths=MANY),
    Case("mlp", (5, 5), 1, "mse", "gelu"),
    Case("mlp", (5,), 3, "mse", "identity"),
    Case("gru", (5,), 1),
    Case("gru", (5, 12), 3, bidirectional=True),
    Case("gru", (5, 5, 5), 1, bidirectional=True, lengths=MANY),
    Case("gru", (7,), 3, lengths=MANY),
    Case("gru", (5, 5), 3, "ce"),
    Case("gru", (3, 5, 12), 3, "bce", lengths=MANY),
    Case("lstm", (5,), 1),
    Case("lstm", (12, 5), 3, bidirectional=True),
    Case("lstm", (5, 5, 5), 1, bidirectional=True, lengths=MANY),
    Case("lstm", (7,), 3, "ce", bidirectional=True, lengths=MANY),
    Case("lstm", (5, 12, 3), 1, "huber"),
    Case("gru", (64, 32), 1, lengths=MANY),
    Case("lstm", (33, 17), 3),
]
FLOAT32 = [
    Case("rnn", (5, 5), 1, "bce", "gelu", dtype="float32"),
    Case("mlp", (7, 12), 3, "ce", "swish", dtype="float32"),
    Case("gru", (5, 12), 3, bidirectional=True, dtype="float32"),
    Case("lstm", (5, 5), 1, bidirectional=True, lengths=MANY, dtype="float32"),
]
every_case = pytest.mark.parametrize("case", CASES, ids=str)
every_float32_case = pytest.mark.parametrize("case", FLOAT32, ids=str)


def oracle(case, reduction="mean"):
    net, tensors, sequences = case.draw()
    return forward.loss_and_gradients(net, tensors, sequences, case.loss, reduction)


def terms(trainer):
    """What the kernels' sum of losses is divided by."""
    outputs = 1 if trainer.shape.classes else trainer.architecture.outputs
    return outputs * (trainer.data.mass.sum() if trainer.mean else 1)


def outputs_by_oracle(case):
    net, tensors, sequences = case.draw()
    nodes = {name: autodiff.Node(tensor) for name, tensor in tensors.items()}
    return np.concatenate([forward.outputs(net, nodes, x).value for x, _ in sequences])


@every_case
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_loss_and_gradients_match_automatic_differentiation(case, reduction):
    trainer = case.trainer(reduction)
    value, gradients = loss_and_gradient(trainer)
    expected, wanted = oracle(case, reduction)
    assert value / terms(trainer) == pytest.approx(expected, rel=ORACLE_TOLERANCE)
    assert_close(gradients, wanted, ORACLE_TOLERANCE)


@every_case
def test_gradients_match_finite_differences(case):
    net, tensors, sequences = case.draw()
    trainer = case.trainer("sum")
    _, gradients = loss_and_gradient(trainer)
    rng = np.random.default_rng(5)
    for name, gradient in gradients.items():
        probes = rng.permutation(gradient.size)[:PROBES]
        numeric = []
        for entry in probes:
            losses = []
            for sign in (1.0, -1.0):
                moved = tensors | {name: tensors[name].copy()}
                moved[name].flat[entry] += sign * STEP
                trainer.parameters[:] = trainer.layout.flatten(moved, net.dtype)
                losses.append(trainer.run(file_order(sequences), 1, 0.0)[0] / terms(trainer))
            numeric.append((losses[0] - losses[1]) / (2.0 * STEP))
        error = np.abs(numeric - gradient.flat[probes]).max() / np.abs(gradient).max()
        assert error < DIFFERENCE_TOLERANCE, name


@every_case
def test_loss_and_gradients_match_autograd(case):
    net, tensors, sequences = case.draw()
    module = twin.build(net, tensors)
    expected = twin.batch_loss(net, module, sequences, case.loss)
    expected.backward()
    trainer = case.trainer()
    value, gradients = loss_and_gradient(trainer)
    assert value / terms(trainer) == pytest.approx(expected.item(), rel=ORACLE_TOLERANCE)
    assert_close(gradients, twin.gradients_of(module), ORACLE_TOLERANCE)


@every_case
def test_outputs_match_both_oracles(case):
    net, tensors, sequences = case.draw()
    found = predict(net, tensors, sequences, case.engine)
    np.testing.assert_allclose(found, outputs_by_oracle(case), rtol=ORACLE_TOLERANCE, atol=ORACLE_TOLERANCE)
    module = twin.build(net, tensors)
    expected = np.concatenate([twin.outputs(net, module, x)[0].detach().numpy() for x, _ in sequences])
    np.testing.assert_allclose(found, expected, rtol=ORACLE_TOLERANCE, atol=ORACLE_TOLERANCE)


@every_case
def test_windows_of_steps_change_no_output(case, monkeypatch):
    """Long sequences are computed some steps at a time, so that memory does not grow with their length."""
    whole = predict(*case.draw(), case.engine)
    sizes, place = [], prediction.place
    monkeypatch.setattr(prediction, "place", lambda *args, **more: sizes.append(args[3]) or place(*args, **more))
    monkeypatch.setattr(prediction, "CHUNK_BYTES", 1)
    monkeypatch.setattr(prediction, "SEQUENCES", 4)
    found = predict(*case.draw(), case.engine)
    np.testing.assert_allclose(found, whole, rtol=ORACLE_TOLERANCE, atol=ORACLE_TOLERANCE)
    if case.engine == "packed" and not case.bidirectional:
        assert sizes == [4]  # one step of four sequences


@every_float32_case
def test_float32_is_near_the_oracle(case):
    net, tensors, sequences = case.draw()
    trainer = case.trainer()
    value, gradients = loss_and_gradient(trainer, LARGE_RATE)
    expected, wanted = oracle(case)
    assert value / terms(trainer) == pytest.approx(expected, rel=FLOAT32_TOLERANCE)
    assert_close(gradients, wanted, FLOAT32_TOLERANCE)
    found, outputs = predict(net, tensors, sequences, case.engine), outputs_by_oracle(case)
    assert found.dtype == np.float32
    assert np.abs(found - outputs).max() < FLOAT32_TOLERANCE * np.abs(outputs).max()


@pytest.mark.parametrize("case", CASES + FLOAT32, ids=str)
def test_a_dirty_workspace_changes_nothing_and_padding_stays_zero(case):
    clean, dirty = case.trainer(), case.trainer()
    poison(dirty.work)
    dirty.gradient[:] = np.nan
    dirty.shared.states[:] = np.nan
    for trainer in (clean, dirty):
        assert trainer.run(np.arange(trainer.sequences)[None], 3, 0.01) is not None
    np.testing.assert_array_equal(dirty.parameters, clean.parameters)
    held = clean.layout.flatten(clean.tensors(), case.dtype)
    np.testing.assert_array_equal(clean.parameters, held)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_order_of_the_sequences_does_not_matter(case):
    """A gradient is a sum over sequences: whatever the packing."""
    net, tensors, sequences = case.draw()
    _, gradients = loss_and_gradient(case.trainer())
    turned = make_trainer(net, tensors, sequences[::-1], case.loss, engine=case.engine)
    assert_close(loss_and_gradient(turned)[1], gradients, ORACLE_TOLERANCE)


def test_a_bias_that_is_not_trained_stays_zero():
    net = Architecture("gru", 3, (5, 5), 1, "tanh", "float64", recurrent_bias=False)
    tensors, sequences = draw_tensors(net, 1), draw_sequences(net, FEW)
    held = [name for name in tensors if "bias_hh" in name]
    for name in held:
        tensors[name][:] = 0.0
    gradients = loss_and_gradient(make_trainer(net, tensors, sequences))[1]
    _, wanted = forward.loss_and_gradients(net, tensors, sequences, "mse")
    assert not any(gradients[name].any() for name in held)
    assert_close(gradients, wanted | {name: gradients[name] for name in held}, ORACLE_TOLERANCE)


def test_a_workspace_follows_the_lengths():
    """Not the number of sequences times the longest: one long sequence among many short ones costs its own steps."""
    net = Architecture("gru", 3, 5, 1, "tanh")
    lengths = [1000] + [2] * 63
    work = make_trainer(net, draw_tensors(net), draw_sequences(net, lengths), engine="packed").work[0]
    rows = 1000 + 15 * 2  # of a chunk of 16
    assert len(work.pack.source) == rows
    numbers = 3 * 8 + 8 + 8 + 8  # per row: gates, what the cell keeps, states, their gradients
    assert work.memory.size <= rows * numbers + 16 * 2 * 8 + 4 * 64
    windowed = make_trainer(net, draw_tensors(net), draw_sequences(net, lengths), engine="packed", window=10).work[0]
    assert len(windowed.pack.source) == 10 + 15 * 2
