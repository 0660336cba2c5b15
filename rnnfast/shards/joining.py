"""Samples of several shards as one: each shard counts places from 0, and they follow one another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    alike = _with_categories_of_all(pieces)
    pieces = [_moved(piece, int(first)) for piece, first in zip(alike, before, strict=True)]
    around = [piece.around for piece in pieces if piece.around is not None]
    if around:
        ids = np.append(np.concatenate([one.ids[:-1] for one in around]), rows)
        pieces = [piece if piece.around is None else replace(piece, around=piece.around._replace(ids=ids))
                  for piece in pieces]  # fmt: skip
    return joined(pieces)


def _with_categories_of_all(pieces: Sequence[SequenceData]) -> list[SequenceData]:
    """Let the indices of categories stand for the same texts in all pieces; shards of files may have others each."""
    if all(piece.categories == pieces[0].categories for piece in pieces):
        return list(pieces)
    every = {
        name: tuple(dict.fromkeys(text for piece in pieces for text in piece.categories[name]))
        for name in pieces[0].categories
    }
    return [_recoded(piece, every) for piece in pieces]


def _recoded(piece: SequenceData, categories: Mapping[str, tuple[str, ...]]) -> SequenceData:
    """Return a piece whose columns of categories hold indices of others."""
    around = None if piece.around is None else piece.around._replace(x=piece.around.x.copy())
    x = piece.x.copy()
    for name, texts in categories.items():
        numbers = np.array([texts.index(text) for text in piece.categories[name]] or [0], np.float64)
        column = piece.schema.columns.index(name)
        for values in (x, *([] if around is None else [around.x])):
            codes = values[:, column]
            values[:, column] = np.where(np.isnan(codes), np.nan, numbers[np.nan_to_num(codes).astype(np.int64)])
    return replace(piece, x=x, around=around, categories=dict(categories))


def _moved(piece: SequenceData, first: int) -> SequenceData:
    """Count the places of a piece from the first row of the first shard on."""
    around = piece.around
    if around is not None:
        around = Surroundings(around.x, around.row, around.ids + first, around.place + first, around.first)
    return replace(piece, start=None if piece.start is None else piece.start + first, around=around)
