"""The ids of parametrized tests: words, the same in each process that collects them.

An id that pytest makes of a value may hold data, addresses or a time (that of a gzip file), and processes that share
the work then see different tests. Where a value is no plain word or number, the test names it by `cases`.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import pytest

LONGEST = 100  # characters within the brackets: what a line of the report can show
SIGNS = re.compile(r"[\w .,+=*/:'()-]*", re.ASCII)
ADDRESS = re.compile(r"\b0x[0-9a-f]{4}", re.IGNORECASE)


def cases(named: Mapping[str, Any]) -> list[Any]:
    """Return parameters of pytest: a value or a tuple of values for each case, with its words as id."""
    return [
        pytest.param(*(values if isinstance(values, tuple) else (values,)), id=words) for words, values in named.items()
    ]


def fault(words: str, arguments: Iterable[str]) -> str | None:
    """Say what is wrong with an id (the text within the brackets) of a test with these arguments, None if nothing."""
    if not SIGNS.fullmatch(words):
        return "holds other signs than letters, digits and a few marks"
    if ADDRESS.search(words):
        return "holds an address"
    if len(words) > LONGEST:
        return f"has {len(words)} characters, more than {LONGEST}"
    numbered = [name for name in arguments if re.search(rf"(^|-){name}\d+(-|$)", words)]
    if numbered:
        return f"names a value of {numbered[0]!r} by its place in the list"
    return None
