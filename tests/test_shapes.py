"""Any lengths, widths, depths and batches: drawn by hypothesis, on kernels that other tests compile too."""

import forward
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_calls import works
from networks import assert_close, draw_sequences, draw_tensors, loss_and_gradient, make_trainer, poison, predict
from tolerances import GRADIENTS_OF_ANY_SHAPE

from rnnfast.network.architecture import Architecture
from rnnfast.network.front import Patch

# One narrow layer keeps the lanes of all widths up to 64 those of a kernel.
widths = st.lists(st.integers(1, 24), min_size=0, max_size=2).map(lambda more: (5, *more))
lengths = st.lists(st.integers(1, 12), min_size=0, max_size=36)
fronts = st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 20)), max_size=3).map(
    lambda layers: tuple(Patch(rows, min(rows, stride), units) for rows, stride, units in layers)
)
cells = st.sampled_from(["gru", "lstm", "rnn"])
shapes = st.tuples(cells, st.booleans(), st.sampled_from(["last", "all", "attention"]))


@settings(max_examples=25)
@given(shapes, widths, st.integers(1, 200), lengths, st.integers(1, 9), st.integers(1, 5), fronts, st.data())
def test_any_shape(shape, hidden, longest, others, features, outputs, front, data):
    cell, both, head = shape
    lengths = data.draw(st.permutations([longest, *others]), "order")
    more = {"bidirectional": both, "head": head, "front": front}
    net = Architecture.named(cell, features, hidden, outputs, "tanh", "float64", **more)
    tensors, sequences = draw_tensors(net, len(lengths)), draw_sequences(net, lengths, seed=longest)
    trainer = make_trainer(net, tensors, sequences, engine="packed")
    poison(works(trainer))
    trainer.gradient[:] = np.nan
    _, gradients = loss_and_gradient(trainer)
    if any(not np.isnan(y).any(axis=1).all() for _, y in sequences):
        _, wanted = forward.loss_and_gradients(net, tensors, sequences, "mse")
        assert_close(gradients, wanted, GRADIENTS_OF_ANY_SHAPE)
    else:
        assert not any(gradient.any() for gradient in gradients.values())
    found = predict(net, tensors, sequences, engine="packed")
    steps = np.concatenate(
        [
            end - length + forward.last_rows(length, net.stride)
            for length, end in zip(lengths, np.cumsum(lengths), strict=True)
        ]
    )
    assert np.flatnonzero(np.isfinite(found).all(axis=1)).tolist() == steps.tolist()
    assert found.shape == (sum(lengths), outputs)
