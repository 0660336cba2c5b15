"""What rows are asked for by the places of a table: the times of their answers, and whether their lag is known."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnfast.data.columns.steps import SHOWN, Common, common, continued
from rnnfast.data.sequences.base import Sequences
from rnnfast.data.sequences.data import SequenceData
from rnnfast.data.sequences.spans import ends, spans

Integers = NDArray[np.int64]

READ = 1 << 20  # rows between the first and the last time that are read at once, about


def places_of(block: SequenceData) -> Integers:
    """Return (rows,) the place of each row in the ordered table."""
    return spans(block.index.start, block.lengths)


def ids_of(data: Sequences, places: Integers) -> Integers:
    """Return (rows,) the number of the id at each place."""
    return np.searchsorted(data.id_bounds[0], places, side="right") - 1


def common_times(data: Sequences) -> Common | None:
    """Return what the times of all ids have in common, which ids of one row need; None where there are none of these.

    data: whole or in parts, with a time column.
    """
    begins, stops = data.id_bounds
    several = stops - begins > 1
    if several.all() or not several.any():
        return None
    stops, shown = stops[several], np.minimum(stops - begins, SHOWN)[several]

    def pieces() -> Iterator[tuple[NDArray[Any], Integers]]:
        for group in np.split(np.arange(len(stops)), np.flatnonzero(np.diff(stops // READ)) + 1):
            low = int(stops[group[0]] - shown[group[0]])
            times = data.times(low, int(stops[group[-1]]))
            yield times[spans(stops[group] - shown[group] - low, shown[group])], ends(shown[group])

    return common(pieces(), data.schema.dayfirst)


def times_ahead(data: Sequences, block: SequenceData, shared: Common | None) -> NDArray[np.object_]:
    """Return (rows, horizons) the times that answers are for, continued past the end of an id; None where unknown.

    block: of the sequences of data, which have a time column; shared: of `common_times`.
    """
    places, horizons = places_of(block), block.schema.ahead
    numbers, (begins, ends_of_ids) = ids_of(data, places), data.id_bounds
    end = ends_of_ids[numbers]
    low = max(int(places.min()) - SHOWN, 0)
    times = data.times(low, min(int(places.max()) + horizons[-1] + 1, int(ends_of_ids[-1])))
    ended, number = np.unique(numbers[places + horizons[-1] >= end], return_inverse=True)
    last = ends_of_ids[ended]
    shown = np.minimum(last - np.maximum(begins[ended], low), SHOWN)
    new = None
    if len(ended):
        cells = times[spans(last - shown - low, shown)]
        new = continued(cells, ends(shown), horizons[-1], data.schema.dayfirst, shared)
    row_of = np.cumsum(places + horizons[-1] >= end) - 1  # of number, for the rows that see the end
    ahead = np.full((block.rows, len(horizons)), None, dtype=object)
    for j, steps in enumerate(horizons):
        later = places + steps
        inside = later < end
        ahead[inside, j] = times[later[inside] - low]
        beyond = np.flatnonzero(~inside)
        if new is not None and len(beyond):
            ahead[beyond, j] = new[number[row_of[beyond]], (later - end)[beyond]]
    return ahead


def last_known(data: Sequences) -> Integers:
    """Return (ids,) the place of the last row of each id that has a target; without any, that before its first row.

    data: sequences whose rows have a lagged target: with a horizon their own one, else that of the row before.
    """
    schema = data.schema
    last = data.id_bounds[0] - 1
    for block in data.blocks(("x",) if schema.horizon else ("y",)):
        targets: NDArray[Any] = block.x[:, schema.first_lag :] if schema.horizon else block.y
        places = places_of(block)[~np.isnan(targets).all(axis=1)]
        np.maximum.at(last, ids_of(data, places), places)
    return last
