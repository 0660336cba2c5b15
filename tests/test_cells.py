"""Every cell, activation, loss, depth, direction and engine: against automatic and finite differences, and PyTorch."""

from dataclasses import dataclass, replace
from functools import cache

import autodiff
import forward
import numpy as np
import pytest
import twin
from differences import assert_gradient_matches_finite_differences
from kernel_calls import ENGINES, works
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
from tolerances import FLOAT32_GRADIENTS, GRADIENTS

from rnnfast.kernels.run import predictor as prediction
from rnnfast.network.architecture import Architecture
from rnnfast.network.embedding import Embedding
from rnnfast.network.front import Patch, stride_of

LARGE_RATE = 2.0**14  # the weights after the update are the gradient, to 24 bits of it

FEW = (60, 1, 17, 2, 5, 17)  # one chunk, whose gradient goes into the weights directly
MANY = (*FEW, 3, 1, 8, 4, 11, 2, 6, 1, 9, 5, 3, 13, 2, 7)  # more than one: two accumulators
LONG = (300, 1, 17, 2, 64, 5)


@dataclass(frozen=True)
class Case:
    """One network with a loss, of one engine. Wide layers apart, all packed ones share the lanes of a kernel."""

    cell: str
    hidden: tuple[int, ...]
    outputs: int
    loss: str = "mse"
    activation: str = "tanh"
    bidirectional: bool = False
    lengths: tuple[int, ...] = FEW
    engine: str = "packed"
    dtype: str = "float64"
    features: int = 3
    head: str = "last"
    front: tuple[Patch, ...] = ()
    embeddings: tuple[Embedding, ...] = ()
    static: int = 0

    def __str__(self):
        size = "-".join(map(str, (self.features, *self.hidden, self.outputs)))
        both = (" both ways" if self.bidirectional else "") + (f" {self.head}" if self.head != "last" else "")
        lengths = f"{len(self.lengths)}x{max(self.lengths)}"
        front = "".join(f" front {layer.rows},{layer.stride},{layer.units}" for layer in self.front)
        front += "".join(f" embed {table.categories},{table.units}" for table in self.embeddings)
        front += f" {self.static} constant" if self.static else ""
        return f"{self.cell} {size} {self.activation}{front}{both} {self.loss} {lengths} {self.engine} {self.dtype}"

    def draw(self):
        net = Architecture.named(
            self.cell,
            self.features,
            self.hidden,
            self.outputs,
            self.activation,
            self.dtype,
            bidirectional=self.bidirectional,
            head=self.head,
            front=self.front,
            embeddings=self.embeddings,
            static=self.static,
        )
        return net, draw_tensors(net, 1), draw_sequences(net, self.lengths, self.loss, 1)

    def trainer(self, reduction="mean"):
        return make_trainer(*self.draw(), self.loss, reduction, engine=self.engine)


