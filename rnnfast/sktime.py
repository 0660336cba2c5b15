"""RNNClassifier and RNNRegressor for sktime, which puts channels before time.

X is (n, F, T), or a list of DataFrames (T_i, F) for series of unequal lengths. They are the estimators of
rnnfast.estimators, with the same parameters.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Unpack

import numpy as np
from numpy.typing import NDArray

try:
    from sktime.classification.base import BaseClassifier
    from sktime.regression.base import BaseRegressor
except ImportError as error:
    raise ImportError("rnnfast.sktime needs sktime; install it with: python -m pip install sktime") from error

from rnnfast.estimators.parameters import EstimatorOptions, set_parameters, signature
from rnnfast.estimators.series import LabelledSeries, MeasuredSeries

__all__ = ["RNNClassifier", "RNNRegressor"]

TAGS: Mapping[str, Any] = {
    "X_inner_mtype": ["df-list", "numpy3D"],  # what is neither becomes the first, as only that takes unequal lengths
    "y_inner_mtype": "numpy1D",
    "capability:multivariate": True,
    "capability:unequal_length": True,
    "capability:random_state": True,
    "property:randomness": "derandomized",
}


class _Frames:
    """What classifier and regressor share."""

    _tags: ClassVar[Mapping[str, Any]] = TAGS
    TEST: ClassVar[dict[str, Any]]

    def __init__(self, **options: Unpack[EstimatorOptions]) -> None:
        set_parameters(self, options)
        super().__init__()

    __init__.__signature__ = signature()  # type: ignore[attr-defined]

    @staticmethod
    def steps_of(series: Any) -> NDArray[Any]:
        """Return a DataFrame as (T_i, F)."""
        return np.asarray(series, np.float64)

    @classmethod
    def get_test_params(cls, parameter_set: str = "default") -> list[dict[str, Any]]:
        """Return parameters that train quickly, for the checks of sktime."""
        return [cls.TEST, cls.TEST | {"cell": "gru"}]


class RNNClassifier(_Frames, LabelledSeries, BaseClassifier):  # type: ignore[misc]  # sktime has no types
    """rnnfast.RNNClassifier for series (channels, time). Attributes after fit: estimator_, and those of sktime.

    Example:
        >>> import numpy as np
        >>> from rnnfast.sktime import RNNClassifier
        >>> X = np.random.default_rng(0).normal(size=(40, 2, 6))  # series, channels, steps
        >>> model = RNNClassifier(hidden=4, epochs=1).fit(X, X[:, 0].sum(axis=1) > 0)
        >>> model.predict(X).shape
        (40,)
    """

    _tags: ClassVar[Mapping[str, Any]] = {**TAGS, "capability:predict_proba": True}


class RNNRegressor(_Frames, MeasuredSeries, BaseRegressor):  # type: ignore[misc]  # sktime has no types
    """rnnfast.RNNRegressor for series (channels, time). Attributes after fit: estimator_, and those of sktime.

    Example:
        >>> import numpy as np
        >>> from rnnfast.sktime import RNNRegressor
        >>> X = np.random.default_rng(0).normal(size=(40, 2, 6))  # series, channels, steps
        >>> model = RNNRegressor(hidden=4, epochs=1).fit(X, X[:, 0].sum(axis=1))
        >>> model.predict(X).shape
        (40,)
    """
