"""What the words in the name of a column say: a key, what it names, a category, the calendar, a counter."""

from __future__ import annotations

import re

WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


KEYS = _words("id ids uid uuid guid vin imei iban mac key")
NUMBERS = _words("num number no nr nbr code name")  # a key where they stand beside a word of NAMED
NAMED = _words(
    "unit engine machine customer cust client user member patient subject person participant device sensor meter "
    "station store shop account acct card cc vehicle car truck asset serial session trip ride speaker writer player "
    "employee emp household well turbine pump battery sequence series episode ticker symbol plant inverter"
)
CATEGORIES = _words(
    "plan city type category class label status state gender sex region country product item sku location zone "
    "merchant order invoice transaction tx trans row index record event message error mode level group department "
    "dept brand model channel currency language zip postal parent"
)
CALENDAR = _words(
    "year month day hour minute second date time timestamp datetime week weekday quarter season holiday age"
)
COUNTERS = _words("t time timestamp ts datetime date cycle cycles step steps tick seq frame")


def ending(name: str) -> str:
    """Return the last word of a name in lower case, without the numbers and single letters behind it: "target_24h"."""
    words = [word.lower() for word in WORD.findall(name)]
    return next((word for word in reversed(words) if len(word) > 1 and not word.isdigit()), "")


def words_of(name: str) -> frozenset[str]:
    """Return the words of a name in lower case: "CustomerID" has "customer" and "id", and so has "custid"."""
    words = {word.lower() for word in WORD.findall(name)}
    ends = {(word[: -len(key)], key) for word in words for key in ("id", "no", "nr") if word.endswith(key)}
    return frozenset(words | {word for begin, key in ends if begin in NAMED for word in (begin, key)})