# Kernels are compiled for a cell, an activation, a loss, and for whether the gradient goes into the weights directly
# (FEW, LONG) or is summed first; those in registers for the sizes too. Each of these is here with every cell and engine
# that it means other code for; what costs no compilation (widths, depths, directions, lengths) varies on the way.
CASES = [
    Case("rnn", (5, 5, 5), 1),
    Case("rnn", (5,), 3, bidirectional=True, lengths=MANY),
    Case("rnn", (7, 12), 3, "mae", "relu", bidirectional=True),
    Case("rnn", (5,), 3, "mae", "relu", lengths=LONG),
    Case("rnn", (6,), 3, "huber", "leaky_relu", lengths=MANY),
    Case("rnn", (5, 5), 1, "bce", "sigmoid", bidirectional=True, lengths=MANY),
    Case("rnn", (1,), 1, "bce", "sigmoid", lengths=(*LONG, *MANY), features=2),
    Case("rnn", (12, 3), 3, "ce", "elu"),
    Case("rnn", (5,), 3, "mse", "swish"),
    Case("rnn", (3, 5, 7), 1, "bce", "gelu", bidirectional=True, lengths=MANY),
    Case("rnn", (5, 5), 3, "ce", "identity", lengths=MANY),
    # More lanes, and fewer rows of a tile.
    Case("rnn", (10,), 1, lengths=(*LONG, *MANY), features=29),
    Case("rnn", (16,), 1, lengths=(*LONG, *MANY), features=1),
    Case("rnn", (100,), 3, lengths=(*LONG, *MANY)),
    Case("rnn", (17,), 3, "bce", "relu", lengths=MANY, features=5),
    Case("rnn", (64,), 1, "bce", "relu", lengths=MANY, features=12),
    # In registers.
    Case("rnn", (1,), 1, lengths=(300,), engine="small", features=2),  # one sequence: into the weights directly
    Case("rnn", (5,), 3, "mae", "leaky_relu", lengths=LONG, engine="small"),
    Case("rnn", (9,), 1, "huber", "relu", lengths=FEW[:5], engine="small"),  # an odd one out
    Case("rnn", (10,), 1, "bce", "sigmoid", lengths=(10,), engine="small", features=29),
    Case("rnn", (16,), 3, "bce", lengths=LONG, engine="small", features=7),
    # Without states.
    Case("mlp", (5, 5, 5), 1, "mse", "relu", lengths=MANY),
    Case("mlp", (7, 12), 1, "mae", "leaky_relu"),
    Case("mlp", (5,), 1, "mae", "leaky_relu"),
    Case("mlp", (5, 12, 3), 3, "huber", "sigmoid", lengths=MANY),
    Case("mlp", (12, 5), 3, "mse", "swish", lengths=MANY),
    Case("mlp", (5, 5), 3, "ce", "gelu"),
    # With gates.
    Case("gru", (5,), 1),
    Case("gru", (5, 5), 3),
    Case("gru", (5, 12), 3, bidirectional=True),
    Case("gru", (5, 5, 5), 1, bidirectional=True, lengths=MANY),
    Case("gru", (3, 5, 12), 3, lengths=MANY),
    Case("gru", (7,), 3, lengths=MANY),
    Case("gru", (64, 32), 1, lengths=MANY),
    Case("lstm", (5,), 1),
    Case("lstm", (5, 12, 3), 1),
    Case("lstm", (12, 5), 3, bidirectional=True),
    Case("lstm", (5, 5, 5), 1, bidirectional=True, lengths=MANY),
    Case("lstm", (7,), 3, bidirectional=True, lengths=MANY),
    Case("lstm", (33, 17), 3),
    # Without products of the states.
    Case("lru", (5,), 3),
    Case("lru", (5, 12, 3), 1, bidirectional=True, lengths=MANY),
    Case("mingru", (5, 5), 3, bidirectional=True),
    Case("mingru", (7, 12), 1, lengths=MANY),
    # Pooled over time.
    Case("rnn", (5,), 1, lengths=LONG, head="mean"),
    Case("rnn", (5,), 3, "ce", "relu", bidirectional=True, lengths=MANY, head="max"),
    Case("gru", (5, 12), 3, bidirectional=True, lengths=MANY, head="all"),
    Case("gru", (64, 32), 1, lengths=LONG, head="attention"),
    Case("lstm", (5,), 1, lengths=MANY, head="attention"),
    Case("lstm", (12, 5), 3, bidirectional=True, head="max"),
    Case("mlp", (7, 12), 1, "mae", "leaky_relu", head="attention"),
    Case("mlp", (5, 5), 3, "ce", "gelu", lengths=MANY, head="all"),
    # On a front. Many sequences are shorter than what it stacks.
    Case("gru", (5,), 3, lengths=MANY, front=(Patch(4, 4, 5),)),
    Case("gru", (5,), 1, lengths=LONG, front=(Patch(7, 3, 12),), features=1),
    Case("lstm", (5, 12), 1, lengths=MANY, front=(Patch(3, 1, 5), Patch(5, 1, 7)), bidirectional=True),
    Case(
        "rnn", (7, 5), 3, "ce", "identity", front=(Patch(5, 1, 5), Patch(3, 1, 12), Patch(4, 2, 5)), bidirectional=True
    ),
    Case("mlp", (5, 5), 3, "mse", "relu", lengths=MANY, front=(Patch(3, 2, 33), Patch(2, 2, 5))),
    Case("gru", (64,), 1, lengths=MANY, front=(Patch(2, 1, 32), Patch(8, 8, 64))),
    # With embeddings.
    Case("gru", (5,), 1, lengths=MANY, embeddings=(Embedding(4, 3),)),
    Case(
        "lstm", (5, 12), 1, lengths=MANY, features=4, embeddings=(Embedding(3, 20), Embedding(7, 1)), bidirectional=True
    ),
    Case("mlp", (5, 5), 3, "mse", "relu", lengths=MANY, features=2, embeddings=(Embedding(3, 2), Embedding(5, 17))),
    Case("rnn", (5, 5, 5), 1, embeddings=(Embedding(6, 4),), front=(Patch(3, 1, 5), Patch(4, 2, 7))),
    Case("gru", (5,), 3, lengths=MANY, embeddings=(Embedding(6, 4),), front=(Patch(4, 4, 5),), head="attention"),
    # With constant columns.
    Case("gru", (5,), 1, lengths=MANY, static=2),
    Case("lstm", (5, 12), 3, lengths=MANY, static=1, bidirectional=True, features=4),
    Case("rnn", (5, 5, 5), 1, static=2, head="all"),
    Case("mlp", (5, 5), 3, "mse", "relu", lengths=MANY, static=2),
    Case("gru", (64, 32), 1, lengths=LONG, static=1, embeddings=(Embedding(4, 3),)),
    Case("gru", (5, 5), 3, lengths=MANY, static=2, front=(Patch(4, 4, 5),), bidirectional=True),
    Case("lstm", (7,), 3, "ce", static=1, embeddings=(Embedding(4, 3),), front=(Patch(3, 1, 5),), head="attention"),
    Case("lru", (5,), 3, lengths=LONG, static=2),
    Case("lru", (5, 12), 1, lengths=MANY, static=1, bidirectional=True, embeddings=(Embedding(4, 3),)),
    Case("mingru", (5, 5), 3, bidirectional=True, static=2),
    # Both.
    Case("lru", (5,), 3, lengths=LONG, front=(Patch(1, 1, 7),), head="mean"),
    Case("gru", (5,), 1, lengths=MANY, front=(Patch(3, 1, 5), Patch(4, 2, 7)), head="all"),
    Case("mlp", (5,), 3, "ce", "gelu", lengths=MANY, front=(Patch(4, 4, 5),), head="attention"),
]
FLOAT32 = [
    Case("rnn", (5, 5), 1, "bce", "gelu", lengths=(*LONG, *FEW), dtype="float32"),
    Case("mlp", (7, 12), 3, "ce", "swish", dtype="float32"),
    Case("gru", (5, 12), 3, bidirectional=True, dtype="float32"),
    Case("gru", (5,), 3, dtype="float32", front=(Patch(3, 1, 5), Patch(4, 4, 12))),
    Case("gru", (5,), 3, dtype="float32", embeddings=(Embedding(5, 3),)),
    Case("gru", (5,), 3, dtype="float32", embeddings=(Embedding(5, 3),), front=(Patch(3, 1, 5),)),
    Case("lstm", (5, 5), 1, bidirectional=True, lengths=MANY, dtype="float32"),
    Case("lstm", (5, 5), 1, bidirectional=True, lengths=MANY, dtype="float32", static=2),
    Case("lru", (5, 5), 1, bidirectional=True, lengths=MANY, dtype="float32"),
    Case("lru", (5, 5), 1, bidirectional=True, lengths=MANY, dtype="float32", static=2),
    Case("mingru", (5, 12), 3, dtype="float32"),
    Case("rnn", (10,), 1, "bce", lengths=(*LONG, *FEW), engine="small", dtype="float32", features=29),
    Case("gru", (5, 12), 3, bidirectional=True, dtype="float32", head="all"),
    Case("lstm", (5, 5), 1, bidirectional=True, lengths=(*LONG, *MANY), dtype="float32", head="attention"),
]
every_case = pytest.mark.parametrize("case", CASES, ids=str)
every_float32_case = pytest.mark.parametrize("case", FLOAT32, ids=str)
every_engine = pytest.mark.parametrize("engine", ENGINES)


