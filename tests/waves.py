"""A table of sequences with a class each, and quick models of it with a linear part that sees shapes."""

import numpy as np
import pandas as pd

import rnnfast

RUN = {"preset": "fast", "hidden": 4, "epochs": 2, "dtype": "float64", "linear_part": True, "seed": 1}


def waves(sequences=40, rows=24, classes=2, seed=0):
    """Sequences of two inputs, the second without a say, with a class each: how long a wave of the first is."""
    random, parts = np.random.default_rng(seed), []
    for name in range(sequences):
        label, length = name % classes, rows - name % 5
        x = np.sin(np.arange(length) * (0.4 + 0.5 * label) + random.uniform(0, 6)) + 0.3 * random.normal(size=length)
        parts.append(pd.DataFrame({"id": f"w{name}", "t": np.arange(length), "x": x, "z": random.normal(size=length)}))
        parts[-1]["y"] = f"class {label}"
    return pd.concat(parts, ignore_index=True)


def trained(frame=None, **options):
    return rnnfast.train(
        waves() if frame is None else frame, **{**RUN, "target": "y", "id": "id", "time": "t", **options}
    ).model
