"""Parts of the labelled steps that are scored by themselves: how values are grouped, and the scores of each group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnfast.metrics.bootstrap import Interval
from rnnfast.metrics.evaluation import telling
from rnnfast.metrics.figures import Figures
from rnnfast.records import UNSET, Record, UnsetType

Integers = NDArray[np.int64]

QUANTILES = 5  # groups that numbers are cut into, of about as many steps each
MOST_VALUES = 10  # numbers of no more values are a group each
MOST_TEXTS = 20  # groups of texts: the most frequent ones, then all others
SINGLE_STEPS = 2  # steps 1 and 2 are a group each; then the groups double
FEW_STEPS = 10  # labelled; scores of fewer say little
QUARTERS = ("to 25 %", "to 50 %", "to 75 %", "to 100 %")
EMPTY = "(empty)"
INSIDE = ("r2",)  # compares with the spread inside a slice, and so says little of one


class Groups(NamedTuple):
    """names: of the groups, in the order in which they are shown; code: (n,) the group of each step."""

    names: tuple[str, ...]
    code: Integers


class Slice(Record, frozen=True):
    """Scores of one group: its value, and how many labelled steps of how many owners they are of.

    ci: the interval of the metric that says most, where intervals are asked for; None where there is none.
    """

    value: str
    labelled_steps: int
    owners: int
    metrics: Figures
    ci: Mapping[str, Interval | None] | UnsetType = UNSET


class Slicing(Record, frozen=True):
    """Scores by the values of something. of: how many groups there are; slices may be fewer of them."""

    by: str
    of: int
    slices: tuple[Slice, ...]


def slice_metrics(metrics: Mapping[str, Any]) -> list[str]:
    """Return the metrics that say most of a slice, the one that says most first."""
    return [name for name in telling(metrics) if name not in INSIDE]


def by_texts(cells: Sequence[str]) -> Groups:
    """Group texts (n,): each value, the most frequent first, rare ones together; empty cells last."""
    numbers: dict[str, int] = {}  # no array of texts, each of which would be as long as the longest
    code = np.array([numbers.setdefault(str(cell), len(numbers)) for cell in cells], np.int64)
    values, counts = list(numbers), np.bincount(code, minlength=len(numbers))
    order = sorted(range(len(values)), key=lambda k: (values[k] == "", -counts[k], values[k]))
    shown = order[:MOST_TEXTS] if len(order) > MOST_TEXTS + 1 else order
    group = np.full(len(values), len(shown), np.int64)
    group[shown] = np.arange(len(shown))
    rest = [f"({len(order) - len(shown):,} others)"] if len(shown) < len(order) else []
    return Groups((*(values[k] or EMPTY for k in shown), *rest), group[code])


def by_numbers(values: NDArray[Any]) -> Groups:
    """Group numbers (n,): few values each by itself, many at their quantiles; NaN, an empty cell, last."""
    empty = np.isnan(values)
    distinct = np.unique(values[~empty])
    if len(distinct) <= MOST_VALUES:
        code, names = np.searchsorted(distinct, values), [f"{value:g}" for value in distinct]
    else:
        inner = np.quantile(values[~empty], np.arange(1, QUANTILES) / QUANTILES, method="lower")
        code = np.searchsorted(np.unique(inner), values)
        used, inverse = np.unique(code[~empty], return_inverse=True)
        code[~empty] = inverse
        of = [values[~empty][inverse == k] for k in range(len(used))]
        names = [f"{part.min():g}" if part.min() == part.max() else f"{part.min():g} to {part.max():g}" for part in of]
    code = np.where(empty, len(names), code).astype(np.int64)
    return Groups((*names, *([EMPTY] if empty.any() else [])), code)


def by_place(place: Integers) -> Groups:
    """Group places (n,), counted from 0: step 1, 2, 3 to 4, 5 to 8, and so on."""
    power = np.where(place < SINGLE_STEPS, place, np.ceil(np.log2(place + 1)).astype(np.int64))
    used, code = np.unique(power, return_inverse=True)
    names = [str(k + 1) if k < SINGLE_STEPS else f"{2 ** (k - 1) + 1} to {2**k}" for k in used.tolist()]
    return Groups(tuple(names), code.astype(np.int64))


def by_share(place: Integers, length: Integers) -> Groups:
    """Group places (n,), counted from 0, by the quarter of a sequence of `length` (n,) steps that they lie in."""
    quarter = (4 * (place + 1) + length - 1) // length - 1
    used, code = np.unique(np.clip(quarter, 0, 3), return_inverse=True)
    return Groups(tuple(QUARTERS[k] for k in used.tolist()), code.astype(np.int64))
