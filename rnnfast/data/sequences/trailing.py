"""Rows at the end of an id that ask for a forecast, in tables that train or are scored with the target as an input.

Nobody knows their lag, and none of them has a label: they train and score nothing, and are no gaps of the table.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from rnnfast.config.sections import DataConfig
from rnnfast.data.columns.missing import chosen_rules
from rnnfast.data.sequences.ahead import ids_of, places_of
from rnnfast.data.sequences.base import Sequences

AnySequences = TypeVar("AnySequences", bound=Sequences)


def without_requests(part: AnySequences, table: Sequences, config: DataConfig) -> AnySequences:
    """Leave away the rows of a part after the last one of their id that has a target or a label; table: all of it.

    Without a lagged target all rows stay, as they do where `--missing` says what its empty cells become. A table in
    shards has left them away where they lie.
    """
    if table.loop is not None:
        return part
    if not part.schema.lag_target or chosen_rules(part.schema, config) or not part.sequences:
        return part
    start, length, last = part.index.start, part.lengths, _last(table)
    stop = np.minimum(start + length, last[ids_of(table, start)] + 1)
    if (stop == start + length).all() or (stop <= start).all():
        return part  # of which nothing is to be left away, or which would be empty
    # What is left of a window may be rows of the one before it alone.
    again = np.append(False, stop[1:] == stop[:-1]) & (stop < start + length)
    numbers = np.flatnonzero((stop > start) & ~again)
    return part.cut(numbers, part.offsets[numbers], (stop - start)[numbers])


def _last(table: Sequences) -> NDArray[np.int64]:
    """Return (ids,) the place of the last row of each id with a target or a label; without any, that before its first.

    A row may have a label alone: that of a row which no window holds.
    """
    schema, last = table.schema, table.id_bounds[0] - 1
    for block in table.blocks(("x", "y") if schema.horizon else ("y",)):
        has = np.logical_not(np.isnan(block.y).all(axis=1))
        if schema.horizon:  # its own target is its lag
            has |= np.logical_not(np.isnan(block.x[:, schema.first_lag :]).all(axis=1))
        places = places_of(block)[has]
        np.maximum.at(last, ids_of(table, places), places)
    return last
