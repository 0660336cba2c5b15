"""Gradients of the kernels: against finite differences, PyTorch's autograd, the NumPy oracle and each other."""

from dataclasses import dataclass

import numpy as np
import pytest
import reference
from networks import (
    assert_close,
    draw_parameters,
    draw_sequences,
    file_order,
    joined,
    loss_and_gradient,
    make_trainer,
    network,
    poison,
    predict,
)

from rnnfast.kernels import predictor as prediction

STEP = 1e-6  # of the central difference, in float64
DIFFERENCE_TOLERANCE = 1e-6  # relative to the largest entry of a gradient: truncation plus rounding of the difference
ORACLE_TOLERANCE = 1e-10  # float64 on both sides, sums in another order over up to 300 steps
FLOAT32_TOLERANCE = 1e-4  # relative to the largest entry: 24 bits, a few hundred steps
PROBES = 25  # entries of each tensor that finite differences look at

FEW = (9, 1, 4, 12, 2, 7)
LONG = (300, 1, 17, 2, 64, 5)
MANY = (*LONG, *(1 + 7 * k % 23 for k in range(24)))  # more than one chunk


@dataclass(frozen=True)
class Case:
    """One specialisation of the kernels. Together they cover each value of each axis with each engine."""

    engine: str
    hidden: int
    features: int
    outputs: int
    activation: str
    loss: str
    lengths: tuple[int, ...]

    def __str__(self):
        size = f"{self.features}-{self.hidden}-{self.outputs}"
        return f"{self.engine} {size} {self.activation} {self.loss} {len(self.lengths)}x{max(self.lengths)}"

    def draw(self, dtype="float64", seed=1):
        net = network(self.hidden, self.features, self.outputs, self.activation, dtype)
        return net, draw_parameters(net, seed), draw_sequences(net, self.lengths, self.loss, seed)

    def trainer(self, reduction="mean", dtype="float64", engine=None):
        net, params, sequences = self.draw(dtype)
        return make_trainer(net, params, sequences, self.loss, reduction, engine=engine or self.engine)


CASES = [
    Case("sequence", 1, 2, 1, "tanh", "mse", (300,)),  # one sequence: the gradient goes into the weights directly
    Case("sequence", 5, 3, 3, "relu", "mse", LONG),
    Case("sequence", 10, 29, 1, "sigmoid", "bce", (10,)),
    Case("sequence", 16, 7, 3, "tanh", "bce", LONG),
    Case("packed", 1, 2, 1, "sigmoid", "bce", LONG),
    Case("packed", 5, 3, 3, "relu", "mse", LONG),  # up to a chunk of sequences: into the weights directly
    Case("packed", 10, 29, 1, "tanh", "mse", MANY),
    Case("packed", 16, 1, 1, "tanh", "mse", MANY),
    Case("packed", 17, 5, 3, "relu", "bce", MANY),
    Case("packed", 64, 12, 1, "relu", "bce", MANY),
    Case("packed", 100, 3, 3, "tanh", "mse", MANY),
]
every_case = pytest.mark.parametrize("case", CASES, ids=str)


def labelled_steps(sequences):
    return sum(int(reference.labelled(y, "every").sum()) for _, y in sequences)


@every_case
def test_gradients_match_finite_differences(case):
    net, params, sequences = case.draw()
    trainer = make_trainer(net, params, sequences, case.loss, "sum", engine=case.engine)
    _, gradients = loss_and_gradient(trainer)
    rng = np.random.default_rng(5)
    for name, gradient in gradients.items():
        probes = rng.permutation(gradient.size)[:PROBES]
        numeric = []
        for entry in probes:
            losses = []
            for sign in (1.0, -1.0):
                moved = {key: value.copy() for key, value in params.items()}
                moved[name].flat[entry] += sign * STEP
                trainer.parameters[:] = trainer.layout.flatten(moved, net.dtype)
                losses.append(trainer.run(file_order(sequences), 1, 0.0)[0] / net.outputs)
            numeric.append((losses[0] - losses[1]) / (2.0 * STEP))
        error = np.abs(numeric - gradient.flat[probes]).max() / np.abs(gradient).max()
        assert error < DIFFERENCE_TOLERANCE, name


@every_case
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_loss_and_gradients_match_the_oracle(case, reduction):
    net, params, sequences = case.draw()
    value, gradients = loss_and_gradient(case.trainer(reduction))
    expected, wanted = reference.loss_and_gradients(params, sequences, case.loss, case.activation, reduction)
    terms = net.outputs * (labelled_steps(sequences) if reduction == "mean" else 1)
    assert value / terms == pytest.approx(expected, rel=ORACLE_TOLERANCE)
    assert_close(gradients, wanted, ORACLE_TOLERANCE)


def torch_outputs(torch, tensors, x, activation):
    """Outputs (T, O) of one sequence: torch.nn.RNN where it knows the activation, else its equations."""
    x = torch.from_numpy(x)
    recurrent = {name.removeprefix("rnn."): tensor for name, tensor in tensors.items() if name.startswith("rnn.")}
    if activation in ("tanh", "relu"):
        hidden, features = tensors["rnn.weight_ih_l0"].shape
        cell = torch.nn.RNN(features, hidden, nonlinearity=activation, batch_first=True, dtype=torch.float64)
        states = torch.func.functional_call(cell, recurrent, (x[None],))[0][0]
    else:
        states, h = [], torch.zeros(len(recurrent["bias_ih_l0"]), dtype=torch.float64)
        for row in x:
            a = recurrent["weight_ih_l0"] @ row + recurrent["bias_ih_l0"]
            h = torch.sigmoid(a + recurrent["weight_hh_l0"] @ h + recurrent["bias_hh_l0"])
            states.append(h)
        states = torch.stack(states)
    return torch.nn.functional.linear(states, tensors["head.weight"], tensors["head.bias"])


