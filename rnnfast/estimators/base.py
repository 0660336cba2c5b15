"""What classifier and regressor share: one call of rnnfast.train, its model, and pickling by the bytes of its file."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Self, Unpack

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from rnnfast.estimators.errors import InputError, value_errors
from rnnfast.estimators.inputs import Floats, Samples, check_count, samples
from rnnfast.estimators.parameters import EstimatorOptions, set_parameters, signature, train_options
from rnnfast.model import Model
from rnnfast.model.file import from_bytes
from rnnfast.training.run import train


class RNNEstimator(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Trains a recurrent network by rnnfast.train.

    Attributes after fit: model_ (rnnfast.Model), history_ (a mapping for each epoch and part, as history.csv has them),
    n_iter_ (epochs), n_features_in_, and feature_names_in_ where X is a DataFrame.
    """

    model_: Model
    n_features_in_: int

    def __init__(self, **options: Unpack[EstimatorOptions]) -> None:
        set_parameters(self, options)

    __init__.__signature__ = signature()  # type: ignore[attr-defined]

    @abstractmethod
    def _labels(self, y: Any, training: bool) -> NDArray[Any]:
        """Check labels and return what the network learns, (n,) or (n, O); training: what they may be is learned."""

    @abstractmethod
    def _task(self) -> str:
        """Return the task of rnnfast, once labels are known."""

    def fit(self, X: Any, y: Any, sample_weight: Any = None, valid: Any = None) -> Self:
        """Train on sequences X with labels y.

        X: (n, T, F), a list of (T_i, F), (n, F) of sequences of one step, or with the parameter `id` a DataFrame with a
        row for each step. y: (n,) a label for each sequence, of a DataFrame with id for each row; of a regressor also
        (n, O). sample_weight: (n,) weights in the loss, 0 or more. valid: (X, y), or (X, y, sample_weight), to validate
        on; without it a share is cut from X by the parameter `split`.
        Raises: ValueError for a wrong parameter, X, y or sample_weight, and what rnnfast.train raises of the run.
        """
        with value_errors():
            several, data = self._sequences(X, y, sample_weight)
            options = self._options() | several.options() | {"task": self._task()}
            if valid is not None:
                options["valid"] = self._sequences(*_triple(valid, sample_weight is not None), several)[1]
            result = train(data, **options)
        self.model_, self.history_, self.n_iter_ = result.model, result.history, result.epochs
        if self.id is not None:
            names = self.model_.schema.features
            self.feature_names_in_, self.n_features_in_ = np.array(names, dtype=object), len(names)
        self._trained()
        return self

    def _sequences(self, X: Any, y: Any, weight: Any, like: Samples | None = None) -> tuple[Samples, Any]:
        """Return samples, and beside their labels as rnnfast.train takes them; like: as of Samples.labelled."""
        if y is None:
            raise InputError(f"{type(self).__name__} requires y to be passed, but the target y is None")
        training = like is None
        several = samples(self, X, training)
        check_count(several.count, training)
        labels = self._labels(y, training)
        if len(labels) != several.count:
            raise InputError(f"y has {len(labels):,} labels and X {several.count:,} samples; give one for each")
        return several, several.labelled(labels, None if weight is None else _weights(weight, several.count), like)

    def _options(self) -> dict[str, Any]:
        """Return the options of rnnfast.train that the parameters say."""
        return train_options(self.get_params(deep=False))

    def _trained(self) -> None:
        """Do what follows a training."""

    def _answers(self, X: Any) -> Floats:
        """Return the answer of the network to each sample, (n, O), as of Model.predict."""
        check_is_fitted(self, "model_")
        with value_errors():
            return np.asarray(samples(self, X, False).answers(self.model_), dtype=np.float64)

    def __sklearn_tags__(self) -> Any:
        """Return what scikit-learn may expect."""
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.input_tags.allow_nan = self.missing is not None
        return tags

    def __getstate__(self) -> dict[str, Any]:
        """Return the state to pickle or copy: the model as the bytes of its file."""
        state: dict[str, Any] = dict(super().__getstate__())
        if "model_" in state:
            state["model_"] = state["model_"].to_bytes()
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Read the model again."""
        if "model_" in state:
            state = {**state, "model_": from_bytes(state["model_"])}
        super().__setstate__(state)


def _triple(valid: Any, weighted: bool) -> tuple[Any, Any, Any]:
    """Return X, y and weights, or None, of a validation part; weighted: whether the samples that train have some.

    Raises InputError for anything else.
    """
    if not isinstance(valid, tuple) or len(valid) not in (2, 3):
        raise InputError("valid is not the pair (X, y), or (X, y, sample_weight)")
    X, y, weight = (*valid, None)[:3]
    if weight is not None and not weighted:
        raise InputError("valid has weights, and the samples that train have none; give sample_weight, too")
    return X, y, weight


def _weights(weight: Any, count: int) -> Floats:
    """Return weights of samples, (count,). Raises InputError for another shape, and values that are no weights."""
    try:
        values = np.asarray(weight, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError("sample_weight holds values that are no numbers") from None
    if values.ndim == 0:
        values = np.full(count, float(values))
    if values.shape != (count,):
        raise InputError(f"sample_weight.shape == {values.shape}, expected {(count,)}: a weight for each sample")
    wrong = ~np.isfinite(values) | (values < 0)
    if wrong.any():
        place = int(wrong.argmax())
        raise InputError(f"sample_weight[{place}] is {values[place]:g}; give finite numbers from 0 up")
    if not values.any():
        raise InputError("every sample_weight is zero, so there is nothing to learn")
    return values
