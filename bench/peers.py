"""The peers of quality.py: linear models and LightGBM on columns made of the sequences, MiniROCKET, a GRU of PyTorch.

Each takes (set, training part, test part, seed) and answers with a Series of values or a DataFrame of probabilities,
indexed as the rows that are scored. All see what rnnfast sees: a row and those before it, or a whole sequence.
"""

import os
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from peer_columns import columns_of, features, repetition_is_good
from scoring import words

ROCKET_SEQUENCES = 3000  # at most that MiniROCKET learns from: its ridge needs all columns in memory


def table_model(make, one, train, test, seed):
    """Fit a model of scikit-learn's interface to a row of columns per label."""
    y, rows = one.labels(train), one.truth(test).index
    change = one.horizon > 0 and repetition_is_good(one, train)
    X = columns_of(one, train, change).loc[y.index]
    Z = columns_of(one, test, change).loc[rows].reindex(columns=X.columns)
    model = make(one, len(y), seed)
    if one.classes:
        model.fit(X, words(y))
        return pd.DataFrame(model.predict_proba(Z), index=rows, columns=model.classes_)
    if change:
        model.fit(X, y - train.loc[y.index, one.target])
        return pd.Series(model.predict(Z), index=rows) + test.loc[rows, one.target]
    return pd.Series(model.fit(X, y).predict(Z), index=rows)


def linear(one, count, seed):
    """Logistic or ridge regression on z-scored columns, the penalty by cross-validation."""
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression, RidgeCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    penalties = np.logspace(-3, 3, 13)
    last = LogisticRegression(C=0.1, max_iter=300) if one.classes else RidgeCV(penalties)
    return make_pipeline(SimpleImputer(keep_empty_features=True), StandardScaler(), last)


def lightgbm(one, count, seed):
    """300 trees at rate 0.05 on samples of 80 % of rows and columns."""
    from lightgbm import LGBMClassifier, LGBMRegressor

    leaf = max(2, min(20, count // 20))
    options = {"n_estimators": 300, "learning_rate": 0.05, "min_child_samples": leaf, "subsample": 0.8}
    options |= {"subsample_freq": 1, "colsample_bytree": 0.8, "random_state": seed, "n_jobs": 1, "verbose": -1}
    return (LGBMClassifier if one.classes else LGBMRegressor)(**options)


def rocket(python, one, train, test, seed):
    """MiniROCKET with a ridge in the environment of its own, for sequences with one label.

    Returns: the answers, and the seconds of CPU of that program without its start.
    """
    if not one.per_sequence(train):
        return None
    (X, y), (Z, truth) = (_padded(one, part) for part in (train, test))
    few = np.random.default_rng(seed).permutation(len(X))[:ROCKET_SEQUENCES]
    length = max(X.shape[2], Z.shape[2], 9)
    X, Z = (np.pad(part, ((0, 0), (0, 0), (0, length - part.shape[2])), "edge") for part in (X, Z))
    with tempfile.TemporaryDirectory() as directory:
        task, result = Path(directory) / "task.npz", Path(directory) / "result.npz"
        labels = words(y) if one.classes else y.to_numpy()
        np.savez(task, X=X[few], y=labels[few], Z=Z, seed=seed)
        script = [python, Path(__file__).parent / "rocket.py", task, result]
        subprocess.run(script, check=True, env=os.environ | {"PYTHONPATH": ""})
        with np.load(result) as answers:
            values, classes, seconds = answers["values"], answers["classes"], float(answers["seconds"])
    if not one.classes:
        return pd.Series(values, index=truth.index), seconds
    return pd.DataFrame(values, index=truth.index, columns=classes), seconds


def _padded(one, frame):
    """Sequences (n, F, T), the last row repeated to the longest, and their labels."""
    names = features(one, frame)
    rows = [part[names].to_numpy(float).T for _, part in frame.groupby(one.id, sort=False)]
    length = max(part.shape[1] for part in rows)
    return np.stack([np.pad(p, ((0, 0), (0, length - p.shape[1])), "edge") for p in rows]), one.truth(frame)
