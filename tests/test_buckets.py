"""Sizes share kernels: few of them decide what is compiled, and padding changes no result."""

import autodiff
import forward
import numpy as np
import pytest
from networks import assert_near, draw_sequences, draw_tensors, file_order, make_trainer, predict
from tolerances import TRAINED

from rnnfast.kernels.run.plan import engine_of, specialisation_of
from rnnfast.network.architecture import Architecture
from rnnfast.network.layout import Layout


def compiled_for(features, hidden, recurrent_bias=True):
    architecture = Architecture.named("rnn", features, hidden, 1, recurrent_bias=recurrent_bias)
    return specialisation_of(Layout(architecture), engine_of(architecture)).items


@pytest.mark.parametrize(
    ("sizes", "same"),
    [
        pytest.param((29, 10), (3, 9), id="columns-and-units"),
        pytest.param((29, 12), (29, 11), id="twelve-units"),
        pytest.param((29, 16), (40, 13), id="sixteen-units"),
        pytest.param((29, 8), (1, 6), id="eight-units"),
        pytest.param((29, 5), (2, 1), id="five-units"),
        pytest.param((29, 17), (3, 32), id="too-wide-for-registers"),
    ],
)
def test_networks_of_one_bucket_share_a_kernel(sizes, same):
    assert compiled_for(*sizes) == compiled_for(*same) == compiled_for(*same, recurrent_bias=False)


@pytest.mark.parametrize("batch", [1, 4], ids=["alone", "batch"])
@pytest.mark.parametrize("hidden", [1, 5, 6, 9, 11, 13])
@pytest.mark.parametrize("features", [1, 2, 7, 12, 29])
def test_padding_of_a_bucket_takes_no_part(features, hidden, batch):
    """sigmoid(0) is not 0: states have values in their padding, which must reach no sum."""
    net = Architecture.named("rnn", features, hidden, 2, "sigmoid", "float64")
    sequences = draw_sequences(net, (4, 1, 7, 3, 5, 2), seed=1)
    tensors = draw_tensors(net, seed=2)
    trainer = make_trainer(net, tensors, sequences, "mse", "mean", batch, "small")
    trainer.run(file_order(sequences), 3, 0.1)
    for _ in range(3):
        forward.sgd_epoch(net, tensors, sequences, file_order(sequences)[0], batch, 0.1, "mse", "mean")
    assert_near(trainer.tensors(), tensors, TRAINED)
    weights = Layout(net).flatten(trainer.tensors(), "float64")
    np.testing.assert_array_equal(trainer.parameters, weights, "padding of the parameters is not 0")
    nodes = {name: autodiff.Node(tensor) for name, tensor in tensors.items()}
    expected = np.concatenate([forward.outputs(net, nodes, x).value for x, _ in sequences])
    np.testing.assert_allclose(predict(net, trainer.tensors(), sequences), expected, rtol=1e-9, atol=1e-12)
