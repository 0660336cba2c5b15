"""The inputs of a network as a person names them, and their mean over the training rows.

Inputs that are made of one column are one feature: its categories and its mark of empty cells; of the time each unit
of the calendar, with its sine and cosine.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnfast.data import Encoder, SequenceData, Sequences
from rnnfast.data.encoding import calendar
from rnnfast.data.sequences.base import TRAINED

Floats = NDArray[np.floating[Any]]

MEAN_ROWS = 1 << 15  # of the training rows, spread evenly: the mean of more would move no attribution
FIRST_OF_UNIT = {"month": 1, "yearday": 1}  # others count from 0
LENGTH_OF_UNIT = {"hour": 24, "weekday": 7, "month": 12, "yearday": 366}


class Feature(NamedTuple):
    """What a person calls an input.

    name: a column of x, or the unit of a time. column: its number in x; unit: of the calendar, "" for a column itself.
    inputs: (n,) numbers of the inputs that are made of it.
    """

    name: str
    column: int
    unit: str
    inputs: NDArray[np.int64]


def features_of(encoder: Encoder) -> tuple[Feature, ...]:
    """Return the features of an encoder, in the order of the columns."""
    place, owners = encoder.place_of, list[tuple[str, str]]()
    for group in encoder.groups:
        units = [unit for unit in group.units for _ in range(2)] or [""] * len(group.names)
        owners += [(group.column, unit) for unit in units]
    inputs: dict[tuple[str, str], list[int]] = {}
    for number, owner in enumerate(owners):
        inputs.setdefault(owner, []).append(number)
    ordered = sorted(inputs.items(), key=lambda item: place[item[0][0]])
    return tuple(
        Feature(_name(column, unit), place[column], unit, np.array(numbers, np.int64))
        for (column, unit), numbers in ordered
    )


def _name(column: str, unit: str) -> str:
    """Name a feature: as `calendar.names` does, without the wave."""
    return next(calendar.names(column, (unit,))).removesuffix(".sin") if unit else column


def cells(feature: Feature, x: Floats, categories: dict[str, tuple[str, ...]], name: str) -> Iterator[Any]:
    """Yield what a table holds of a feature: a number, a category, the hour (0 to 24); "" for an empty cell.

    x: (rows,) the column of it; name: of that column; categories: what its indices stand for.
    """
    texts = categories.get(name)
    if feature.unit:
        shares = calendar.UNITS[feature.unit](np.asarray(x, np.float64))
        x = np.floor(shares * LENGTH_OF_UNIT[feature.unit] + 1e-9) + FIRST_OF_UNIT.get(feature.unit, 0)
    for value in x.tolist():
        if value != value:
            yield ""
        else:
            yield value if texts is None else texts[int(value)]


def summed(features: tuple[Feature, ...], attribution: Floats) -> NDArray[np.float64]:
    """Sum the attributions (.., F) of the inputs of each feature: (.., features)."""
    return np.stack([attribution[..., feature.inputs].sum(axis=-1) for feature in features], axis=-1)


class Means(NamedTuple):
    """The usual row. inputs: mean of each input; categories: of each column of codes the share of each category."""

    inputs: tuple[float, ...]
    categories: dict[str, tuple[float, ...]]


def input_means(encoder: Encoder, train: Sequences) -> Means:
    """Return the means over rows that training saw, of whole sequences that lie evenly spread."""
    share = max(1, -(-train.rows // MEAN_ROWS))
    pieces = train.each_shard(sums, encoder, share)
    total, counts, rows = pieces[0]
    for other, others, more in pieces[1:]:
        total, counts, rows = total + other, [a + b for a, b in zip(counts, others, strict=True)], rows + more
    shares = {
        name: tuple((count / max(rows, 1)).tolist()) for name, count in zip(encoder.embedded, counts, strict=True)
    }
    return Means(tuple((total / max(rows, 1)).tolist()), shares)


def sums(train: Sequences, encoder: Encoder, share: int) -> tuple[Floats, list[NDArray[np.int64]], int]:
    """Sum up rows that training saw, of one sequence in `share`.

    Returns: the sum of each input, (F,); of each column of codes the rows of each category; how many rows.
    """
    some = train.take(np.arange(0, train.sequences, share)) if share > 1 else train
    total, rows, first = np.zeros(len(encoder.names)), 0, encoder.numeric_inputs
    counts = [np.zeros(categories, np.int64) for categories, _ in encoder.embeddings]
    for block in some.blocks(TRAINED):
        assert isinstance(block, SequenceData)
        inputs = encoder.transform(block)
        # One sequence after the other, so that blocks do not change a bit.
        of_sequences = np.add.reduceat(np.where(block.seen[:, None], inputs, 0), block.offsets[:-1], axis=0)
        total = np.cumsum(np.vstack([total, of_sequences]), axis=0)[-1]
        inputs = inputs[block.seen]
        rows += len(inputs)
        for k, count in enumerate(counts):
            count += np.bincount(inputs[:, first + k].astype(np.int64), minlength=len(count) + 1)[1:]
    return total, counts, rows
