"""Additions as docs/extending.md shows them, cell, head, activation, loss, optimizer: against finite differences."""

import numpy as np
import pytest
from differences import assert_gradient_matches_finite_differences
from networks import draw_sequences, draw_tensors, file_order, loss_and_gradient, make_trainer
from numba.core.caching import NullCache
from tolerances import SUMS

from rnnfast import cells
from rnnfast.catalogue import HEADS, LOSSES, OPTIMIZERS, QUANTITIES, Head, Loss, Optimizer
from rnnfast.equations import functions, losses
from rnnfast.equations.functions import sigmoid, softplus, tanh
from rnnfast.equations.trace import traced
from rnnfast.kernels.lanes.formula import elementwise
from rnnfast.kernels.lanes.vec import load, store
from rnnfast.kernels.packed import equations, pool
from rnnfast.kernels.packed.pool import begin_rows
from rnnfast.kernels.rules import optimizers
from rnnfast.kernels.rules.losses import loss_kernel
from rnnfast.kernels.run import engines, epoch
from rnnfast.network.architecture import Architecture

ALL = 1 << 30  # entries of a tensor that differences look at
LENGTHS = (12, 1, 7, 2, 5, 7)
BETA1, BETA2 = 0.9, 0.99


# A cell: the minimal gated unit (Zhou et al. 2016), which forgets after the product as PyTorch's GRU resets.
def mgu(x, u, h):
    f = sigmoid(x.f + u.f)
    n = tanh(x.n + f * u.n)
    return h + f * (n - h)


# A head: an average that fades.
def fading(s, head, p, chunk, h):
    begin_rows(s, head, chunk, 0, h.ld, 0.0)
    for row in range(chunk.P):
        before, after = chunk.pack.previous[row] * head.width, (chunk.R + row) * head.width
        for n in range(0, h.ld, s.W):
            z = load(chunk.memory, head.pooled + before + n, s)
            store(chunk.memory, head.pooled + after + n, 0.9 * z + 0.1 * load(h.at, row * h.ld + n, s))


def fading_back(s, head, weights, chunk, h, dh):
    for row in range(chunk.P - 1, -1, -1):
        before = chunk.pack.previous[row] - chunk.R
        for n in range(0, h.ld, s.W):
            D = load(chunk.memory, head.dpooled + row * head.width + n, s)
            store(dh.at, row * h.ld + n, 0.1 * D)
            if before >= 0:
                i = head.dpooled + before * head.width + n
                store(chunk.memory, i, load(chunk.memory, i, s) + 0.9 * D)


# An activation: its formula, whose derivative is derived.
def softsign(x):
    return x / (abs(x) + 1.0)


# A loss: log cosh(e), written so that it cannot overflow.
def log_cosh(p, y):
    size = abs(p - y)
    return size + softplus(-2.0 * size) - 0.6931471805599453


# An optimizer: Lion (Chen et al. 2023). The sign of a vector is a formula that no other rule needs.
sign = elementwise(functions.sign, "Sign, lane by lane.")


def lion(s, p, g, state, step):
    """P <- p - lr (sign(b1 m + (1 - b1) g) + weight_decay p)        m <- b2 m + (1 - b2) g"""
    decay = state.settings.weight_decay
    for i in range(step.first, step.last, s.W):
        w, m, d = load(p, i, s), load(state.m, i, s), load(g, i, s) * step.clip
        store(p, i, w - step.lr * (sign(BETA1 * m + (1.0 - BETA1) * d) + decay * w))
        store(state.m, i, BETA2 * m + (1.0 - BETA2) * d)


@pytest.fixture(autouse=True)
def _registered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Enter all five, and keep their kernels out of the cache, which cannot see that this file was edited."""
    of_engines = (epoch.train, engines.small_chunk, engines.packed_chunk)
    of_cells = (equations.steps_forward, equations.steps_backward)
    for kernel in (*of_engines, *of_cells, pool.pool, pool.pool_back, loss_kernel, optimizers.update):
        monkeypatch.setattr(kernel, "_cache", NullCache())
    monkeypatch.setitem(cells.EQUATIONS, "mgu", mgu)
    monkeypatch.setitem(pool.POOLS, "fading", (fading, fading_back))
    monkeypatch.setitem(HEADS, "fading", Head("fading", "fading mean of the states"))
    monkeypatch.setitem(functions.FUNCTIONS, "softsign", functions.Function("softsign", softsign, None))
    monkeypatch.setitem(losses.LOSSES, "log_cosh", log_cosh)
    monkeypatch.setitem(LOSSES, "log_cosh", Loss("log_cosh", (QUANTITIES,)))
    monkeypatch.setitem(optimizers.OPTIMIZERS, "lion", lion)
    monkeypatch.setitem(OPTIMIZERS, "lion", Optimizer("lion", m=True))


def draw(cell, hidden, activation="tanh", head="last"):
    equations = cells.EQUATIONS[cell] if cell in cells.EQUATIONS else cells.CHOOSE_ACTIVATION[cell](activation)
    net = Architecture(traced(equations, cell), 3, hidden, 1, "float64", head=head)
    return net, draw_tensors(net, 1), draw_sequences(net, LENGTHS, "mse", 1)


def losses_of(trainer, tensors, lr, epochs):
    """Losses of some epochs from those tensors on."""
    trainer.parameters[:] = trainer.layout.flatten(tensors, "float64")
    return trainer.run(np.arange(trainer.sequences)[None], epochs, lr)


@pytest.mark.parametrize(
    ("cell", "hidden", "activation", "head"),
    [("mgu", (5, 7), "tanh", "last"), ("mgu", (5, 7), "tanh", "fading"), ("rnn", (6,), "softsign", "last")],
    ids=["a cell and a loss", "a cell and a head", "an activation and a loss"],
)
def test_additions_have_the_gradients_of_their_formulas_and_learn(cell, hidden, activation, head):
    net, tensors, sequences = draw(cell, hidden, activation, head)
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
