"""Split a table in shards: the ids of each shard are drawn by themselves, so that no shard needs to know of others.

A shard is drawn as a table by itself would be, with a seed of its own; the first one with the seed of the run, so that
one shard is split as the whole table is. The ids of a shard that has fewer of them than there are parts all train.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rnnfast.data.sequences.base import Sequences
from rnnfast.data.sequences.identities import shard_of
from rnnfast.data.splitting.drawing import drawn
from rnnfast.errors import UsageError

Integers = NDArray[np.int64]

SHARD_STREAM = 12  # of the random numbers


def shard_seed(seed: int, shard: int) -> int:
    """Return the seed of what is drawn in a shard: of the first one that of the run."""
    return seed if not shard else int(np.random.SeedSequence([seed, SHARD_STREAM, shard]).generate_state(1)[0])


def drawn_in_shard(data: Sequences, every: Sequence[float], seed: int) -> Integers:
    """Return (sequences,) the part of each sequence of a shard; seed: its own; every: the shares of all parts."""
    ids = len(np.unique(data.index.owner))
    if ids < len(every):
        return np.zeros(data.sequences, np.int64)
    return drawn(data, every, seed)[0]


def drawn_by_shard(data: Sequences, every: Sequence[float], seed: int, shards: int) -> Integers:
    """Return (sequences,) the part of each sequence of a whole table, as its shards draw them.

    Raises UsageError for a table without ids.
    """
    if data.schema.id is None:
        raise UsageError(f"--shards {shards}: a shard holds whole ids, and the table has none; name them with --id")
    shard = np.concatenate([shard_of(block.ids, shards) for block in data.blocks(("ids",))])
    part = np.zeros(data.sequences, np.int64)
    for number in range(shards):
        own = np.flatnonzero(shard == number)
        if len(own):
            part[own] = drawn_in_shard(data.take(own), every, shard_seed(seed, number))
    return part
