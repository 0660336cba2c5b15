"""Tables for small ensembles, and one network of an ensemble alone."""

from dataclasses import replace

import numpy as np
import pandas as pd

import rnnfast
from rnnfast.model.model import Model

RULE = {"hidden": 3, "epochs": 3, "patience": 0, "lr": 0.05, "batch_size": 4, "optimizer": "adam", "seed": 1}
KINDS = {
    "quantity": ("quantity", {}),
    "float64": ("quantity", {"dtype": "float64", "cell": "gru"}),
    "two classes": ("two classes", {"cell": "lstm"}),
    "two classes, squared error": ("two classes", {"loss": "mse"}),
    "classes": ("classes", {"bidirectional": True}),
    "last step": ("label per sequence", {"predict": "last"}),
    "several targets": ("quantity", {"target": ("y1", "x2"), "features": ("x1",)}),
    "several horizons": ("quantity", {"horizon": (1, 2), "lag_target": True}),
    "windows": ("quantity", {"window": 3, "stride": 1, "cell": "mlp"}),
}


def frame(labels="quantity", sequences=30, steps=5):
    random = np.random.default_rng(0)
    x = random.normal(size=(sequences, steps, 2))
    total = x[..., 0].cumsum(axis=1)
    y = {
        "quantity": total,
        "two classes": (total > 0).astype(int),
        "classes": np.where(total < -0.7, "lo", np.where(total > 0.7, "hi", "mid")),
        "label per sequence": np.repeat(np.where(total[:, -1:] > 0, "u", "v"), steps, axis=1),
    }[labels]
    names, times = np.repeat(np.arange(sequences), steps), np.tile(np.arange(steps), sequences)
    x1, x2 = x.reshape(-1, 2).T
    return pd.DataFrame({"name": names, "t": times, "x1": x1, "x2": x2, "y1": y.ravel()})


def fit(labels="quantity", sequences=30, **options):
    return rnnfast.train(frame(labels, sequences), **{**RULE, **options})


def alone(model: Model, k: int) -> Model:
    """Return a network of an ensemble as a model of its own."""
    return replace(model, parameters=model.members[k])
