"""What the estimators for aeon and for sktime share: both put channels before time."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from rnnfast.estimators.classifier import RNNClassifier
from rnnfast.estimators.regressor import RNNRegressor


class Series:
    """Hands series (n, F, T), or a list of n of them, to ESTIMATOR, which does the work. TEST: quick parameters."""

    ESTIMATOR: ClassVar[type[RNNClassifier | RNNRegressor]]
    TEST: ClassVar[dict[str, Any]] = {"hidden": 8, "epochs": 5}

    @staticmethod
    def steps_of(series: Any) -> NDArray[Any]:
        """Return one series of a list as (T_i, F)."""
        return np.asarray(series.T)

    def _steps_first(self, X: Any) -> Any:
        return [self.steps_of(series) for series in X] if isinstance(X, list) else X.transpose(0, 2, 1)

    def _fit(self, X: Any, y: Any) -> Self:
        parameters: dict[str, Any] = self.get_params(deep=False)  # type: ignore[attr-defined]  # of their base class
        self.estimator_: Any = self.ESTIMATOR(**parameters).fit(self._steps_first(X), y)
        return self

    def _predict(self, X: Any) -> NDArray[Any]:
        return np.asarray(self.estimator_.predict(self._steps_first(X)))


class LabelledSeries(Series):
    """Of series of classes."""

    ESTIMATOR = RNNClassifier

    def _predict_proba(self, X: Any) -> NDArray[Any]:
        return np.asarray(self.estimator_.predict_proba(self._steps_first(X)))


class MeasuredSeries(Series):
    """Of series of quantities."""

    ESTIMATOR = RNNRegressor
