"""RNNClassifier and RNNRegressor for aeon, which puts channels before time.

X is (n, F, T), or a list of (F, T_i) for series of unequal lengths. They are the estimators of rnnfast.estimators, with
the same parameters; n_jobs is 1 where nobody gives it, as aeon has it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self, Unpack

import numpy as np
from numpy.typing import NDArray

try:
    from aeon.classification.base import BaseClassifier
    from aeon.regression.base import BaseRegressor
except ImportError as error:
    raise ImportError("rnnfast.aeon needs aeon; install it with: python -m pip install aeon") from error

from rnnfast import estimators
from rnnfast.estimators.parameters import OWN, EstimatorOptions, set_parameters, signature, threads

__all__ = ["RNNClassifier", "RNNRegressor"]

DEFAULTS: Mapping[str, Any] = {**OWN, "n_jobs": 1}
TAGS: Mapping[str, Any] = {
    "capability:multivariate": True,
    "capability:unequal_length": True,
    "capability:multithreading": True,
    "X_inner_type": ["numpy3D", "np-list"],
    "algorithm_type": "deeplearning",
}


def steps_first(X: Any) -> Any:
    """Return (n, F, T) as (n, T, F), and a list of (F, T_i) as one of (T_i, F)."""
    return [piece.T for piece in X] if isinstance(X, list) else X.transpose(0, 2, 1)


class _Series:
    """What classifier and regressor share; ESTIMATOR is that of rnnfast.estimators which does the work."""

    ESTIMATOR: ClassVar[type[estimators.RNNClassifier | estimators.RNNRegressor]]
    _tags: ClassVar[Mapping[str, Any]] = TAGS

    def __init__(self, **options: Unpack[EstimatorOptions]) -> None:
        set_parameters(self, options, DEFAULTS)
        super().__init__()

    __init__.__signature__ = signature(DEFAULTS)  # type: ignore[attr-defined]

    def _fit(self, X: Any, y: Any) -> Self:
        parameters: dict[str, Any] = self.get_params(deep=False)  # type: ignore[attr-defined]  # of aeon's class
        self._n_jobs = threads(parameters["n_jobs"])
        self.estimator_ = self.ESTIMATOR(**parameters).fit(steps_first(X), y)
        return self

    def _predict(self, X: Any) -> NDArray[Any]:
        return np.asarray(self.estimator_.predict(steps_first(X)))

    @classmethod
    def _get_test_params(cls, parameter_set: str = "default") -> dict[str, Any]:
        """Return parameters that train quickly, for the checks of aeon."""
        return {"hidden": 8, "epochs": 5}


class RNNClassifier(_Series, BaseClassifier):  # type: ignore[misc]  # aeon has no types
    """rnnfast.RNNClassifier for series (channels, time). Attributes after fit: estimator_, and those of aeon."""

    ESTIMATOR = estimators.RNNClassifier

    def _predict_proba(self, X: Any) -> NDArray[Any]:
        return np.asarray(self.estimator_.predict_proba(steps_first(X)))


class RNNRegressor(_Series, BaseRegressor):  # type: ignore[misc]  # aeon has no types
    """rnnfast.RNNRegressor for series (channels, time). Attributes after fit: estimator_, and those of aeon."""

    ESTIMATOR = estimators.RNNRegressor