@cache
def oracle(case, reduction="mean"):
    net, tensors, sequences = case.draw()
    return forward.loss_and_gradients(net, tensors, sequences, case.loss, reduction)


def terms(trainer):
    """What the kernels' sum of losses is divided by."""
    outputs = 1 if trainer.policy.loss == "ce" else trainer.architecture.outputs
    return outputs * (trainer.data.mass.sum() if trainer.mean else 1)


def answers_of(case, **settings):
    """Outputs of the kernels at the steps of all sequences."""
    answers, first = predict(*case.draw(), case.engine, **settings), 0
    rows = []
    for length in case.lengths:
        rows.append(first + forward.last_rows(length, stride_of(case.front)))
        first += length
    return answers[np.concatenate(rows)]


@cache
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
    assert value / terms(trainer) == pytest.approx(expected, rel=GRADIENTS)
    assert_close(gradients, wanted, GRADIENTS)


@every_case
def test_gradients_match_finite_differences(case):
    net, tensors, sequences = case.draw()
    trainer = case.trainer("sum")
    _, gradients = loss_and_gradient(trainer)

    def loss(moved):
        trainer.parameters[:] = trainer.layout.flatten(moved, net.dtype)
        return trainer.run(file_order(sequences), 1, 0.0)[0] / terms(trainer)

    assert_gradient_matches_finite_differences(loss, tensors, gradients)


