"""The baseline of trees: gradient boosting on what a person would compute of the past, fitted to the training labels.

Of each encoded input, up to the step that is answered:

    its value; its mean so far; its slope, (x[t] - x[t - k]) / k with k = min(t, SLOPE); its values 1, 2 and 3 steps ago

A network is worth its place where it is better: it finds out by itself what of the past counts. The trees are those of
scikit-learn, HistGradientBoosting as it is by default, on one thread: several sum in another order, so that the number
of threads would change scores, and on a core that others share they wait for each other for most of the time.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from rnnfast.catalogue import LOSSES
from rnnfast.errors import RnnfastError
from rnnfast.tasks.base import LEAST_SHARE

if TYPE_CHECKING:
    from rnnfast.tasks.linear import Steps

Floats = NDArray[np.float64]

LAGS = (1, 2, 3)
SLOPE = 5
MOST_ROWS = 200_000  # that trees are fitted to, drawn at random


def past(x: NDArray[Any], offsets: NDArray[np.int64]) -> Floats:
    """Return (rows, 6 F) what is known of the inputs x (rows, F) at each step; NaN before the first one."""
    x = np.asarray(x, np.float64)
    rows = np.arange(len(x))
    first = np.repeat(offsets[:-1], np.diff(offsets))
    step = rows - first
    total = np.cumsum(x, axis=0)
    before = np.where((first > 0)[:, None], total[first - 1], 0.0)
    mean = (total - before) / (step + 1)[:, None]
    back = np.minimum(step, SLOPE)
    slope = (x - x[rows - back]) / np.maximum(back, 1)[:, None]
    lags = [np.where((step >= lag)[:, None], x[np.maximum(rows - lag, 0)], np.nan) for lag in LAGS]
    return np.hstack([x, mean, slope, *lags])


class Trees:
    """A fitted baseline; it lives as long as its model does in this process and is not stored.

    threshold: probability from which on it predicts the second of two classes.
    """

    def __init__(self, estimators: list[Any], loss: str, outputs: int, threshold: float = 0.5) -> None:
        self._estimators, self._loss, self._outputs = estimators, loss, outputs
        self.threshold = threshold

    def by(self, threshold: float) -> Trees:
        """Return the same with another threshold."""
        return Trees(self._estimators, self._loss, self._outputs, threshold)

    def outputs(self, features: Floats) -> Floats:
        """Return raw outputs (n, O), as a network gives them, for features (n, 6 F) of `past`."""
        with _one_thread():
            if LOSSES[self._loss].per_step:
                (estimator,) = self._estimators
                shares = np.full((len(features), self._outputs), LEAST_SHARE)
                shares[:, estimator.classes_.astype(np.int64)] = estimator.predict_proba(features)
                return np.asarray(np.log(np.maximum(shares, LEAST_SHARE)))
            columns = [_answer(estimator, features) for estimator in self._estimators]
        answers = np.column_stack(columns)
        if not LOSSES[self._loss].logits:
            return answers
        share = np.clip(answers, LEAST_SHARE, 1 - LEAST_SHARE)
        return np.asarray(np.log(share / (1 - share)))


def fit_trees(blocks: Iterable[Steps], loss: str, classes: bool, outputs: int) -> Trees:
    """Fit the baseline to labelled steps whose x are features of `past`.

    classes: whether labels are classes. Raises RnnfastError where scikit-learn is not installed.
    """
    try:
        from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    except ImportError:
        raise RnnfastError(
            "--baseline trees needs scikit-learn, which is not installed; "
            "install it with: python -m pip install 'rnnfast[sklearn]'"
        ) from None
    steps = list(blocks)
    x, y, weight = (np.concatenate([getattr(one, name) for one in steps]) for name in ("x", "y", "weight"))
    kind = HistGradientBoostingClassifier if classes else HistGradientBoostingRegressor
    columns = [y[:, 0]] if LOSSES[loss].per_step else list(y.T)
    with _one_thread():
        return Trees([kind(random_state=0).fit(x, column, weight) for column in columns], loss, outputs)


def _one_thread() -> AbstractContextManager[Any]:
    """Keep scikit-learn to one thread; see the module."""
    from threadpoolctl import threadpool_limits  # scikit-learn needs it too

    return cast(AbstractContextManager[Any], threadpool_limits(1, "openmp"))


def _answer(estimator: Any, features: Floats) -> Floats:
    """Return the share of the second class, or the quantity, (n,)."""
    if not hasattr(estimator, "predict_proba"):
        return np.asarray(estimator.predict(features), np.float64)
    shares = estimator.predict_proba(features)
    return np.asarray(shares[:, 1] if shares.shape[1] > 1 else np.full(len(features), float(estimator.classes_[0])))
