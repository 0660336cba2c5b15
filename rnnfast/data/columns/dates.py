"""Dates as people and programs write them: 05.01.2024, 01/15/2024 3:04 PM, 5 Jan 2024, Fri Jan  5 10:00:00 2024.

The first date of a column tells how it is written; all others must be written so too. Whether 02/01/2024 is 2 January
or 1 February is told by any date of the column that can be only one of them, or by an option. ISO dates, such as
2024-01-05, are recognised before any of these.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import product
from typing import Any

import pandas as pd

from rnnfast.data.columns.fixeddates import fixed_dates

MONTH = "(?P<month>(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*)"
WEEKDAY = "(?P<weekday>(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*)"
YEAR = r"(?P<year>\d{4}|\d{2})"
LONGEST = 60  # characters of a date

# Each pattern with the strptime formats that it stands for, and %q, a quarter; {s}, {c} are its signs, {y} is its year.
# Of two formats the first has the day before the month, the second the month before the day.
DATES: tuple[tuple[str, tuple[str, ...]], ...] = (
    (rf"\d{{1,2}}(?P<s>[/-])\d{{1,2}}(?P=s){YEAR}", ("%d{s}%m{s}{y}", "%m{s}%d{s}{y}")),
    (rf"\d{{1,2}}(?P<s>\.)\d{{1,2}}\.{YEAR}", ("%d.%m.{y}",)),
    (r"\d{4}(?P<s>[./-])\d{1,2}(?P=s)\d{1,2}", ("%Y{s}%m{s}%d",)),
    (rf"\d{{1,2}}(?P<s>[ ./-]|\. |){MONTH}(?P<c>[ ./-]|, |){YEAR}", ("%d{s}%b{c}{y}",)),
    (rf"{MONTH}(?P<s>[ -])\d{{1,2}}(?P<c>,? |-)(?P<year>\d{{4}})", ("%b{s}%d{c}%Y",)),
    (rf"{MONTH}(?P<s>[ ./-]|, )(?P<year>\d{{4}})", ("%b{s}%Y",)),
    (r"\d{1,2}(?P<s>[./-])(?P<year>\d{4})", ("%m{s}%Y",)),
    (rf"(?P<year>\d{{4}})(?P<s>[ ./-]){MONTH}(?P<c>[ ./-])\d{{1,2}}", ("%Y{s}%b{c}%d",)),
    (rf"(?P<year>\d{{4}})(?P<s>[ ./-]){MONTH}", ("%Y{s}%b",)),
    (r"(?P<year>\d{4})(?P<s>[ ./-]?)Q[1-4]", ("%Y{s}Q%q",)),
    (r"Q[1-4](?P<s>[ ./-])(?P<year>\d{4})", ("Q%q{s}%Y",)),
)
LEADING_WEEKDAY = rf"{WEEKDAY}(?P<s>,? )"
C_STYLE = rf"{WEEKDAY} {MONTH} +\d{{1,2}} \d{{1,2}}:\d\d:\d\d \d{{4}}"
CLOCK = (
    r"(?P<s>[ T]|, )\d{1,2}:\d\d(?P<second>:\d\d(?:\.\d+)?)?(?P<half> ?[ap]m)?"
    r"(?P<gap> ?)(?P<zone>Z|UTC|GMT|[+-]\d\d:?\d\d)?"
)


@dataclass(frozen=True)
class DateForm:
    """One way to write dates. formats: of strptime, one of which fits each date; dayfirst: None where it is clear."""

    formats: tuple[str, ...]
    dayfirst: bool | None = None

    def parse(self, texts: pd.Series[Any]) -> pd.Series[Any]:
        """Return dates in UTC, NaT where a text is none of this form."""
        dates = _parsed(texts, self.formats[0])
        for other in self.formats[1:]:
            missing = dates.isna() & texts.notna()
            if missing.any():
                dates = dates.fillna(_parsed(texts.where(missing), other))
        return dates


def _parsed(texts: pd.Series[Any], form: str) -> pd.Series[Any]:
    if "%q" in form:  # begins with its first month, which strptime can read
        months = {f"Q{quarter}": f"{3 * quarter - 2:02}" for quarter in range(1, 5)}
        texts = texts.str.upper().str.replace(r"Q[1-4]", lambda quarter: months[quarter[0]], regex=True)
        form = form.replace("Q%q", "%m")
    quick = fixed_dates(texts, form)
    if quick is not None:
        dates: pd.Series[Any] = pd.Series(quick, index=texts.index).dt.tz_localize("UTC")
        return dates
    return pd.to_datetime(texts, format=form, errors="coerce", utc=True).astype("datetime64[us, UTC]")


def date_forms(text: str, dayfirst: bool | None = None) -> list[DateForm]:
    """Return the ways in which a date may be meant, the day first before the month first; none where it is no date.

    dayfirst: as the user says, None where nobody does.
    """
    text = text.strip()
    if len(text) > LONGEST:
        return []
    if re.fullmatch(C_STYLE, text, re.I):
        return [DateForm(("%a %b %d %H:%M:%S %Y",))]
    weekday = re.match(LEADING_WEEKDAY, text, re.I)
    before = ("%A" if len(weekday["weekday"]) > 3 else "%a") + weekday["s"] if weekday else ""
    rest = text[weekday.end() :] if weekday else text
    for pattern, formats in DATES:
        date = re.match(pattern, rest, re.I)
        clocks = _clocks(rest[date.end() :]) if date else ()
        if date and clocks:
            both = len(formats) > 1
            forms = [
                DateForm(tuple(before + day + clock for day, clock in product(_named(form, date), clocks)), first)
                for form, first in zip(formats, (True, False) if both else (None,), strict=True)
            ]
            return [form for form in forms if dayfirst is None or form.dayfirst in (None, dayfirst)]
    return []


def _named(form: str, date: re.Match[str]) -> tuple[str, ...]:
    """Return a format with the signs of a date; with short and long names where months have names."""
    parts = date.groupdict()
    year = "%Y" if len(parts.get("year") or "0000") == 4 else "%y"
    pattern = form.format(s=parts["s"], c=parts.get("c") or "", y=year)
    return (pattern, pattern.replace("%b", "%B")) if "%b" in pattern else (pattern,)


def _clocks(text: str) -> tuple[str, ...]:
    """Return formats of the time behind a date, () where it is none; seconds may have fractions or not."""
    if not text:
        return ("",)
    clock = re.fullmatch(CLOCK, text, re.I)
    if clock is None:
        return ()
    hours = "%I:%M" if clock["half"] else "%H:%M"
    half = clock["half"][:-2] + "%p" if clock["half"] else ""
    zone = clock["gap"] + ("%Z" if (clock["zone"] or "").upper() in ("UTC", "GMT") else "%z") if clock["zone"] else ""
    seconds = (":%S", ":%S.%f") if clock["second"] else ("",)
    return tuple(clock["s"] + hours + second + half + zone for second in seconds)