@every_case
def test_gradients_match_autograd(case):
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle of this test; install the extra 'oracle'")
    _, params, sequences = case.draw()
    tensors = {name: torch.tensor(array, requires_grad=True) for name, array in params.items()}
    functional = torch.nn.functional
    function = functional.mse_loss if case.loss == "mse" else functional.binary_cross_entropy_with_logits
    outputs = torch.cat([torch_outputs(torch, tensors, x, case.activation) for x, _ in sequences])
    _, y, _ = joined(sequences)
    labelled = ~np.isnan(y).any(axis=1)
    expected = function(outputs[torch.from_numpy(labelled)], torch.from_numpy(y[labelled]))
    expected.backward()
    value, gradients = loss_and_gradient(case.trainer("mean"))
    assert value / y[labelled].size == pytest.approx(expected.item(), rel=ORACLE_TOLERANCE)
    assert_close(gradients, {name: tensor.grad.numpy() for name, tensor in tensors.items()}, ORACLE_TOLERANCE)


@every_case
def test_outputs_match_the_oracle(case):
    net, params, sequences = case.draw()
    expected = np.concatenate([reference.forward(params, x, case.activation)[1] for x, _ in sequences])
    found = predict(net, params, sequences, case.engine)
    np.testing.assert_allclose(found, expected, rtol=ORACLE_TOLERANCE, atol=ORACLE_TOLERANCE)


def poisoned(allocate):
    """A function that allocates a workspace full of NaN."""

    def call(*arguments):
        work = allocate(*arguments)
        poison([work])
        return work

    return call


@every_case
def test_a_dirty_workspace_changes_nothing(case, monkeypatch):
    clean, dirty = case.trainer(), case.trainer()
    poison(dirty.work)
    if dirty.gradient is not dirty.parameters:
        dirty.gradient[:] = np.nan
    for trainer in (clean, dirty):
        assert trainer.run(np.arange(trainer.sequences)[None], 2, 0.01) is not None
    np.testing.assert_array_equal(dirty.parameters, clean.parameters)
    net, params, sequences = case.draw()
    expected = predict(net, params, sequences, case.engine)
    for name in ("sequence_work", "packed_work"):
        monkeypatch.setattr(prediction, name, poisoned(getattr(prediction, name)))
    np.testing.assert_array_equal(predict(net, params, sequences, case.engine), expected)


@every_case
def test_padding_stays_zero(case):
    """Where f(0) is not 0, the padding lanes of the states are not either."""
    trainer = case.trainer()
    trainer.run(np.arange(trainer.sequences)[None], 3, 0.01)
    assert np.isfinite(trainer.parameters).all()
    held = trainer.layout.flatten(trainer.tensors(), trainer.architecture.dtype)
    np.testing.assert_array_equal(trainer.parameters, held)


def test_engines_agree():
    case = CASES[1]
    (loss, gradients), (other, others) = (
        loss_and_gradient(case.trainer(engine=name)) for name in ("sequence", "packed")
    )
    assert loss == pytest.approx(other, rel=ORACLE_TOLERANCE)
    assert_close(gradients, others, ORACLE_TOLERANCE)


@pytest.mark.parametrize("engine", ["sequence", "packed"])
def test_float32_is_near_the_oracle(engine):
    case = Case(engine, 10, 29, 1, "tanh", "bce", (*LONG, *FEW))
    net, params, sequences = case.draw("float32")
    value, gradients = loss_and_gradient(case.trainer("mean", "float32"))
    expected, wanted = reference.loss_and_gradients(params, sequences, case.loss, case.activation)
    assert value / labelled_steps(sequences) == pytest.approx(expected, rel=FLOAT32_TOLERANCE)
    assert_close(gradients, wanted, FLOAT32_TOLERANCE)
    outputs = np.concatenate([reference.forward(params, x, case.activation)[1] for x, _ in sequences])
    found = predict(net, params, sequences, engine)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, outputs, rtol=FLOAT32_TOLERANCE, atol=FLOAT32_TOLERANCE)


@pytest.mark.parametrize("engine", ["sequence", "packed"])
def test_without_any_label_nothing_moves(engine):
    case = Case(engine, 5, 3, 3, "relu", "mse", FEW)
    net, params, sequences = case.draw()
    trainer = make_trainer(net, params, [(x, np.full_like(y, np.nan)) for x, y in sequences], engine=engine)
    assert loss_and_gradient(trainer)[0] == 0.0
    np.testing.assert_array_equal(trainer.parameters, trainer.layout.flatten(params, net.dtype))


@pytest.mark.parametrize("engine", ["sequence", "packed"])
def test_outputs_do_not_depend_on_the_other_sequences(engine):
    net, params, sequences = Case(engine, 10, 29, 1, "tanh", "mse", LONG).draw()
    together = predict(net, params, sequences, engine)
    alone = np.concatenate([predict(net, params, [sequence], engine) for sequence in sequences])
    np.testing.assert_allclose(together, alone, rtol=0, atol=ORACLE_TOLERANCE)
