"""Put classes in place of the values of a target on disk, once it is known what they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnfast.data.sequences.files import read_rows

LABEL_ROWS = 1 << 19  # rows of y that are read at a time


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
            place = np.minimum(np.searchsorted(file_values, y), len(file_values) - 1)  # NaN sorts behind all numbers
            file.write(np.where(np.isnan(y), np.nan, index[place]).astype(np.float32).data)
    new.replace(path)
    return np.float32