@every_case
def test_loss_and_gradients_match_autograd(case):
    net, tensors, sequences = case.draw()
    module = twin.build(net, tensors)
    expected = twin.batch_loss(net, module, sequences, case.loss)
    expected.backward()
    trainer = case.trainer()
    value, gradients = loss_and_gradient(trainer)
    assert value / terms(trainer) == pytest.approx(expected.item(), rel=GRADIENTS)
    assert_close(gradients, twin.gradients_of(module), GRADIENTS)


@every_case
def test_outputs_match_both_oracles(case):
    net, tensors, sequences = case.draw()
    answers = answers_of(case)
    np.testing.assert_allclose(answers, outputs_by_oracle(case), rtol=GRADIENTS, atol=GRADIENTS)
    module = twin.build(net, tensors)
    expected = np.concatenate([twin.outputs(net, module, x)[0].detach().numpy() for x, _ in sequences])
    np.testing.assert_allclose(answers, expected, rtol=GRADIENTS, atol=GRADIENTS)


@every_case
def test_windows_of_steps_change_no_output(case, monkeypatch):
    """Long sequences are computed some steps at a time, so that memory does not grow with their length."""
    whole = answers_of(case)
    rows, place = [], prediction.place
    monkeypatch.setattr(prediction, "place", lambda *args, **more: rows.append(args[2]) or place(*args, **more))
    monkeypatch.setattr(prediction, "SEQUENCES", 4)
    pieces = answers_of(case, window=1)
    np.testing.assert_allclose(pieces, whole, rtol=GRADIENTS, atol=GRADIENTS)
    if case.engine == "packed" and not case.bidirectional:
        assert rows == [min(4, len(case.lengths))]  # one step of four sequences


@every_float32_case
def test_float32_is_near_the_oracle(case):
    trainer = case.trainer()
    value, gradients = loss_and_gradient(trainer, LARGE_RATE)
    expected, wanted = oracle(case)
    assert value / terms(trainer) == pytest.approx(expected, rel=FLOAT32_GRADIENTS)
    assert_close(gradients, wanted, FLOAT32_GRADIENTS)
    answers, outputs = answers_of(case), outputs_by_oracle(case)
    assert answers.dtype == np.float32
    assert np.abs(answers - outputs).max() < FLOAT32_GRADIENTS * np.abs(outputs).max()


def poisoned(allocate):
    """A function that allocates a workspace full of NaN."""

    def call(*arguments, **options):
        work = allocate(*arguments, **options)
        poison([work])
        return work

    return call


