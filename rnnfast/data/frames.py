"""DataFrames for users."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd


def frame_of(columns: Mapping[str, Sequence[Any]]) -> pd.DataFrame:
    """Return columns as a DataFrame."""
    return pd.DataFrame({name: list(values) for name, values in columns.items()})
