"""A regressor of sequences for scikit-learn."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import RegressorMixin
from sklearn.utils.validation import check_array

from rnnfast.estimators.base import RNNEstimator
from rnnfast.estimators.errors import InputError
from rnnfast.estimators.inputs import Floats


class RNNRegressor(RegressorMixin, RNNEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A recurrent network that tells quantities of sequences, one or several.

    Parameters are the options of rnnfast.train by their names, as in RNNRegressor(cell="gru", hidden=32), with
    random_state and n_jobs in place of seed and threads, and verbose; help(rnnfast.TrainOptions) lists them.

    Attributes after fit: those of RNNEstimator: model_, history_, n_iter_, n_features_in_, feature_names_in_.

    Example:
        >>> import numpy as np, rnnfast
        >>> X, y = np.arange(80.0).reshape(20, 4, 1), np.arange(20.0)  # X (n, T, F), y (n,) or (n, O)
        >>> rnnfast.RNNRegressor(hidden=4, epochs=1).fit(X, y).predict(X).shape
        (20,)
    """

    def _labels(self, y: Any, training: bool) -> NDArray[Any]:
        """Return labels as numbers, (n,) or (n, O)."""
        values: NDArray[Any] = check_array(y, ensure_2d=False, dtype=np.float64, input_name="y")
        if values.ndim > 2:
            raise InputError(f"y has the shape {values.shape}, not (n,) or (n, outputs)")
        if training:
            self._shape = values.shape[1:]
        elif values.shape[1:] != self._shape:
            raise InputError(f"y of valid has the shape {values.shape}, not {(len(values), *self._shape)}")
        return values

    def _task(self) -> str:
        return "regression"

    def predict(self, X: Any) -> Floats:
        """Return the quantities of each sample in original units, in the shape of the y that trained."""
        answers = self._answers(X)
        return answers.reshape(len(answers), *self._shape)

    def __sklearn_tags__(self) -> Any:
        """Return what scikit-learn may expect."""
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
