"""Additions as docs/extending.md shows them, cell, activation, loss, optimizer: against finite differences."""

import minimal_gated_unit
import numpy as np
import pytest
from differences import assert_gradient_matches_finite_differences
from networks import draw_sequences, draw_tensors, file_order, loss_and_gradient, make_trainer
from numba.core.caching import NullCache
from rnnfast.kernels.rules.activations import _elementwise
from rnnfast.kernels.rules.cells import registry as cells
from tolerances import SUMS

from rnnfast.catalogue import OPTIMIZERS, Optimizer
from rnnfast.kernels import epoch
from rnnfast.kernels.lanes.elementary import Term, softplus, tanh
from rnnfast.kernels.lanes.span import number
from rnnfast.kernels.lanes.vec import fma, load, splat, store
from rnnfast.kernels.rules import activations, losses, optimizers
from rnnfast.network.architecture import Architecture

ALL = 1 << 30  # entries of a tensor that differences look at
LENGTHS = (12, 1, 7, 2, 5, 7)
BETA1, BETA2 = 0.9, 0.99


# An activation: y = f(x), and its derivative as a function of x and y.
SOFTSIGN = (lambda x: x / (abs(x) + 1.0), lambda x, y: (1.0 - abs(y)) * (1.0 - abs(y)))


# A loss: its value, and its derivative by the output p. log cosh(e), written so that it cannot overflow.
def log_cosh(p, y):
    size = abs(p - y)
    return size + softplus(-2.0 * size) - 0.6931471805599453


LOG_COSH = (log_cosh, lambda p, y: tanh(p - y))


# An optimizer: Lion (Chen et al. 2023). The sign of a vector is an instruction that no other rule needs.
vsign = _elementwise(Term.sign, "Sign, lane by lane.")


def lion(s, first, last, p, g, state, lr, clip):
    """P <- p - lr (sign(b1 m + (1 - b1) g) + weight_decay p)        m <- b2 m + (1 - b2) g"""
    rate, decay, limit = splat(number(p, -lr), s), splat(number(p, state.settings[2]), s), splat(number(p, clip), s)
    b1, a1 = splat(number(p, BETA1), s), splat(number(p, 1.0 - BETA1), s)
    b2, a2 = splat(number(p, BETA2), s), splat(number(p, 1.0 - BETA2), s)
    for i in range(first, last, s.W):
        w, m, d = load(p, i, s), load(state.m, i, s), load(g, i, s) * limit
        store(p, i, fma(rate, fma(decay, w, vsign(fma(b1, m, a1 * d))), w))
        store(state.m, i, fma(b2, m, a2 * d))


@pytest.fixture(autouse=True)
def _registered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Enter all four, and keep their kernels out of the cache, which cannot see that this file was edited."""
    monkeypatch.setattr(epoch.train, "_cache", NullCache())
    monkeypatch.setitem(cells.CELLS, "mgu", minimal_gated_unit)
    monkeypatch.setitem(activations.ACTIVATIONS, "softsign", SOFTSIGN)
    monkeypatch.setitem(losses.LOSSES, "log_cosh", LOG_COSH)
    monkeypatch.setitem(optimizers.OPTIMIZERS, "lion", lion)
    monkeypatch.setitem(OPTIMIZERS, "lion", Optimizer("lion", m=True))


def draw(cell, hidden, activation="tanh"):
    net = Architecture(cell, 3, hidden, 1, activation, "float64")
    return net, draw_tensors(net, 1), draw_sequences(net, LENGTHS, "mse", 1)


def losses_of(trainer, tensors, lr, epochs):
    """Losses of some epochs from those tensors on."""
    trainer.parameters[:] = trainer.layout.flatten(tensors, "float64")
    return trainer.run(np.arange(trainer.sequences)[None], epochs, lr)


@pytest.mark.parametrize(
    ("cell", "hidden", "activation"),
    [("mgu", (5, 7), "tanh"), ("rnn", (6,), "softsign")],
    ids=["a cell and a loss", "an activation and a loss"],
)
def test_additions_have_the_gradients_of_their_formulas_and_learn(cell, hidden, activation):
    net, tensors, sequences = draw(cell, hidden, activation)
    trainer = make_trainer(net, tensors, sequences, "log_cosh", "sum")
    _, gradients = loss_and_gradient(trainer)
    assert_gradient_matches_finite_differences(
        lambda moved: losses_of(trainer, moved, 0.0, 1)[0], tensors, gradients, probes=ALL
    )
    course = losses_of(trainer, tensors, 0.05, 200)
    assert course[-1] < 0.5 * course[0]


def test_the_loss_has_the_value_of_its_formula():
    net, tensors, sequences = draw("rnn", (6,), "softsign")
    found, _ = loss_and_gradient(make_trainer(net, tensors, sequences, "log_cosh"))
    tensors["head.weight"][:] = 0.0
    constant, _ = loss_and_gradient(make_trainer(net, tensors, sequences, "log_cosh"))
    y = np.concatenate([y[~np.isnan(y).any(axis=1)] for _, y in sequences])
    assert constant == pytest.approx(np.log(np.cosh(tensors["head.bias"] - y)).sum(), rel=SUMS)
    assert found != constant


def test_the_optimizer_takes_the_steps_of_its_formula():
    net, tensors, sequences = draw("rnn", (6,), "softsign")
    plain = make_trainer(net, tensors, sequences, "log_cosh")
    p, m, lr, decay = plain.parameters.copy(), 0.0, 0.01, 0.1
    for _ in range(5):
        plain.parameters[:] = p
        g = plain.layout.flatten(loss_and_gradient(plain)[1], "float64")
        p = p - lr * (np.sign(BETA1 * m + (1.0 - BETA1) * g) + decay * p)
        m = BETA2 * m + (1.0 - BETA2) * g
    trainer = make_trainer(net, tensors, sequences, "log_cosh", optimizer="lion", weight_decay=decay)
    course = trainer.run(file_order(sequences), 5, lr)
    np.testing.assert_allclose(trainer.parameters, p, rtol=0, atol=SUMS)
    assert course[-1] < course[0]
