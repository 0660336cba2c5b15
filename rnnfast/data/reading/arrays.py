"""Arrays as a table: sequences that are in memory already, with their labels.

X (n, T, F), or a list of arrays (T_i, F), becomes a table with the columns id, the number of the sequence from 0, x1 ..
xF, and y or, of several targets, y1 .. yO; from there on everything is as for other tables. Labels are one per
sequence, (n,) or (n, O), or one per step: (n, T), (n, T, O) or a list of (T_i,) or (T_i, O). Weights in the loss, the
third of (X, y, weight), are one per sequence or per step as well, and become the column weight.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rnnfast.config.sections import DataConfig
from rnnfast.data.columns.schema import Schema
from rnnfast.data.reading.request import Request
from rnnfast.data.sequences.spans import ends
from rnnfast.data.sources.opening import described, is_array
from rnnfast.data.sources.source import Source, listing
from rnnfast.errors import DataError, UsageError

NAME = "<array>"
ID, INPUT, LABEL, WEIGHT = "id", "x", "y", "weight"  # columns of the table

Integers = NDArray[np.int64]
Arrays = NDArray[Any] | list[NDArray[Any]]


@dataclass
class ArraySource(Source):
    """Arrays as a DataFrame. offsets: (sequences + 1,) first row of each sequence, then the number of rows."""

    offsets: Integers = field(default_factory=lambda: np.zeros(1, np.int64))

    def where(self, row: int) -> str:
        """Name the place of a row as Python does."""
        sequence = int(np.searchsorted(self.offsets, row, side="right")) - 1
        return f"X[{sequence}][{row - int(self.offsets[sequence])}]"


class Labels(NamedTuple):
    """Labels of arrays. values: (rows, O); per_step: whether each step has its own, or all of a sequence the same."""

    values: NDArray[Any]
    per_step: bool


def is_arrays(data: Any) -> bool:
    """Whether data are X, or (X, y), or (X, y, weight), rather than tables."""
    if isinstance(data, tuple):
        return bool(data) and not isinstance(data[0], tuple) and is_arrays(data[0])
    return is_array(data) or (isinstance(data, list) and any(is_array(item) or isinstance(item, list) for item in data))


def with_labels(data: Any, y: Any) -> Any:
    """Return the pair (data, y) where there are labels; raises UsageError for labels beside a table."""
    if y is None:
        return data
    if isinstance(data, tuple) or not is_arrays(data):
        raise UsageError(
            f"y goes with arrays X, not with {described(data)}; of a table, name the column: target='COLUMN'"
        )
    return data, y


def open_arrays(data: Any, request: Request) -> tuple[list[Source], Request]:
    """Make a table of arrays. Returns: it, and how to read it. Raises as `read_table`."""
    if isinstance(data, tuple) and len(data) not in (2, 3):
        raise UsageError(
            f"a tuple of arrays is (X, y) or (X, y, weight), this one has {len(data)}; a list of arrays is X"
        )
    X, y, weight = (*data, None)[:3] if isinstance(data, tuple) else (data, None, None)
    if not isinstance(X, list):
        X = _array(X, "X")
    pieces = _sequences(X)
    lengths = np.array([len(piece) for piece in pieces])
    labels = Labels(np.empty((int(lengths.sum()), 0)), True) if y is None else _labels(y, lengths)
    rows = np.concatenate(pieces) if isinstance(X, list) else X.reshape(-1, X.shape[2])
    inputs = [f"{INPUT}{j + 1}" for j in range(rows.shape[1])]
    weights = None if weight is None else _weights(weight, lengths)
    if request.schema is None:
        request = _of_columns(request, labels, weights is not None)
        id_column, time, targets = ID, None, request.config.target
    else:
        id_column, time, targets = _of_schema(request.schema, inputs, labels)
        if not targets and request.require_target:
            raise UsageError("labels are needed: give the pair (X, y)")
    frame = pd.DataFrame(rows, columns=inputs)
    frame[id_column] = np.repeat(np.arange(len(lengths)), lengths)
    if time is not None:
        frame[time] = np.concatenate([np.arange(length) for length in lengths])
    for name, values in zip(targets, labels.values.T, strict=True):
        frame[name] = values
    if weights is not None:
        column = WEIGHT if request.schema is None else request.schema.weight
        if column is None:
            raise UsageError("weight: the table that trained had no weights; give X and y alone, or train with weights")
        frame[column] = weights
    return [ArraySource(NAME, frame=frame, columns=tuple(frame.columns), offsets=ends(lengths))], request


def _array(values: Any, name: str) -> NDArray[Any]:
    """Return values as an array. Raises DataError for lists of unequal lengths, UsageError for a mask."""
    if isinstance(values, np.ma.MaskedArray):
        raise UsageError(f"{name} is a masked array; give NaN in place of what is masked: array.filled(numpy.nan)")
    try:
        return np.asarray(values)
    except ValueError as error:
        raise DataError(f"{name} is no array: {error}") from None


def _sequences(X: Any) -> list[NDArray[Any]]:
    """Return the sequences of X, (T, F) each. Raises DataError where they have another shape."""
    if not isinstance(X, list) and X.ndim != 3:
        hint = "; of one feature give X[:, :, None]" if X.ndim == 2 else ""
        raise DataError(
            f"X has the shape {X.shape}, not (sequences, steps, features){hint}; unequal lengths are a list"
        )
    pieces = [_array(item, f"X[{number}]") for number, item in enumerate(X)]
    if not pieces:
        raise DataError("X has no sequences; there is nothing to read")
    for number, piece in enumerate(pieces):
        if piece.ndim != 2:
            hint = "; the pair of X and y is a tuple: (X, y)" if piece.ndim == 3 else ""
            raise DataError(f"X[{number}] has the shape {piece.shape}, not (steps, features){hint}")
        if not piece.size:
            raise DataError(f"X[{number}] has the shape {piece.shape}, so no step or no feature; leave it out")
        if piece.shape[1] != pieces[0].shape[1]:
            raise DataError(f"X[{number}] has {piece.shape[1]} features, X[0] {pieces[0].shape[1]}; all need the same")
    return pieces


def _weights(weight: Any, lengths: Integers) -> NDArray[Any]:
    """Return the weight of each row. Raises DataError where weights do not fit sequences of these lengths."""
    values = _labels(weight, lengths, "weight").values
    if values.shape[1] != 1:
        raise DataError(f"weight has {values.shape[1]} values for a sequence; give one, or one for each of its steps")
    return values[:, 0]


def _labels(y: Any, lengths: Integers, what: str = "y") -> Labels:
    """Return the labels of sequences of these lengths, or their weights, as `what` says.

    Raises DataError where they do not fit them.
    """
    if isinstance(y, list | tuple) and any(np.ndim(item) for item in y):
        pieces = [_array(item, f"{what}[{number}]") for number, item in enumerate(y)]
        y = np.stack(pieces) if len({piece.shape for piece in pieces}) == 1 else pieces
    else:
        y = _array(y, what)
        if not y.ndim:
            raise DataError(
                f"{what} is {y.item()!r}; give a label, or an array of them, for each of the sequences of X"
            )
    if len(y) != len(lengths):
        raise DataError(f"{what} has {len(y):,} entries and X {len(lengths):,} sequences; give one for each")
    if isinstance(y, np.ndarray) and (y.ndim == 1 or (y.ndim == 2 and (lengths != y.shape[1]).any())):
        return Labels(np.repeat(y.reshape(len(y), -1), lengths, axis=0), False)
    steps = list(zip(y, lengths.tolist(), strict=True))
    for number, (labels, length) in enumerate(steps):
        if labels.ndim not in (1, 2) or len(labels) != length:
            raise DataError(f"{what}[{number}] has the shape {labels.shape}, but X[{number}] has {length} steps")
    return Labels(np.concatenate([labels.reshape(length, -1) for labels, length in steps]), True)


def _of_columns(request: Request, labels: Labels, weighted: bool) -> Request:
    """Return how the columns of a table that trains are read. Raises UsageError for options about other columns."""
    config, default = request.config, DataConfig()
    for name in ("id", "time", "target", *(("weight",) if weighted else ())):
        if getattr(config, name) != getattr(default, name):
            raise UsageError(f"{name}: arrays have the columns {ID}, {INPUT}1, {INPUT}2, .. and {LABEL}; leave it out")
    outputs = labels.values.shape[1]
    if not outputs and request.require_target:
        raise UsageError("arrays have no column to predict: give the labels y beside X, as in train(X, y)")
    targets = (LABEL,) if outputs == 1 else tuple(f"{LABEL}{k + 1}" for k in range(outputs))
    by_sequence = config.predict == "auto" and not labels.per_step
    predict = "last" if by_sequence else config.predict
    weight = WEIGHT if weighted else config.weight
    return replace(request, config=replace(config, id=ID, target=targets, predict=predict, weight=weight))


def _of_schema(schema: Schema, inputs: list[str], labels: Labels) -> tuple[str, str | None, tuple[str, ...]]:
    """Return the columns id, time and targets as a model calls them. Raises DataError where it knows other columns."""
    absent = [name for name in schema.features if name not in inputs]
    if absent or schema.id is None:
        need = f"a column {absent[0]!r}" if absent else "rows without id"
        raise DataError(
            f"X has the features {listing(inputs)}, and the table that trained had {need}; "
            "give a DataFrame with its columns"
        )
    outputs = labels.values.shape[1]
    if outputs not in (0, len(schema.targets)):
        raise DataError(f"y has {outputs} targets, {len(schema.targets)} were there before: {listing(schema.targets)}")
    return schema.id, schema.time, schema.targets if outputs else ()
