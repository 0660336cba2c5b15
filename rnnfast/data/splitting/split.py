"""Split sequences into training, validation and test parts that share no row and no label.

By sequence, units are kept together: a sequence; where windows are cut inside ids, an id; where windows without id
overlap, a block of consecutive windows. Units are drawn at random. For a target with classes each part gets its share
of the units with a positive step or, with more than two classes, of the units of each class, that of their rarest step.
Where two blocks of different parts meet, the windows of the earlier one end before the later one begins, so that every
row is in exactly one part. Labels that come from a row of another part, as windows without id have them with a horizon,
are left out.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rnnfast.config.forms import SEQUENCE, TIME, check_rule, part_column
from rnnfast.data.columns.parts import PART_NAMES
from rnnfast.data.sequences.base import Sequences
from rnnfast.data.splitting.by_shard import drawn_by_shard
from rnnfast.data.splitting.by_time import by_time
from rnnfast.data.splitting.drawing import ROUNDING, drawn
from rnnfast.data.splitting.parts import Parts, finished, merged, merged_names
from rnnfast.errors import UsageError

Integers = NDArray[np.int64]


def split(
    data: Sequences,
    shares: Sequence[float] = (0.8,),
    seed: int = 0,
    by: str = SEQUENCE,
    merge: bool = False,
    shards: int = 1,
) -> Parts:
    """Split into parts that share no row and no label; each keeps the order of the file.

    by: "sequence": whole sequences at random, stratified by class; "time": at points in time (see by_time.py);
    "column:NAME": as the column says that data was read with.
    shares: of the units (by time: rows) that train, and of those that validate; the rest of one share validates, of two
    tests. (1.0,) trains on everything. A column needs no shares. seed: at least 0; its stream is independent of that of
    weights and order. merge: the rows that would validate train too; nothing validates, and the test part is the same.
    shards: by sequence, the ids of each shard are divided by themselves (by_shard.py).
    Where the labels decide which steps are predicted, those of the training part do; until then each label counts, also
    for the strata.
    Raises UsageError for shares that are not above 0 or exceed 1, and for an unknown rule; DataError for fewer units
    than parts and for an empty part.
    """
    check_rule(by)
    every = all_shares(shares)
    if len(every) == 1 and not part_column(by):
        parts = Parts(data, None, None, f"all of {data.sequences:,} sequences")
        parts.decide()
        return parts
    if data.auto_predict:
        data = data.predicting("every")  # until the labels that train have decided
    if part_column(by):
        return _by_column(data, by, merge)
    if by == TIME:
        return by_time(data, every, merge)
    if shards > 1:
        part, what, overlapping = drawn_by_shard(data, every, seed, shards), f"sequences in {shards} shards", False
        count = data.sequences
    else:
        part, count, what, overlapping = drawn(data, every, seed)
    names = PART_NAMES[: len(every)]
    if merge:
        part, names = merged(part), merged_names(names)
    pieces = {name: piece(data, part, PART_NAMES.index(name), overlapping) for name in names}
    shown = " / ".join(f"{100 * share:.4g} %" for share in every)
    stratified = ", stratified" if data.schema.classes else ""
    rule = f"{shown if len(every) > 2 else shown.split(' / ')[0]} of {count:,} {what}, seed {seed}{stratified}"
    return finished(pieces, rule, SEQUENCE, "give more sequences or another --split")


def _by_column(data: Sequences, by: str, merge: bool) -> Parts:
    """Take the parts that a column of the table names."""
    name, part = part_column(by), data.parts
    if part is None:
        raise UsageError(f"--split-by {by}: the table was read without that column; read_table(..., split_by={by!r})")
    names = PART_NAMES[: 3 if (part == PART_NAMES.index("test")).any() else 2]
    if merge:
        part, names = merged(part), merged_names(names)
    pieces = {name: data.take(np.flatnonzero(part == PART_NAMES.index(name))) for name in names}
    fix = f"column {name!r} needs rows that say train and rows that say valid"
    return finished(pieces, f"by column {name!r}", by, fix)


def all_shares(shares: Sequence[float]) -> tuple[float, ...]:
    """Complete the shares of the parts by the rest."""
    sizes = tuple(float(share) for share in shares)
    shown = ",".join(f"{share:g}" for share in sizes)
    if not 1 <= len(sizes) <= 2 or not all(share > 0 for share in sizes) or sum(sizes) > 1 + ROUNDING:
        raise UsageError(
            f"split {shown!r}: give the share that trains, such as 0.8, or those that train and validate, such as "
            "0.7,0.15; each above 0, at most 1 together"
        )
    rest = 1 - sum(sizes)
    return (*sizes, rest) if rest > ROUNDING else sizes


def piece(data: Sequences, part: Integers, index: int, overlapping: bool) -> Sequences:
    """Take the sequences of one part, cut before rows that belong to another one."""
    if not overlapping:
        return data.take(np.flatnonzero(part == index))
    start, length = data.index.start, data.index.length
    # Where the first later window of another part begins: behind the last one nothing does.
    other = np.append(np.flatnonzero(part[1:] != part[:-1]) + 1, len(part))
    border = np.append(start, np.iinfo(np.int64).max)[other[np.searchsorted(other, np.arange(len(part)), "right")]]
    shorter = np.minimum(length, border - start)
    # Of the windows that are cut at one border, all but the first hold nothing but rows of that one.
    last = start + shorter
    again = np.concatenate(([False], (last[1:] == last[:-1]) & (part[1:] == part[:-1])))
    numbers = np.flatnonzero((part == index) & ~again)
    return data.cut(numbers, data.offsets[numbers], shorter[numbers])
