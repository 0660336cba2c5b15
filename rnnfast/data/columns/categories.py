"""Columns of categories: the texts of a column as indices into its sorted categories."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rnnfast.data.columns.numbers import leave_out
from rnnfast.data.sources.parsing import EMPTY
from rnnfast.data.sources.table import Table
from rnnfast.errors import DataError

MOST_CATEGORIES = 1000  # of a column: more are names or quantities; and each is an input of the network


def categories(table: Table, name: str, bounded: bool) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Return a column as (rows,) indices, NaN where it is empty, and the texts they stand for, sorted.

    Texts are those of the file without surrounding spaces, numbers too; a whole number of a DataFrame has no point.
    Raises DataError for too many of them where `bounded`.
    """
    codes, distinct = pd.factorize(table.frame[name].astype(object))
    texts = np.array([_text(value) for value in distinct] + [""], dtype=object)  # "" ends the list: code -1 is empty
    category_texts = sorted(set(texts.tolist()).difference(EMPTY))
    if bounded and len(category_texts) > MOST_CATEGORIES:
        raise too_many(", ".join(source.name for source in table.sources), name, len(category_texts))
    place: dict[str, float] = {text: float(k) for k, text in enumerate(category_texts)}
    index = np.array([place.get(text, np.nan) for text in texts], dtype=np.float64)
    return index[codes], tuple(category_texts)


def _text(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # a column of whole numbers with an empty cell holds floats
    return str(value).strip()


def too_many(source: str, name: str, count: int) -> DataError:
    """Build the error about a column with too many categories."""
    return DataError(
        f"{source}, column {name!r}: {count:,} different categories are too many (at most {MOST_CATEGORIES:,}, each is "
        f"an input of the network); put rare ones into one, or {leave_out(name)}"
    )
