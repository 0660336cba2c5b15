"""RNNClassifier and RNNRegressor for aeon, which puts channels before time.

X is (n, F, T), or a list of (F, T_i) for series of unequal lengths. They are the estimators of rnnfast.estimators, with
the same parameters; n_jobs is 1 where nobody gives it, as aeon has it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self, Unpack

try:
    from aeon.classification.base import BaseClassifier
    from aeon.regression.base import BaseRegressor
except ImportError as error:
    raise ImportError("rnnfast.aeon needs aeon; install it with: python -m pip install aeon") from error

from rnnfast.estimators.parameters import OWN, EstimatorOptions, set_parameters, signature, threads
from rnnfast.estimators.series import LabelledSeries, MeasuredSeries

__all__ = ["RNNClassifier", "RNNRegressor"]

DEFAULTS: Mapping[str, Any] = {**OWN, "n_jobs": 1}
TAGS: Mapping[str, Any] = {
    "capability:multivariate": True,
    "capability:unequal_length": True,
    "capability:multithreading": True,
    "X_inner_type": ["numpy3D", "np-list"],
    "algorithm_type": "deeplearning",
}


class _Threads:
    """What classifier and regressor share."""

    _tags: ClassVar[Mapping[str, Any]] = TAGS
    TEST: ClassVar[dict[str, Any]]

    def __init__(self, **options: Unpack[EstimatorOptions]) -> None:
        set_parameters(self, options, DEFAULTS)
        super().__init__()

    __init__.__signature__ = signature(DEFAULTS)  # type: ignore[attr-defined]

    def _fit(self, X: Any, y: Any) -> Self:
        self._n_jobs = threads(self.n_jobs)  # type: ignore[attr-defined]  # a parameter
        return super()._fit(X, y)  # type: ignore[misc, no-any-return]  # of Series

    @classmethod
    def _get_test_params(cls, parameter_set: str = "default") -> dict[str, Any]:
        """Return parameters that train quickly, for the checks of aeon."""
        return cls.TEST


class RNNClassifier(_Threads, LabelledSeries, BaseClassifier):  # type: ignore[misc]  # aeon has no types
    """rnnfast.RNNClassifier for series (channels, time). Attributes after fit: estimator_, and those of aeon."""


class RNNRegressor(_Threads, MeasuredSeries, BaseRegressor):  # type: ignore[misc]  # aeon has no types
    """rnnfast.RNNRegressor for series (channels, time). Attributes after fit: estimator_, and those of aeon."""
