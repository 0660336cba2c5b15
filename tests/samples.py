"""Samples of unequal lengths, their labels, and estimators that learn them quickly."""

import numpy as np
import pandas as pd

import rnnfast

COUNT, STEPS, FEATURES = 60, 6, 2
RNG = np.random.default_rng(0)
X = RNG.normal(size=(COUNT, STEPS, FEATURES))
SUMS = X.sum(axis=1)  # (COUNT, FEATURES)
SIGN = (SUMS[:, 0] > 0).astype(int)
THREE = np.digitize(SUMS[:, 0], (-1, 1))
LENGTHS = [2 + number % (STEPS - 1) for number in range(COUNT)]
RAGGED = [steps[:length] for steps, length in zip(X, LENGTHS, strict=True)]
FRAME = pd.DataFrame(X.reshape(-1, FEATURES), columns=["flow", "heat"]).assign(
    unit=np.repeat(np.arange(COUNT), STEPS), t=np.tile(np.arange(STEPS), COUNT)
)
QUICK = {"cell": "gru", "hidden": 8, "epochs": 3, "lr": 0.02}


def classifier(**parameters):
    return rnnfast.RNNClassifier(**(QUICK | parameters))


def regressor(**parameters):
    return rnnfast.RNNRegressor(**(QUICK | parameters))
