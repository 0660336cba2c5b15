"""Dates that are written with all their figures, such as 05.01.2024 07:30: whole columns, quicker than by strptime."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

WIDTH = {"%Y": 4, "%m": 2, "%d": 2, "%H": 2, "%M": 2, "%S": 2}
PART = re.compile("|".join(WIDTH))
ZERO = ord("0")


def fixed_dates(texts: pd.Series[Any], form: str) -> NDArray[np.datetime64] | None:
    """Return (rows,) dates in microseconds, NaT where there is no such day or time.

    form: of strptime. None for forms with other parts, and where a text has other signs or fewer figures than the form.
    """
    rest = PART.sub("", form)
    if "%" in rest or not {"%Y", "%m", "%d"} <= set(PART.findall(form)):
        return None
    pattern = PART.sub(lambda part: "0" * WIDTH[part[0]], form).encode()
    try:
        content = np.array(texts.tolist(), dtype=np.bytes_)
    except (UnicodeEncodeError, TypeError):
        return None
    if content.dtype.itemsize != len(pattern):
        return None
    signs = content.view(np.uint8).reshape(-1, len(pattern))
    parts, place = {}, 0
    for piece in re.findall(f"{PART.pattern}|.", form, re.S):
        column = signs[:, place : place + WIDTH.get(piece, 1)]
        place += column.shape[1]
        if piece not in WIDTH:
            if (column != ord(piece)).any():
                return None
            continue
        figures = column.astype(np.int64) - ZERO
        if ((figures < 0) | (figures > 9)).any():
            return None
        parts[piece] = figures @ (10 ** np.arange(WIDTH[piece] - 1, -1, -1))
    return _dates(parts)


def _dates(parts: dict[str, NDArray[np.int64]]) -> NDArray[np.datetime64]:
    """Return dates of their parts, NaT where a part is beyond its range."""
    year, month, day = parts["%Y"], parts["%m"], parts["%d"]
    months = ((year - 1970) * 12 + month - 1).astype("datetime64[M]")
    days = months.astype("datetime64[D]") + (day - 1)
    bad = (year < 1) | (month < 1) | (month > 12) | (day < 1) | (days.astype("datetime64[M]") != months)
    dates = days.astype("datetime64[us]")
    for piece, unit, most in (("%H", 3_600_000_000, 23), ("%M", 60_000_000, 59), ("%S", 1_000_000, 59)):
        if piece in parts:
            dates += parts[piece] * np.timedelta64(unit, "us")
            bad |= parts[piece] > most
    dates[bad] = np.datetime64("NaT")
    return dates
