"""Texts of dates read as `dates.py` reads them, and further dates written as these texts are.

The form of strptime that reads a date says little about its figures: 1/5/2024 and 01/05/2024 have the same. The texts
themselves tell: of all ways to write a form that one is taken in which most of them read as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rnnfast.data.columns.dates import date_forms

Dates = NDArray[np.datetime64]

SAMPLE = 10  # of the shortest and of the longest texts, which show how dates are written
FIGURES = ("02", "", "2")  # of days and months, and of hours: 05, 5, or 5 with a blank before it
CASES: tuple[Callable[[str], str], ...] = (str, str.upper, str.lower)
DAYS, SECONDS = "%Y-%m-%d", "%Y-%m-%d %H:%M:%S"  # where nothing else reads as the texts do


@dataclass(frozen=True)
class Writing:
    """How dates are written. form: of strftime; date, clock: figures of days and months, and of hours; case: of words.

    fraction: figures of fractions of seconds.
    """

    form: str
    date: str = FIGURES[0]
    clock: str = FIGURES[0]
    case: Callable[[str], str] = str
    fraction: int = 6

    def texts(self, dates: Dates) -> list[str]:
        """Write dates, (n,)."""
        moments = pd.DatetimeIndex(dates)
        if self == Writing(self.form):
            return list(moments.strftime(self.form))
        return [self._text(moment) for moment in moments.to_pydatetime()]

    def _text(self, moment: datetime) -> str:
        form = self.form.replace("%d", f"{moment.day:{self.date}}").replace("%m", f"{moment.month:{self.date}}")
        form = form.replace("%H", f"{moment.hour:{self.clock}}")
        form = form.replace("%I", f"{(moment.hour - 1) % 12 + 1:{self.clock}}")
        form = form.replace("%f", f"{moment.microsecond:06}"[: self.fraction])
        return self.case(moment.strftime(form))


def read_dates(texts: Sequence[str], dayfirst: bool | None) -> tuple[Dates, Writing] | None:
    """Return dates (n,) without zone, and how they are written; None where not all texts are dates of one form.

    dayfirst: whether the day stands before the month, None where the dates tell themselves.
    """
    series = pd.Series(texts, dtype=object)
    dates = pd.to_datetime(series, format="ISO8601", errors="coerce")
    if dates.notna().all():
        form = pd.tseries.api.guess_datetime_format(texts[-1])
        return _written(series, dates, [] if form is None else [form])
    for way in date_forms(texts[0], dayfirst):
        dates = way.parse(series).dt.tz_localize(None)
        if dates.notna().all():
            return _written(series, dates, way.formats)
    return None


def _written(texts: pd.Series[Any], dates: pd.Series[Any], forms: Iterable[str]) -> tuple[Dates, Writing]:
    """Return dates with the way of writing in which most of a sample of them read as they are."""
    values = dates.to_numpy("datetime64[us]")
    order = np.argsort(texts.map(len).to_numpy(), kind="stable")
    sample = np.unique(np.concatenate((order[:SAMPLE], order[-SAMPLE:])))
    shown, moments = texts.iloc[sample].tolist(), values[sample]
    best, most = Writing(DAYS if (dates == dates.dt.normalize()).all() else SECONDS), 0
    for form in forms:
        fractions = range(6, 0, -1) if "%f" in form else (6,)
        for date, clock, case, fraction in product(FIGURES, FIGURES, CASES, fractions):
            writing = Writing(form, date, clock, case, fraction)
            same = sum(map(str.__eq__, writing.texts(moments), shown))
            if same == len(shown):
                return values, writing
            if same > most:
                best, most = writing, same
    return values, best
