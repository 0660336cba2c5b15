"""Dropout between layers: off in prediction, the right share, repeatable, and with the gradient of its mask."""

import forward
import numpy as np
import pytest
from ids import cases
from kernel_calls import works
from networks import (
    assert_close,
    draw_sequences,
    draw_tensors,
    file_order,
    loss_and_gradient,
    make_trainer,
    predict,
)
from tolerances import GRADIENTS

from rnnfast.network.architecture import Architecture
from rnnfast.network.front import Patch
from rnnfast.network.records import Direction

FEW = (30, 1, 17, 2, 5, 17)  # one chunk
MANY = (*FEW, *(1 + 5 * k % 13 for k in range(30)))  # three
RATE = 0.3


def network(cell, hidden=(5, 12, 5), rate=RATE, **more):
    return Architecture.named(cell, 3, hidden, 1, "tanh", "float64", dropout=rate, **more)


def make(net, lengths, **settings):
    sequences = draw_sequences(net, lengths, seed=4)
    return make_trainer(net, draw_tensors(net, 4), sequences, engine="packed", **settings), sequences


def masks_of(trainer, sequences):
    """Factors of what each layer but the last handed on, per sequence: found in the memory of the last chunk.

    The workspace still holds what the layers gave and what the next ones saw; table rows are found by the packing.
    """
    net, work = trainer.architecture, works(trainer)[0]
    directions = [Direction(*row) for row in trainer.network.table]
    rows = sum(len(x) for x, _ in sequences)
    source, count = work.pack.source[:rows], len(sequences)
    assert sorted(source) == list(range(rows))
    masks = []
    for layer in range(len(net.hidden) - 1):
        at = next(at for at in directions if at.layer == layer)
        given = work.memory[at.h + count * at.ldh :][: rows * at.ldh].reshape(rows, at.ldh)
        seen = work.memory[at.dropped :][: rows * at.ldh].reshape(rows, at.ldh)
        columns = np.concatenate([d * at.width + np.arange(at.hidden) for d in range(net.directions)])
        mask = np.empty((rows, len(columns)))
        mask[source] = seen[:, columns] / given[:, columns]
        masks.append(mask)
    ends = np.cumsum([len(x) for x, _ in sequences])
    return [[mask[end - len(x) : end] for mask in masks] for end, (x, _) in zip(ends, sequences, strict=True)]


@pytest.mark.parametrize(
    "more",
    cases(
        {
            "gru one way": {},
            "gru both ways": {"bidirectional": True},
            "gru on convolutions": {"front": (Patch(3, 1, 5), Patch(2, 1, 12))},
            "gru, pooled": {"head": "all"},
        }
    ),
)
def test_gradients_are_those_of_the_mask_that_fell(more):
    net = network("gru", **more)
    trainer, sequences = make(net, FEW)
    value, gradients = loss_and_gradient(trainer)
    masks = masks_of(trainer, sequences)
    expected, wanted = forward.loss_and_gradients(net, draw_tensors(net, 4), sequences, "mse", masks=masks)
    assert value / trainer.data.mass.sum() == pytest.approx(expected, rel=GRADIENTS)
    assert_close(gradients, wanted, GRADIENTS)


def test_the_right_share_drops_out_and_the_rest_makes_up_for_it():
    net = network("gru", (64, 64), 0.3)
    trainer, sequences = make(net, FEW)
    seen = set()
    for _ in range(3):
        trainer.run(file_order(sequences), 1, 0.0)
        mask = np.concatenate([layers[0] for layers in masks_of(trainer, sequences)])
        assert set(np.round(np.unique(mask), 9)) == {0.0, np.round(1 / 0.7, 9)}
        # 4600 draws with a standard deviation of 0.0067
        assert (mask == 0).mean() == pytest.approx(0.3, abs=0.03)
        assert np.abs((mask == 0).mean(axis=0) - 0.3).max() < 0.3
        seen.add(mask.tobytes())
    assert len(seen) == 3  # another one in each update


def test_the_layers_drop_out_independently():
    net = network("gru", (5, 5, 5), 0.5)
    trainer, sequences = make(net, FEW)
    trainer.run(file_order(sequences), 1, 0.0)
    one, other = (np.concatenate(layers) for layers in zip(*masks_of(trainer, sequences), strict=True))
    assert ((one == 0) == (other == 0)).mean() == pytest.approx(0.5, abs=0.15)


def test_every_update_into_the_weights_draws_anew():
    """Updates that need no optimizer state count too."""
    net = network("gru")
    trainer, sequences = make(net, FEW)
    assert trainer.plan.fused
    losses = trainer.run(file_order(sequences), 6, 0.0)
    assert len(set(losses)) == 6
    trainer, sequences = make(net, MANY)
    assert not trainer.plan.fused
    assert len(set(trainer.run(file_order(sequences), 6, 0.0))) == 6


def test_the_mean_output_over_masks_is_about_that_without():
    net = network("gru", (5, 5))
    sequences = draw_sequences(net, FEW, seed=4)
    for _, y in sequences:
        y[:] = 1000.0  # so far away that the loss is linear in the outputs
    trainer = make_trainer(net, draw_tensors(net, 4), sequences, engine="packed")
    dropped = trainer.run(file_order(sequences), 400, 0.0)
    outputs = predict(net, draw_tensors(net, 4), sequences)
    away = np.sqrt(dropped.mean() / len(outputs)) - 1000.0
    assert away == pytest.approx(-outputs.mean(), abs=0.02)


def test_the_same_seed_gives_the_same_bits_and_another_one_others():
    net = network("gru")
    weights = []
    for seed in (0, 0, 1):
        trainer, sequences = make(net, MANY, seed=seed)
        trainer.run(file_order(sequences), 3, 0.1)
        weights.append(trainer.parameters.copy())
    np.testing.assert_array_equal(weights[0], weights[1])
    assert (weights[0] != weights[2]).any()


def test_prediction_drops_nothing():
    with_dropout, without = network("gru"), network("gru", rate=0.0)
    sequences, tensors = draw_sequences(without, MANY), draw_tensors(without, 4)
    found, expected = (predict(net, tensors, sequences) for net in (with_dropout, without))
    np.testing.assert_array_equal(found, expected)