@pytest.mark.parametrize("case", CASES + FLOAT32, ids=str)
def test_a_dirty_workspace_changes_nothing_and_padding_stays_zero(case, monkeypatch):
    """Where f(0) is not 0, the padding lanes of the states are not either: the weights' are."""
    clean, dirty = case.trainer(), case.trainer()
    poison(works(dirty))
    dirty.gradient[:] = np.nan
    dirty.shared.states[:] = np.nan
    for trainer in (clean, dirty):
        assert trainer.run(np.arange(trainer.sequences)[None], 3, 0.01) is not None
    np.testing.assert_array_equal(dirty.parameters, clean.parameters)
    padded = clean.layout.flatten(clean.tensors(), case.dtype)
    np.testing.assert_array_equal(clean.parameters, padded)
    assert np.isfinite(clean.parameters).all()
    expected = predict(*case.draw(), case.engine)
    for name in ("sequence_work", "packed_work"):
        monkeypatch.setattr(prediction, name, poisoned(getattr(prediction, name)))
    np.testing.assert_array_equal(predict(*case.draw(), case.engine), expected)


@every_case
def test_the_order_of_the_sequences_does_not_matter(case):
    """A gradient is a sum over sequences: whatever the packing."""
    net, tensors, sequences = case.draw()
    _, gradients = loss_and_gradient(case.trainer())
    turned = make_trainer(net, tensors, sequences[::-1], case.loss, engine=case.engine)
    assert_close(loss_and_gradient(turned)[1], gradients, GRADIENTS)


def test_engines_agree():
    case = Case("rnn", (10,), 1, lengths=(*LONG, *MANY), features=29)
    (loss, gradients), (other, others) = (
        loss_and_gradient(replace(case, engine=engine).trainer()) for engine in ENGINES
    )
    assert loss == pytest.approx(other, rel=GRADIENTS)
    assert_close(gradients, others, GRADIENTS)


@every_engine
def test_without_any_label_nothing_moves(engine):
    net, tensors, sequences = Case("rnn", (10,), 1, lengths=MANY, features=29).draw()
    trainer = make_trainer(net, tensors, [(x, np.full_like(y, np.nan)) for x, y in sequences], engine=engine)
    assert loss_and_gradient(trainer)[0] == 0.0
    np.testing.assert_array_equal(trainer.parameters, trainer.layout.flatten(tensors, net.dtype))


@every_engine
def test_outputs_do_not_depend_on_the_other_sequences(engine):
    net, tensors, sequences = Case("rnn", (10,), 1, lengths=LONG, features=29).draw()
    together = predict(net, tensors, sequences, engine)
    alone = np.concatenate([predict(net, tensors, [sequence], engine) for sequence in sequences])
    np.testing.assert_allclose(together, alone, rtol=0, atol=GRADIENTS)


def test_a_bias_that_is_not_trained_stays_zero():
    net = Architecture.named("gru", 3, (5, 5), 1, "tanh", "float64", recurrent_bias=False)
    tensors, sequences = draw_tensors(net, 1), draw_sequences(net, FEW)
    held = [name for name in tensors if "bias_hh" in name]
    gradients = loss_and_gradient(make_trainer(net, tensors, sequences))[1]
    _, wanted = forward.loss_and_gradients(net, tensors, sequences, "mse")
    assert not any(gradients[name].any() for name in held)
    assert_close(gradients, wanted | {name: gradients[name] for name in held}, GRADIENTS)


def test_a_workspace_follows_the_lengths():
    """Not the number of sequences times the longest: one long sequence among many short ones costs its own steps."""
    net = Architecture.named("gru", 3, 5, 1, "tanh")
    lengths = [1000] + [2] * 63
    work = works(make_trainer(net, draw_tensors(net), draw_sequences(net, lengths), engine="packed"))[0]
    rows = 1000 + 15 * 2  # of a chunk of 16
    assert len(work.pack.source) == rows
    numbers = 3 * 8 + 8 + 8 + 8  # per row: gates, what the cell keeps, states, their gradients
    assert work.memory.size <= rows * numbers + 16 * 2 * 8 + 4 * 64
    trainer = make_trainer(net, draw_tensors(net), draw_sequences(net, lengths), engine="packed", window=10)
    assert len(works(trainer)[0].pack.source) == 10 + 15 * 2
