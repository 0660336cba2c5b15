"""X of an estimator as rnnfast.train takes it, and answers back in the order of X.

A sample is what has a label: a sequence of arrays (n, T, F) or of a list of (T_i, F), a row of a two-dimensional X,
which is a sequence of one step, and a row of a DataFrame whose column `id` says which sequence it is a step of.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_array, validate_data

from rnnfast.data import read_table
from rnnfast.data.frames import is_frame
from rnnfast.estimators.errors import InputError, ParameterError
from rnnfast.model import Model

Floats = NDArray[np.floating[Any]]


class Samples(ABC):
    """The sequences that an estimator is asked to learn or to answer. count: labels that they have."""

    count: int

    @abstractmethod
    def labelled(self, y: NDArray[Any], weight: Floats | None, like: Any = None) -> Any:
        """Return what rnnfast.train takes, with labels y (count,) or (count, O) and weights (count,).

        like: the samples that train, of those that validate.
        """

    @abstractmethod
    def options(self) -> dict[str, Any]:
        """Return the options of rnnfast.train that say how that is read."""

    @abstractmethod
    def answers(self, model: Model) -> Floats:
        """Return the answer of a model to each sample, (count, O)."""


class ArraySamples(Samples):
    """Sequences of arrays, with a label each. X: (n, T, F), or a list of (T_i, F)."""

    def __init__(self, X: Any) -> None:
        self.X, self.count = X, len(X)

    def labelled(self, y: NDArray[Any], weight: Floats | None, like: Any = None) -> Any:
        """Repeat several quantities for each step: (n, O) alone might be one label per step."""
        labels: Any = y.reshape(len(y), -1)
        outputs = labels.shape[1]
        if outputs == 1:
            labels = labels[:, 0]
        elif isinstance(self.X, list):
            labels = [np.broadcast_to(row, (len(piece), outputs)) for row, piece in zip(labels, self.X, strict=True)]
        else:
            labels = np.broadcast_to(labels[:, None], (*self.X.shape[:2], outputs))
        return (self.X, labels) if weight is None else (self.X, labels, weight)

    def options(self) -> dict[str, Any]:
        """Labels are those of the last steps."""
        return {"predict": "last"}

    def answers(self, model: Model) -> Floats:
        """Answer each sequence."""
        return np.asarray(model.predict(self.X))


class FrameSamples(Samples):
    """Rows of a DataFrame in the long form, with a label each. id, time: columns."""

    def __init__(self, frame: Any, id: str, time: str | None) -> None:
        for name, column in (("id", id), ("time", time)):
            if column is not None and column not in frame.columns:
                columns = ", ".join(map(str, frame.columns))
                raise InputError(f"{name}: X has no column {column!r}; its columns are {columns}")
        self.frame, self.id, self.time, self.count = frame, id, time, len(frame)
        self.targets: tuple[str, ...] = ()
        self.weight: str | None = None

    def labelled(self, y: NDArray[Any], weight: Floats | None, like: Any = None) -> Any:
        """Add columns of labels and weights, named so that the X which trains has no such column."""
        values = y.reshape(len(y), -1)
        names = [f"y{k + 1}" for k in range(values.shape[1])] if values.shape[1] > 1 else ["y"]
        self.targets = tuple(map(self._free, names)) if like is None else like.targets
        columns = dict(zip(self.targets, values.T, strict=True))
        if weight is not None:
            self.weight = self._free("weight") if like is None else like.weight
            columns[str(self.weight)] = weight
        return self.frame.assign(**columns)

    def _free(self, name: str) -> str:
        while name in self.frame.columns:
            name += "_"
        return name

    def options(self) -> dict[str, Any]:
        """Name the columns."""
        return {"id": self.id, "time": self.time, "target": self.targets, "weight": self.weight}

    def answers(self, model: Model) -> Floats:
        """Answer each row; of a model of last steps all rows of a sequence have its answer."""
        data = read_table(self.frame, schema=model.schema, require_target=False)
        values = np.asarray(model.predict(data))
        if data.schema.predict == "last":
            values = np.repeat(values[data.offsets[1:] - 1], data.lengths, axis=0)
        answers = np.empty_like(values)
        answers[data.row] = values
        return answers


def samples(estimator: Any, X: Any, training: bool) -> Samples:
    """Check X and return its samples.

    estimator: says by its parameters id, time and missing how X is read, and how many features it knows; training: it
    learns their number and names. Raises ValueError for shapes, sparse matrices, text and, without a rule for missing
    cells, NaN and infinite values.
    """
    if estimator.id is not None:
        if not is_frame(X):
            raise ParameterError(f"id={estimator.id!r} names a column of a DataFrame, and X is a {type(X).__name__}")
        return FrameSamples(X, estimator.id, estimator.time)
    if estimator.time is not None:
        raise ParameterError(f"time={estimator.time!r} orders the rows of a sequence; name their column with id=, too")
    finite = True if estimator.missing is None else "allow-nan"
    if _is_list_of_sequences(X):
        pieces = [_sequence(piece, number, finite) for number, piece in enumerate(X)]
        features = {piece.shape[1] for piece in pieces}
        if len(features) > 1:
            raise InputError(f"the sequences of X have {min(features)} to {max(features)} features; all need the same")
        check_count(len(pieces), training)
        _check_features(estimator, features.pop(), training)
        return ArraySamples(pieces)
    values = check_array(
        X, allow_nd=True, ensure_all_finite=finite, ensure_min_samples=2 if training else 1, estimator=estimator
    )
    if values.ndim > 3:
        raise InputError(f"X has the shape {values.shape}, not (sequences, steps, features); found {values.ndim} dims")
    if values.ndim == 3:
        _check_features(estimator, values.shape[2], training)
        if not values.size:
            raise InputError(f"X has the shape {values.shape}: no step or no feature")
        return ArraySamples(values)
    validate_data(estimator, X, reset=training, skip_check_array=True)
    return ArraySamples(values[:, None, :])


def check_count(count: int, training: bool) -> None:
    """Raise InputError for too few samples."""
    least = 2 if training else 1
    if count < least:
        raise InputError(f"X has {count} sample(s), n_samples={count}; at least {least} are needed")


def _is_list_of_sequences(X: Any) -> bool:
    """Whether X is a list, or an array of objects, of arrays (T_i, F)."""
    if isinstance(X, np.ndarray):
        X = X.tolist() if X.ndim == 1 and X.dtype == object else ()
    return isinstance(X, list | tuple) and len(X) > 0 and all(_dimensions(piece) > 1 for piece in X)


def _dimensions(piece: Any) -> int:
    """Return how deep an item of a list is nested, as its first items tell."""
    if hasattr(piece, "ndim"):
        return int(piece.ndim)
    return 1 + _dimensions(piece[0]) if isinstance(piece, list | tuple) and len(piece) else 0


def _sequence(piece: Any, number: int, finite: bool | str) -> NDArray[Any]:
    """Return one sequence of a list, (T_i, F)."""
    values: NDArray[Any] = check_array(piece, ensure_all_finite=finite, input_name=f"X[{number}]")
    return values


def _check_features(estimator: Any, features: int, training: bool) -> None:
    """Learn the number of features, or raise InputError for another one than was learned."""
    if training:
        estimator.n_features_in_ = features
        estimator.__dict__.pop("feature_names_in_", None)
    elif features != estimator.n_features_in_:
        raise InputError(
            f"X has {features} features, but {type(estimator).__name__} is expecting {estimator.n_features_in_} "
            "features as input"
        )
