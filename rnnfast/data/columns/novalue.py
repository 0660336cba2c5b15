"""Words that people write where a number is not known: "?", "-", "missing".

In a column of numbers they can mean nothing else. In a column of texts they may be a value of their own, such as the
class "-" beside "+", so that only `sources.parsing.EMPTY` counts as empty there.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

MARKS = "? - -- --- – — . .. ..."
SHEET_ERRORS = "#n/a #value! #div/0! #ref! #num!"  # of workbooks
NAMES = "none nil null na n/a n.a. nan missing unknown"
SIGNS = frozenset(f"{MARKS} {SHEET_ERRORS}".split())  # no class among numbers is called so
WORDS = SIGNS | frozenset(NAMES.split())


def is_no_value(text: str, words: Collection[str] = WORDS) -> bool:
    """Whether a text, in any case, stands for a number that is not known."""
    return text.strip().casefold() in words


def no_values(series: pd.Series[Any], words: Collection[str] = WORDS) -> NDArray[np.bool_]:
    """Return (rows,) which cells hold such a word; empty cells hold none."""
    codes, distinct = pd.factorize(series.astype(object))
    marks = np.array([isinstance(value, str) and is_no_value(value, words) for value in distinct] + [False])
    return np.asarray(marks[codes])
