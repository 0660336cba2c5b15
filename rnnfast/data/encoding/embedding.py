"""Which columns of categories are embedded, and in how many numbers each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

from rnnfast.config.forms import embedding_of
from rnnfast.data.sources.source import listing, typed
from rnnfast.errors import UsageError, did_you_mean

MOST_UNITS = 50  # of a column whose width nobody says


def usual_units(categories: int) -> int:
    """Return the numbers that stand for each of so many categories: half as many, 50 at most (fast.ai's first rule)."""
    return max(1, min(MOST_UNITS, (categories + 1) // 2))


def embedded_columns(items: Sequence[str], categories: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Return the numbers in which each embedded column is told, in the order of the columns of categories.

    items: of --embed, NAME or NAME=UNITS; a name wins over a pattern. categories: of each column that has some.
    Raises UsageError for a name that is none of these.
    """
    units_of = dict(map(embedding_of, items))
    for name in units_of:
        if name not in categories and not any(fnmatchcase(column, name) for column in categories):
            raise UsageError(
                f"--embed: there is no column of categories {name!r}{did_you_mean(name, categories, most=3)}; they are "
                f"{listing(tuple(categories)) or 'none'}; {typed('--categorical', name)} makes it one"
            )
    units = {}
    for column, texts in categories.items():
        matches = [column] if column in units_of else [name for name in units_of if fnmatchcase(column, name)]
        if matches:
            units[column] = units_of[matches[0]] or usual_units(len(texts))
    return units
