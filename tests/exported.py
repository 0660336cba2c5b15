"""Models with random weights, of every cell and encoding: what the tests of exports share."""

from dataclasses import replace

import numpy as np
import pandas as pd
from networks import draw_tensors

import rnnfast
from rnnfast.cells import cos, parameter, sigmoid, softplus, where
from rnnfast.model.convolutions import KERNELS, Convolutions
from rnnfast.model.linear_part import LinearPart
from rnnfast.model.members import joined

IDS, STEPS = 6, 8


def frame(task="binary", gaps=False, dates=False, seed=0):
    """A table of six ids with two numbers, a category and a target."""
    rng, n = np.random.default_rng(seed), IDS * STEPS
    table = pd.DataFrame({"id": np.repeat(np.arange(IDS), STEPS), "t": np.tile(np.arange(STEPS), IDS)})
    if dates:
        table["t"] = pd.Timestamp("2023-11-20") + pd.to_timedelta(table["t"] * 17 + table["id"] * 900, unit="h")
    table["x1"], table["x2"] = rng.normal(size=n), 1000 + 50 * rng.random(n)
    table["colour"] = rng.choice(["red", "green", "blue*/", "\\ ??/"], n)
    if gaps:
        table.loc[rng.random(n) < 0.2, ["x1", "colour"]] = None
    targets = {
        "binary": rng.integers(0, 2, n),
        "multiclass": rng.choice(["calm", "busy", "wild"], n),
        "regression": 5 * rng.normal(size=n) + 70,
    }
    table["y"] = targets[task]
    table["age"] = 20.0 + 7 * table["id"]
    return table


def model_of(table, hidden=(5,), **options):
    """A model with random weights that are large enough to matter."""
    known = {"id": "id", "time": "t", "target": "y", "categorical": "colour", "split": 0.7, "seed": 1}
    model = rnnfast.train(table, **known, epochs=0, hidden=hidden, **options).model
    return with_random_weights(model)


def with_random_weights(model, seed=0):
    dtype = model.config.train.dtype
    networks = [draw_tensors(model.architecture, seed + k) for k in range(len(model.members))]
    parameters = joined([{name: one.astype(dtype) for name, one in tensors.items()} for tensors in networks])
    return replace(model, parameters=parameters)


def with_convolutions(model, dilations=(1, 2, 3), thresholds=2, share=0.4, seed=3):
    """The model with convolutions beside its networks, whose thresholds and weights are random."""
    rng, features, outputs = np.random.default_rng(seed), len(model.encoder.names), model.schema.outputs
    shape = (len(dilations), len(KERNELS), thresholds)
    convolutions = Convolutions(
        dilations,
        tuple(map(tuple, rng.integers(0, features, shape[:2]).tolist())),
        tuple(tuple(map(tuple, one)) for one in (2 * rng.normal(size=shape)).astype(np.float32).tolist()),
        tuple(map(tuple, (0.2 * rng.normal(size=(outputs, np.prod(shape)))).tolist())),
    )
    nothing = ((0.0,) * features,) * outputs
    bias = tuple(rng.normal(size=outputs).tolist())
    part = LinearPart(share, nothing, nothing, bias, convolutions=convolutions, temperature=1.6)
    assert part.fits(features, outputs)
    return replace(model, linear_part=part)


def oscillator(x, u, h, rows):
    """A cell of the user's own; its second state has the name of something else in the file."""
    rate = sigmoid(parameter("rate", -1, 1))
    rows = rows * rate + softplus(x.a + u.b)
    return where(u.b > 0, cos(rows), x.a * u.c) + h * 0.5, rows


CELLS = {
    "rnn": {"cell": "rnn"},
    "rnn relu": {"cell": "rnn", "activation": "relu"},
    "rnn gelu": {"cell": "rnn", "activation": "gelu", "hidden": (4, 3)},
    "gru": {"cell": "gru", "hidden": (6, 6)},
    "lstm": {"cell": "lstm", "hidden": (7, 4)},
    "lru": {"cell": "lru"},
    "mingru": {"cell": "mingru", "hidden": (5, 5)},
    "mlp": {"cell": "mlp", "activation": "elu", "hidden": (5, 4)},
    "own cell": {"cell": oscillator},
    "float64": {"cell": "gru", "dtype": "float64"},
    "mean": {"cell": "gru", "head": "mean"},
    "max": {"cell": "gru", "head": "max"},
    "all": {"cell": "gru", "head": "all"},
    "attention": {"cell": "gru", "head": "attention"},
    "mlp mean": {"cell": "mlp", "head": "mean"},
    "front": {"cell": "gru", "conv": (3, 2)},
    "ensemble": {"cell": "gru", "ensemble": 2},
}

ENCODINGS = {
    "several classes": ({"task": "multiclass"}, {}),
    "quantities": ({"task": "regression"}, {}),
    "quantities of an ensemble": ({"task": "regression"}, {"ensemble": 2}),
    "classes of an ensemble": ({"task": "multiclass"}, {"ensemble": 2}),
    "scores of an mse": ({}, {"loss": "mse"}),
    "means for gaps": ({"gaps": True}, {"missing": "mean"}),
    "carried gaps": ({"gaps": True}, {"missing": "ffill"}),
    "gaps as inputs": ({"gaps": True}, {"missing": "zero", "missing_indicator": True}),
    "ranks": ({}, {"scale": "rank"}),
    "other scalings": ({}, {"scale": ("zscore", "x2=robust")}),
    "unseen refused": ({}, {"unseen": "error"}),
    "changes": ({"gaps": True}, {"missing": "mean", "delta": True}),
    "time since": ({}, {"time_delta": "log"}),
    "time since by dates": ({"dates": True}, {"time_delta": "linear"}),
    "calendar": ({"dates": True}, {"calendar": True}),
    "last target": ({"task": "regression"}, {"lag_target": True, "horizon": 1}),
    "changes of the target": ({"task": "regression"}, {"difference": True, "horizon": (1, 3)}),
    "embedding": ({"gaps": True}, {"embed": "colour=2", "missing": "ffill", "missing_indicator": True}),
    "constant columns": ({}, {"static": "age"}),
    "constant columns of an lru": ({}, {"static": "age", "cell": "lru", "hidden": (4, 3)}),
    "constant columns of an mlp": ({}, {"static": "age", "cell": "mlp", "dtype": "float64"}),
    "all at once": ({}, {"static": "age", "embed": "colour=2", "conv": (2,), "head": "all", "ensemble": 2}),
    "windows": ({}, {"window": 4, "dtype": "float64"}),
    "last step": ({}, {"predict": "last"}),
}
