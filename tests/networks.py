"""Small networks, ragged sequences and the kernels that train them: what the tests of the kernels share.

Sequences are a list of (x, y) as in forward.py: x (T, F), y (T, O) with NaN at unlabelled steps.
"""

from contextlib import contextmanager
from unittest.mock import patch

import numpy as np
from forward import activation_of, last_rows

from rnnfast.kernels.run import plan
from rnnfast.kernels.run.memory import training_data
from rnnfast.kernels.run.predictor import Predictor
from rnnfast.kernels.run.trainer import Policy, Trainer
from rnnfast.network.layout import Layout

# Transposed weights: the kernels write the weights alone, the padding stays 0 as allocated (see kernels/run/memory.py).
ZEROED = ("WhT",)

CHUNK = 16  # sequences that are packed together in tests


def draw_tensors(architecture, seed=0):
    """Tensors of any cell by PyTorch's names, from uniform(-r, r), r = 1 / sqrt(units of the widest layer).

    Biases too, so that none is at a special value, but for those that are not trained. States neither die out nor
    explode over some hundred steps, for which those of relu get smaller weights.
    """
    rng, spread = np.random.default_rng([seed, 12]), 1.0 / np.sqrt(max(architecture.hidden))
    tensors = {name: rng.uniform(-spread, spread, shape) for name, shape in Layout(architecture).shapes().items()}
    for name, tensor in tensors.items():
        if "weight_hh" in name and activation_of(architecture) == "relu":
            tensor *= 0.7
        if "bias_hh" in name and not architecture.recurrent_bias:
            tensor[:] = 0.0
    return tensors


def draw_targets(rng, length, outputs, loss):
    """Targets (length, C) that suit a loss."""
    if loss == "ce":
        return rng.integers(0, outputs, (length, 1)).astype(float)
    if loss == "bce":
        return rng.integers(0, 2, (length, outputs)).astype(float)
    return rng.normal(size=(length, outputs))


def draw_sequences(architecture, lengths, loss="mse", seed=0):
    """Sequences of these lengths. A fifth of the steps and all of the last sequence (of several) are unlabelled.

    So are rows that end no step.
    """
    rng = np.random.default_rng([seed, 11])
    sequences = []
    for length in lengths:
        x = rng.normal(size=(length, architecture.features))
        steps = architecture.features - architecture.static
        x[:, steps:] = x[0, steps:]
        for column, embedding in enumerate(architecture.embeddings, steps - len(architecture.embeddings)):
            x[:, column] = rng.integers(0, embedding.categories + 1, length)
        y = draw_targets(rng, length, architecture.outputs, loss)
        if length > 1:
            y[rng.random(length) < 0.2] = np.nan
            y[0, -1] = np.nan  # one missing target makes the step unlabelled
        y[np.setdiff1d(np.arange(length), last_rows(length, architecture.stride))] = np.nan
        sequences.append((x, y))
    if len(lengths) > 1:
        sequences[-1][1][:] = np.nan
    return sequences


def joined(sequences):
    """The sequences end to end: x (rows, F), y (rows, O), offsets (sequences + 1,)."""
    offsets = np.concatenate(([0], np.cumsum([len(x) for x, _ in sequences])))
    return np.concatenate([x for x, _ in sequences]), np.concatenate([y for _, y in sequences]), offsets


@contextmanager
def forced(engine):
    """Make the kernels choose "packed" for every network; others: "small" is chosen wherever it can run.

    A chunk is small here, so that a few dozen sequences are several.
    """
    choices = {"CHUNK": CHUNK}
    if engine == "packed":
        choices["REGISTER_HIDDEN"] = 0
    with patch.multiple(plan, **choices):
        yield


def make_trainer(architecture, params, sequences, loss="mse", reduction="mean", batch=None, engine=None, **settings):
    """Trainer over the sequences; batch None: all of them in one update. settings: more of Policy's."""
    x, y, offsets = joined(sequences)
    data = training_data(x, y, ~np.isnan(y).any(axis=1), offsets, architecture.dtype)
    batch = len(sequences) if batch is None else batch
    with forced(engine):
        policy = Policy(loss=loss, reduction=reduction, batch=batch, **settings)
        trainer = Trainer(architecture, params, data, policy)
    assert engine in (None, trainer.engine)
    return trainer


def predict(architecture, params, sequences, engine=None, **settings):
    """Outputs of all steps, (rows, O). settings: more of Predictor's."""
    x, _, offsets = joined(sequences)
    with forced(engine):
        predictor = Predictor(architecture, Layout(architecture).flatten(params, architecture.dtype), **settings)
        assert engine in (None, predictor.engine)
        return predictor.outputs(x, offsets)


def file_order(sequences):
    """One order for Trainer.run: that of the list."""
    return np.arange(len(sequences))[None]


def loss_and_gradient(trainer, lr=1.0):
    """Sum of the loss over the labelled outputs, and the gradients by PyTorch's names, from one SGD update.

    The trainer's batch must be all sequences; its parameters are as before afterwards. Each call drops out the same.
    """
    trainer.state.updates[:] = 0
    before = trainer.parameters.copy()
    losses = trainer.run(np.arange(trainer.sequences)[None], 1, lr)
    change = before.astype(np.float64) - trainer.parameters
    trainer.parameters[:] = before
    assert losses is not None
    return float(losses[0]), trainer.layout.tensors(change / lr)


def assert_close(tensors, expected, tolerance):
    """Compare tensors by name, relative to the largest entry of each."""
    assert tensors.keys() == expected.keys()
    for name, wanted in expected.items():
        assert tensors[name].shape == wanted.shape, name
        error = np.abs(tensors[name] - wanted).max()
        assert error <= tolerance * np.abs(wanted).max(), f"{name}: {error / np.abs(wanted).max():.2e}"


def assert_near(tensors, expected, tolerance):
    """Compare tensors by name, by absolute differences: weights that were trained."""
    assert tensors.keys() == expected.keys()
    for name, wanted in expected.items():
        np.testing.assert_allclose(tensors[name], wanted, rtol=0, atol=tolerance, err_msg=name)


def poison(works):
    """Fill every float buffer of workspaces (nested too) with NaN, but for those that the kernels say are zeroed."""
    for work in works:
        for name, buffer in zip(work._fields, work, strict=True):
            if isinstance(buffer, tuple):
                poison([buffer])
            elif isinstance(buffer, np.ndarray) and buffer.dtype.kind == "f" and name not in ZEROED:
                buffer[:] = np.nan
