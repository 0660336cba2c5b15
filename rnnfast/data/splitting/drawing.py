"""Drawing which part each sequence of a table is in: units that stay together, divided by shares, class by class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rnnfast.catalogue import TASKS
from rnnfast.data.sequences.base import Sequences
from rnnfast.errors import DataError

Integers = NDArray[np.int64]

STREAM = 1  # of the random numbers: its own, so that weights and order do not move with the split
BLOCKS = 10  # at least so many blocks of overlapping windows where there are enough windows
BLOCK_OVERLAPS = 10  # windows in a block, in numbers of windows that share a row: at most a tenth of them are cut
ROUNDING = 1e-9  # shares such as 0.7 + 0.3 add up to 1 within this


def drawn(data: Sequences, every: Sequence[float], seed: int) -> tuple[Integers, int, str, bool]:
    """Draw the part of each sequence; every: the shares of all parts.

    Returns: (sequences,) its number in PART_NAMES; how many units were divided, and what they are called; whether
    borders must be cut. Raises DataError for fewer units than parts.
    """
    unit, what, overlapping = units(data, len(every))
    count = int(unit[-1]) + 1
    if count < len(every):
        size = f"{count:,} {what}" if count > 1 else "1 sequence"
        raise DataError(
            f"{', '.join(data.source)}: {size} cannot be split into {len(every)} parts; give more sequences, "
            "cut windows (--window N), name a table to validate on (--valid FILE), or train on everything (--split 1)"
        )
    part = draw(strata(data, unit, count), every, np.random.default_rng([seed, STREAM]))[unit]
    return part, count, what, overlapping


def units(data: Sequences, parts: int) -> tuple[Integers, str, bool]:
    """Return the unit of each sequence (ascending, from 0), what a unit is called, and whether borders must be cut."""
    schema = data.schema
    if schema.window is not None and schema.id is not None and data.sequences:
        unit = data.index.owner
        if unit[-1] + 1 >= parts:
            return unit, f"ids ({data.sequences:,} windows)", False
    unit = np.arange(data.sequences, dtype=np.int64)
    if not schema.overlapping or schema.window is None or schema.stride is None:
        return unit, "sequences", False
    shared = -(-schema.window // schema.stride)
    size = max(1, min(BLOCK_OVERLAPS * shared, data.sequences // BLOCKS))
    return unit // size, f"blocks of {size:,} overlapping windows (cut at the borders: no row is in two parts)", True


def strata(data: Sequences, unit: Integers, count: int) -> Integers:
    """Return (units,): 0 without a labelled step, else 1 + the highest rank of the classes of its labelled steps.

    Ranks are 0 and 1 for negative and positive, by falling frequency with more classes, 0 for a quantity.
    """
    stratum, classes = np.zeros(count, dtype=np.int64), len(data.schema.classes)
    rank = np.zeros(1, np.int64)
    if classes:
        rank = np.arange(classes)
    if classes and TASKS[data.schema.task].output_per_class:
        rank[np.argsort(-data.counts, kind="stable")] = np.arange(classes)
    first = 0
    for block in data.blocks(("y",)):
        stop, labelled = first + block.sequences, block.labelled
        of_steps = np.repeat(unit[first:stop], block.lengths)[labelled]
        labels = block.y[labelled, 0].astype(np.int64) if classes else np.zeros(len(of_steps), np.int64)
        np.maximum.at(stratum, of_steps, 1 + rank[labels])
        first = stop
    return stratum


def draw(stratum: Integers, shares: Sequence[float], random: np.random.Generator) -> Integers:
    """Return the part of each unit (units,): sizes by the shares, and each stratum, the highest first, by them too."""
    room = _counts(len(stratum), shares)
    part = np.empty(len(stratum), dtype=np.int64)
    for value in np.unique(stratum)[::-1]:
        members = random.permutation(np.flatnonzero(stratum == value))
        counts = np.minimum(_counts(len(members), shares), room)
        while (missing := len(members) - counts.sum()) > 0:  # at most once per part
            index = int((room - counts).argmax())
            counts[index] += min(missing, room[index] - counts[index])
        room -= counts
        part[members] = np.repeat(np.arange(len(shares)), counts)
    return part


def _counts(total: int, shares: Sequence[float]) -> Integers:
    """Divide a number by shares that add up to 1: nearest whole numbers, none 0 where there is enough for all."""
    exact = total * np.asarray(shares)
    counts = np.floor(exact + ROUNDING).astype(np.int64)
    by_rest = np.argsort(counts - exact, kind="stable")
    counts[by_rest[: total - counts.sum()]] += 1
    while total >= len(counts) and (counts == 0).any():
        counts[counts.argmax()] -= 1
        counts[counts.argmin()] += 1
    return counts
