"""Columns as a DataFrame that stands beside the table they were made from."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray


def is_frame(table: Any) -> bool:
    """Whether a table is a DataFrame."""
    return isinstance(table, pd.DataFrame)


def frame_beside(
    table: Any, rows: NDArray[np.int64], columns: Mapping[str, Any], same: Collection[str | None]
) -> pd.DataFrame:
    """Return columns as a DataFrame with a line for each of some rows of a table.

    rows: (lines,) row of each line. Where the table is a DataFrame, the lines have its index, and the columns `same`
    its own cells: ids and times keep their types.
    """
    frame = pd.DataFrame(dict(columns))
    if not isinstance(table, pd.DataFrame):
        return frame
    places = _places(table)
    for name in frame.columns:
        if name in same:
            frame[name] = table.iloc[rows, places[name]].array
    return frame.set_axis(table.index[rows], axis="index")


def columns_in_order(
    pieces: Iterable[tuple[NDArray[np.int64], Mapping[str, Any]]],
) -> tuple[NDArray[np.int64], dict[str, Any]]:
    """Join the columns of pieces, each with the rows of its lines, and put the lines in the order of the rows."""
    frames = [pd.DataFrame(dict(columns), index=rows) for rows, columns in pieces]
    frame = pd.concat(frames).sort_index(kind="stable")
    return frame.index.to_numpy(), {str(name): frame[name].array for name in frame.columns}


def with_types(frame: pd.DataFrame, table: Any, like: Mapping[str, str | None]) -> pd.DataFrame:
    """Give columns of a frame the types of columns of a table, where it is a DataFrame. like: column -> that one."""
    if not isinstance(table, pd.DataFrame):
        return frame
    places = _places(table)
    for name, other in like.items():
        kind = table.dtypes.iloc[places[str(other)]]
        if isinstance(kind, pd.DatetimeTZDtype) or kind.kind == "M":
            frame[name] = pd.to_datetime(frame[name]).astype(kind)
        elif kind.kind in "iuf" and frame[name].notna().all():
            frame[name] = frame[name].astype(kind)
    return frame


def _places(table: pd.DataFrame) -> dict[str, int]:
    return {str(name): place for place, name in enumerate(table.columns)}


def frame_of(columns: Mapping[str, list[Any]], types: Mapping[str, Any]) -> pd.DataFrame:
    """Return columns as a DataFrame.

    types: of NumPy, of the columns whose type is known; those with empty cells (None) hold objects.
    """
    return pd.DataFrame(
        {
            name: pd.Series(cells, dtype=object if None in cells else types[name]) if name in types else cells
            for name, cells in columns.items()
        }
    )
