"""A classifier of sequences for scikit-learn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d

from rnnfast.estimators.base import RNNEstimator
from rnnfast.estimators.errors import InputError, ParameterError
from rnnfast.estimators.inputs import Floats


class RNNClassifier(ClassifierMixin, RNNEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A recurrent network that tells classes of sequences.

    Parameters are the options of rnnfast.train by their names, as in RNNClassifier(cell="gru", hidden=32), with
    random_state and n_jobs in place of seed and threads, and verbose; help(rnnfast.TrainOptions) lists them.
    class_weight may also be a mapping of labels.

    Attributes after fit: classes_ (labels, sorted), and those of RNNEstimator: model_, history_, n_iter_,
    n_features_in_, feature_names_in_.

    Example:
        >>> import numpy as np, rnnfast
        >>> from sklearn.model_selection import cross_val_score
        >>> X, y = np.arange(80.0).reshape(20, 4, 1), ["low", "high"] * 10  # X (n, T, F), y (n,)
        >>> cross_val_score(rnnfast.RNNClassifier(hidden=4, epochs=1), X, y, cv=2).shape
        (2,)
    """

    classes_: NDArray[Any]

    def _labels(self, y: Any, training: bool) -> NDArray[Any]:
        """Return the place of each label in classes_."""
        y = column_or_1d(y, warn=True)
        check_classification_targets(y)
        if training:
            self.classes_ = np.unique(y)
            if len(self.classes_) < 2:
                raise InputError(f"y holds one class, {self.classes_[0]!r}; a classifier needs at least two classes")
        places = np.searchsorted(self.classes_, y)
        unknown = self.classes_[np.minimum(places, len(self.classes_) - 1)] != y
        if unknown.any():
            raise InputError(f"y of valid holds {y[unknown][0]!r}, which is no class of the y that trains")
        return np.asarray(places)

    def _task(self) -> str:
        return "binary" if len(self.classes_) == 2 else "multiclass"

    def _options(self) -> dict[str, Any]:
        """Name the classes of weights as the network knows them."""
        options, weights = super()._options(), self.class_weight
        if not isinstance(weights, Mapping):
            return options
        unknown = [label for label in weights if label not in self.classes_.tolist()]
        if unknown:
            classes = ", ".join(map(str, self.classes_))
            raise ParameterError(f"class_weight: {unknown[0]!r} is no class of y; the classes are {classes}")
        return options | {"class_weight": [str(weights.get(label, 1.0)) for label in self.classes_.tolist()]}

    def _trained(self) -> None:
        """Name the classes of the model, which has learned their places."""
        labels = tuple(
            label if isinstance(label, str | int | float) else str(label) for label in self.classes_.tolist()
        )
        self.model_.schema = replace(self.model_.schema, classes=labels)

    def predict_proba(self, X: Any) -> Floats:
        """Return the probability of each class, (n, classes), in the order of classes_."""
        answers = self._answers(X)
        return np.hstack([1 - answers, answers]) if len(self.classes_) == 2 else answers

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the label of each sample, (n,): of two classes by the threshold of the model, else the likeliest."""
        answers = self._answers(X)
        if len(self.classes_) == 2:
            places = (answers[:, 0] >= self.model_.threshold).astype(np.intp)
        else:
            places = answers.argmax(axis=1)
        return self.classes_[places]
