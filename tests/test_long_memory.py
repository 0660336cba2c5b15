"""Cells without a product of the state: what they hold over hundreds of steps, where a GRU is at chance."""

import numpy as np
import pandas as pd
from networks import predict

import rnnfast
from rnnfast.model.initialise import initial_tensors
from rnnfast.network.architecture import Architecture
from rnnfast.network.layout import Layout

SYMBOLS, SHOWN, WAIT = 4, 3, 200
OPTIONS = {
    "id": "id", "time": "t", "target": "y", "preset": "fast", "patience": 0, "batch_size": 16, "optimizer": "adam",
    "clip_norm": 1.0, "schedule": "cosine", "cache": False,
}  # fmt: skip


def copying(sequences):
    """A table of the copying task (Hochreiter, Schmidhuber 1997): symbols, a wait, and the symbols as labels."""
    rng, steps = np.random.default_rng(0), WAIT + 2 * SHOWN
    symbols = rng.integers(0, SYMBOLS, (sequences, SHOWN))
    x, y = np.zeros((sequences, steps, SYMBOLS + 1)), np.full((sequences, steps), "", object)
    np.put_along_axis(x[:, :SHOWN], symbols[..., None], 1.0, 2)
    x[:, -SHOWN:, SYMBOLS] = 1.0  # now
    y[:, -SHOWN:] = np.array(list("abcd"), object)[symbols]
    table = pd.DataFrame(x.reshape(-1, SYMBOLS + 1)).add_prefix("x")
    return table.assign(id=np.repeat(np.arange(sequences), steps), t=np.tile(np.arange(steps), sequences), y=y.ravel())


def test_lru_copies_symbols_after_a_wait():
    result = rnnfast.train(copying(400), cell="lru", hidden=32, epochs=25, lr=0.01, **OPTIONS)
    assert result.metrics["valid"]["accuracy"] > 0.8


def trace_of_a_pulse(cell):
    """What of a pulse at the first of a thousand steps an untrained network shows at the last one."""
    net = Architecture.named(cell, 1, 32, 1, dtype="float64")
    tensors = initial_tensors(Layout(net).entries(), "orthogonal", 0, None, True)
    pulse = np.zeros((1000, 1))
    pulse[0] = 1.0
    last = [predict(net, tensors, [(x, np.zeros((1000, 1)))])[-1, 0] for x in (pulse, 0.0 * pulse)]
    return abs(last[0] - last[1])


def test_a_pulse_is_still_there_after_a_thousand_steps():
    assert trace_of_a_pulse("lru") > 1e-6
    assert trace_of_a_pulse("mingru") > 1e-6
    assert trace_of_a_pulse("gru") < 1e-12
