"""Bags: what a network of an ensemble trains on, and what it leaves out.

As many units as there are, of those that a split keeps together, are drawn with replacement (Breiman 1996). Those that
were drawn, about 63 %, are the bag, each of them once; all others are out of it, and share no row with it.
"""

from __future__ import annotations

import numpy as np

from rnnfast.data.sequences.base import Sequences
from rnnfast.data.splitting.drawing import units
from rnnfast.data.splitting.parts import limited_to_parts
from rnnfast.data.splitting.split import piece
from rnnfast.errors import DataError

BAG_STREAM = 10  # of the random numbers


def bag(data: Sequences, seed: int) -> tuple[Sequences, Sequences]:
    """Return the sequences in a bag, and those out of it. Raises DataError where there is nothing to draw from."""
    unit, _, overlapping = units(data, 2)
    number = np.unique(unit, return_inverse=True)[1]
    count = int(number[-1]) + 1
    if count < 2:
        raise DataError(f"{', '.join(data.source)}: --bag draws ids, and the training part has one; leave --bag out")
    random, drawn = np.random.default_rng([seed, BAG_STREAM]), np.arange(count)
    while len(drawn) == count:  # at least one is left out
        drawn = np.unique(random.integers(0, count, count))
    outside = np.ones(count, np.int64)
    outside[drawn] = 0
    pieces = [piece(data, outside[number], part, overlapping) for part in (0, 1)]
    if data.schema.horizon and data.schema.targets:
        pieces = limited_to_parts(pieces)[0]
    return pieces[0], pieces[1]
