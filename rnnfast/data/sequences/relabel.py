"""Read a target on disk in order, and put classes in place of its values once it is known what they are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnfast.data.sequences.files import read_rows

LABEL_ROWS = 1 << 19  # rows of y that are read at a time


def ordered_labels(
    path: Path, kind: tuple[Any, int], offsets: NDArray[np.int64]
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.int64]]]:
    """Yield the first column of a file of labels by stretches, and the number of the id of each row.

    kind: type and width of the file; offsets: (ids + 1,) rows where the ids begin.
    """
    rows = int(offsets[-1])
    for first in range(0, rows, LABEL_ROWS):
        stop = min(first + LABEL_ROWS, rows)
        owner = np.searchsorted(offsets, np.arange(first, stop), side="right") - 1
        yield read_rows(path, *kind, first, stop)[:, 0].astype(np.float64), owner


def class_labels(y: NDArray[Any], values: NDArray[Any], index: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the index of the class in place of each value of y, which may have any shape; NaN stays.

    values: ascending; index: class of each.
    """
    place = np.minimum(np.searchsorted(values, y), len(values) - 1)  # NaN sorts behind all numbers
    return np.where(np.isnan(y), np.nan, index[place])


def rewrite_labels(path: Path, dtype: Any, values: NDArray[Any], index: NDArray[np.float64] | None) -> Any:
    """Put the index of the class in place of each value in a file of labels; return the type of its numbers then.

    values: what `Labels` kept, numbers, or texts for which the file holds their places; index: class of each; None: the
    file stays as it is.
    """
    if index is None:
        return dtype
    file_values = np.arange(len(values), dtype=np.float64) if values.dtype == object else values
    if np.dtype(dtype) == np.float32 and (file_values == index).all():
        return dtype
    order = np.argsort(file_values)
    file_values, index = file_values[order], index[order]
    new, rows = path.with_name("classes"), path.stat().st_size // np.dtype(dtype).itemsize
    with new.open("wb") as file:
        for first in range(0, rows, LABEL_ROWS):
            y = read_rows(path, dtype, 0, first, min(first + LABEL_ROWS, rows)).astype(np.float64)
            file.write(class_labels(y, file_values, index).astype(np.float32).data)
    new.replace(path)
    return np.float32
