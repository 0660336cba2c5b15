"""Samples of several shards as one: each shard counts places from 0, and they follow one another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from rnnfast.data import SequenceData
from rnnfast.data.sequences.context import Surroundings
from rnnfast.data.sequences.stored import joined

Integers = NDArray[np.int64]


def end_to_end(pieces: Sequence[SequenceData], before: Integers, rows: int) -> SequenceData:
    """Put samples end to end.

    before: (pieces,) rows of the table in the shards before that of each; rows: of all shards.
    """
    moved = [_moved(piece, int(first)) for piece, first in zip(pieces, before, strict=True)]
    around = [piece.around for piece in moved if piece.around is not None]
    if around:
        ids = np.append(np.concatenate([one.ids[:-1] for one in around]), rows)
        moved = [piece if piece.around is None else replace(piece, around=piece.around._replace(ids=ids))
                 for piece in moved]  # fmt: skip
    return joined(moved)


def _moved(piece: SequenceData, first: int) -> SequenceData:
    """Count the places of a piece from the first row of the first shard on."""
    around = piece.around
    if around is not None:
        around = Surroundings(around.x, around.row, around.ids + first, around.place + first, around.first)
    return replace(piece, start=None if piece.start is None else piece.start + first, around=around)
