"""Which sizes decide what is compiled, and that padding changes no result."""

import autodiff
import forward
import numpy as np
import pytest
from networks import assert_near, draw_sequences, draw_tensors, file_order, make_trainer, predict
from tolerances import TRAINED

from rnnfast.kernels.run.plan import engine_of, specialisation_of
from rnnfast.network.architecture import Architecture
from rnnfast.network.layout import Layout


def compiled_for(cell, features, hidden, recurrent_bias=True):
    architecture = Architecture.named(cell, features, hidden, 1, recurrent_bias=recurrent_bias)
    return specialisation_of(Layout(architecture), engine_of(architecture)).items


@pytest.mark.parametrize(
    ("cell", "sizes", "same"),
    [
        pytest.param("gru", (29, 10), (3, 16), id="columns-and-units"),
        pytest.param("gru", (29, 16), (29, 64), id="width"),
        pytest.param("lstm", (29, 10), (1, (20, 20)), id="layers"),
        pytest.param("rnn", (29, 17), (3, 32), id="rnn-too-wide-for-registers"),
    ],
)
def test_networks_of_a_cell_share_its_kernel(cell, sizes, same):
    assert compiled_for(cell, *sizes) == compiled_for(cell, *same) == compiled_for(cell, *same, recurrent_bias=False)


def test_networks_in_registers_have_kernels_of_their_own():
    """Columns and units that are read at run time cost up to a tenth of an epoch."""
    kernels = {compiled_for("rnn", *sizes) for sizes in ((29, 10), (28, 10), (29, 9))}
    assert len(kernels) == 3


@pytest.mark.parametrize("batch", [1, 4], ids=["alone", "batch"])
@pytest.mark.parametrize("hidden", [1, 5, 6, 9, 11, 13])
@pytest.mark.parametrize("features", [1, 2, 7, 12, 29])
def test_padding_of_registers_takes_no_part(features, hidden, batch):
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
