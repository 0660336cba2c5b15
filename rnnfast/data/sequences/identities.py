"""Numbers for ids in the order of their first appearance, in memory that does not hold the ids themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Integers = NDArray[np.int64]
Hashes = NDArray[np.uint64]

MERGE = 4  # new ids are kept apart until there are a quarter as many as old ones: merging costs little per id then


def hashes(ids: NDArray[Any]) -> Hashes:
    """64 bits for each id: two of ten million texts are taken for one with a probability of 3 in a million.

    ids: (n,) object, texts.
    """
    return pd.util.hash_array(ids, categorize=False)


@dataclass(frozen=True)
class Shard:
    """The ids of a table that belong together: those whose hash says so, wherever their rows stand.

    number: from 0; of: how many shards there are.
    """

    number: int
    of: int

    def holds(self, ids: NDArray[Any]) -> NDArray[np.bool_]:
        """Tell for texts (n,) object whether they are of this shard."""
        return np.asarray(shard_of(ids, self.of) == self.number)


def shard_of(ids: NDArray[Any], shards: int) -> Integers:
    """Return (n,) the shard that each id belongs to; ids: (n,) object, texts."""
    return np.asarray(hashes(ids) % np.uint64(shards), np.int64)


class Identities:
    """Numbers 0, 1, ... for hashes, in the order of their first appearance."""

    def __init__(self) -> None:
        self.count = 0
        self.lengths = np.zeros(1024, np.int64)
        empty = (np.empty(0, np.uint64), np.empty(0, np.int64))
        self._levels: list[tuple[Hashes, Integers]] = [empty, empty]

    def codes(self, values: Hashes) -> tuple[Integers, Integers]:
        """Return the number of each value, (n,), and the places of those that are new, by number."""
        distinct, first, inverse = np.unique(values, return_index=True, return_inverse=True)
        codes = np.full(len(distinct), -1, np.int64)
        for level_hashes, numbers in self._levels:
            if len(level_hashes):
                place = np.minimum(np.searchsorted(level_hashes, distinct), len(level_hashes) - 1)
                codes = np.where(level_hashes[place] == distinct, numbers[place], codes)
        new = np.flatnonzero(codes < 0)
        by_place = new[np.argsort(first[new])]
        codes[by_place] = self.count + np.arange(len(new))
        self.count += len(new)
        self._add(distinct[new], codes[new])
        return codes[inverse], first[by_place]

    def add_lengths(self, codes: Integers, lengths: Integers) -> None:
        """Count rows of ids."""
        if self.count > len(self.lengths):
            self.lengths = np.concatenate((self.lengths, np.zeros(self.count, np.int64)))
        np.add.at(self.lengths, codes, lengths)

    def _add(self, distinct: Hashes, numbers: Integers) -> None:
        """Keep sorted hashes and their numbers."""
        recent = _merged(self._levels[1], (distinct, numbers))
        if MERGE * len(recent[0]) > len(self._levels[0][0]):
            self._levels = [_merged(self._levels[0], recent), (distinct[:0], numbers[:0])]
        else:
            self._levels[1] = recent


def _merged(one: tuple[Hashes, Integers], other: tuple[Hashes, Integers]) -> tuple[Hashes, Integers]:
    place = np.searchsorted(one[0], other[0])
    return np.insert(one[0], place, other[0]), np.insert(one[1], place, other[1])
