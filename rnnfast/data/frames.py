"""Columns as a DataFrame that stands beside the table they were made from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray


def frame_beside(table: Any, rows: NDArray[np.int64], columns: Mapping[str, Any]) -> pd.DataFrame:
    """Return columns as a DataFrame with a line for each of some rows of a table.

    Where the table is a DataFrame, the lines have its index, and its own cells in columns of its names: ids and times
    keep their types. rows: (lines,) row of each line.
    """
    frame = pd.DataFrame(dict(columns))
    if not isinstance(table, pd.DataFrame):
        return frame
    places = {str(name): place for place, name in enumerate(table.columns)}
    for name in frame.columns:
        if name in places:
            frame[name] = table.iloc[rows, places[name]].array
    return frame.set_axis(table.index[rows], axis="index")
