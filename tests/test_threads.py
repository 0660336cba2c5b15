"""Any number of threads gives the same bits, and ends."""

import threading

import numpy as np
import pytest
from networks import CHUNK, draw_sequences, draw_tensors, joined, make_trainer

from rnnfast.kernels.run import plan
from rnnfast.kernels.run.predictor import Predictor
from rnnfast.network.architecture import Architecture
from rnnfast.network.front import Patch
from rnnfast.network.layout import Layout

THREADS = (1, 2, 3, 8)
LENGTHS = tuple(1 + 7 * k % 19 for k in range(160))
BATCH = 140  # nine chunks in eight accumulators, and a batch of two chunks
EPOCHS = 3
ORDERS = np.stack([np.random.default_rng(seed).permutation(len(LENGTHS)) for seed in range(2)])

CASES = {
    "rnn": (Architecture.named("rnn", 3, (5, 12), 3, "tanh", "float64"), {}),
    "rnn, both ways": (Architecture.named("rnn", 3, (5, 5), 3, "tanh", "float64", bidirectional=True), {}),
    "gru": (Architecture.named("gru", 3, (5, 12), 1, "tanh", "float64"), {}),
    "lstm": (Architecture.named("lstm", 3, (5,), 1, "tanh", "float64"), {}),
    "mlp": (Architecture.named("mlp", 3, (12, 5), 3, "swish", "float64"), {}),
    "rnn in registers": (Architecture.named("rnn", 3, (5,), 3, "leaky_relu", "float64"), {"loss": "mae"}),
    "pooled": (Architecture.named("gru", 3, (5, 12), 1, "tanh", "float64", head="all"), {}),
    "pooled by windows": (Architecture.named("lstm", 3, (5,), 1, "tanh", "float64", head="attention"), {"window": 4}),
    "windows": (Architecture.named("lstm", 3, (5, 5), 1, "tanh", "float64"), {"window": 4}),
    "adam": (Architecture.named("gru", 3, (5, 5, 5), 1, "tanh", "float64"), {"optimizer": "adam", "weight_decay": 0.1}),
    "clipping": (Architecture.named("gru", 3, (5, 5), 1, "tanh", "float64"), {"clip_norm": 0.05}),
    "adam, clipping": (
        Architecture.named("gru", 3, (64,), 1, "tanh", "float64"),
        {"optimizer": "adam", "clip_norm": 0.05},
    ),
    "dropout": (Architecture.named("gru", 3, (5, 12), 1, "tanh", "float64", dropout=0.3), {"seed": 4}),
    "front": (
        Architecture.named("gru", 3, (5,), 1, "tanh", "float64", front=(Patch(3, 1, 5), Patch(4, 2, 12))),
        {"optimizer": "adam"},
    ),
    "float32": (Architecture.named("lstm", 3, (5, 5), 1, "tanh", "float32", bidirectional=True), {}),
}


@pytest.fixture(autouse=True)
def _share_any_work(monkeypatch):
    monkeypatch.setattr(plan, "SHARED_WORK", 0)
    monkeypatch.setattr(plan, "CHUNK", CHUNK)


def trained(net, threads, **settings):
    sequences = draw_sequences(net, LENGTHS, seed=3)
    trainer = make_trainer(net, draw_tensors(net, 3), sequences, batch=BATCH, threads=threads, **settings)
    assert trainer.threads == threads
    losses = trainer.run(ORDERS, EPOCHS, 0.02)
    assert losses is not None
    return trainer, losses


@pytest.mark.parametrize("name", CASES)
def test_any_number_of_threads_gives_the_same_bits(name):
    """More threads than this machine has cores, too: they wait for each other without holding a core."""
    net, settings = CASES[name]
    (one, losses), *others = (trained(net, threads, **settings) for threads in THREADS)
    before = one.layout.flatten(draw_tensors(net, 3), net.dtype)
    assert np.abs(one.parameters - before).max() > 1e-3
    for other, its_losses in others:
        np.testing.assert_array_equal(other.parameters, one.parameters)
        np.testing.assert_array_equal(its_losses, losses)


@pytest.mark.parametrize("name", ["rnn", "gru", "lstm", "mlp", "pooled", "front"])
def test_predictions_do_not_depend_on_threads(name):
    net, _ = CASES[name]
    x, _, offsets = joined(draw_sequences(net, LENGTHS, seed=3))
    parameters = Layout(net).flatten(draw_tensors(net, 3), net.dtype)
    one, *others = (Predictor(net, parameters, threads).outputs(x, offsets) for threads in THREADS)
    for other in others:
        np.testing.assert_array_equal(other, one)


def test_threads_of_predictions_outlive_a_call(monkeypatch):
    net, _ = CASES["gru"]
    x, _, offsets = joined(draw_sequences(net, LENGTHS, seed=3))
    predictor = Predictor(net, Layout(net).flatten(draw_tensors(net, 3), net.dtype), 2)
    first, started, start = predictor.outputs(x, offsets), [], threading.Thread.start
    monkeypatch.setattr(threading.Thread, "start", lambda thread: (started.append(thread), start(thread)))
    for _ in range(100):
        np.testing.assert_array_equal(predictor.outputs(x, offsets), first)
    assert len(started) < 50  # a pool starts one while all others are busy, up to its size


def test_divergence_ends_all_threads():
    net, _ = CASES["gru"]
    sequences = draw_sequences(net, LENGTHS, seed=3)
    sequences[150][0][:] = np.nan
    for threads in THREADS:
        trainer = make_trainer(net, draw_tensors(net, 3), sequences, batch=BATCH, threads=threads)
        assert trainer.run(np.arange(len(LENGTHS))[None], EPOCHS, 0.02) is None
        assert trainer.where.tolist() == [0, 1]


def test_no_more_threads_than_there_is_work_for(monkeypatch):
    net, _ = CASES["gru"]
    sequences, tensors = draw_sequences(net, LENGTHS, seed=3), draw_tensors(net, 3)
    assert make_trainer(net, tensors, sequences, batch=40, threads=8).threads == 5  # chunks of 8
    assert make_trainer(net, tensors, sequences, batch=8, threads=8).threads == 1
    monkeypatch.setattr(plan, "SHARED_WORK", 1 << 40)
    assert make_trainer(net, tensors, sequences, batch=BATCH, threads=8).threads == 1
