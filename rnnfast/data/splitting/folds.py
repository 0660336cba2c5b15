"""Folds of a cross-validation: parts whose test parts are disjoint, with whom all rows that can be are tested once.

By sequence and by column, units are dealt into folds at random: sequences, ids or blocks as of a split, stratified by
class like that; or groups, the values of a column. Fold k tests its units, and of all others some are held out to end
training. Units with an id are dealt in the order of a hash of it, so that the order of the rows in the file, and where
the table comes from, make no difference.

By time, the rows are cut into one stretch more than there are folds. Fold k tests stretch k + 1 and trains on all that
is before it, of which the last rows are held out. The first stretch is tested by none.

    stretch   0      1      2      3
    fold 1    train  test
    fold 2    train  train  test
    fold 3    train  train  train  test
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rnnfast.config.forms import SEQUENCE, TIME, check_rule, part_column
from rnnfast.data.columns.parts import PART_NAMES
from rnnfast.data.sequences.base import Sequences
from rnnfast.data.splitting.by_time import cuts_at, reaches
from rnnfast.data.splitting.by_time import piece as piece_in_time
from rnnfast.data.splitting.drawing import draw, strata, units
from rnnfast.data.splitting.parts import Parts, finished
from rnnfast.data.splitting.split import all_shares, piece
from rnnfast.errors import DataError, UsageError

Integers = NDArray[np.int64]

STREAM = 8  # of the random numbers
UNDIVIDED = ("train", "test")  # parts of a fold where nothing is held out


@dataclass(frozen=True)
class Folds:
    """The folds of a table; `folds[k]` makes the parts of one, which are of the size of the table.

    count: of the folds; rule: how they were made, in words; predict: the steps that all of them predict, as of Schema;
    cut: makes the parts of fold k that are named; without valid, what would validate trains. names: of the parts that a
    fold has. untested: rows of the table that are in no test part: those before the first point in time.
    """

    count: int
    rule: str
    predict: str
    cut: Callable[[int, Sequence[str]], Parts]
    names: tuple[str, ...]
    untested: int = 0

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, number: int) -> Parts:
        """Make the parts of a fold, counted from 0. Raises DataError, which names the fold, for a part without rows."""
        if not 0 <= number < self.count:
            raise IndexError(number)
        parts = self._parts(number, self.names)
        parts.rule = f"fold {number + 1} of {parts.rule}"
        parts.merge = lambda: self._parts(number, UNDIVIDED).train
        return parts

    def _parts(self, number: int, names: Sequence[str]) -> Parts:
        with naming(number, self.count):
            parts = self.cut(number, names)
        for name, part in parts.named().items():
            setattr(parts, name, part.predicting(self.predict))
        return parts


def folds(data: Sequences, count: int = 5, by: str = SEQUENCE, seed: int = 0, share: float = 0.8) -> Folds:
    """Divide a table into folds; no row and no label is in two parts of one.

    by: "sequence", "time", or "column:NAME" for groups by the column that data was read with. share: of what does not
    test that trains; the rest validates, with 1 nothing does. seed: another one is other folds, but by time.
    Raises UsageError for an unknown rule; DataError for fewer units than folds.
    """
    check_rule(by)
    shares = all_shares((share,))
    if data.auto_predict:  # all labels decide which steps are predicted: folds that differ could not be compared
        data = data.predicting(data.rule())
    return _by_time(data, count, shares) if by == TIME else _by_unit(data, count, by, seed, shares)


def _by_unit(data: Sequences, count: int, by: str, seed: int, shares: Sequence[float]) -> Folds:
    """Deal units into folds."""
    unit, what, overlapping = _groups(data, by) if part_column(by) else units(data, count)
    size = int(unit.max()) + 1
    if size < count or size - -(-size // count) < len(shares):
        raise DataError(
            f"{', '.join(data.source)}: {size:,} {what} are too few for {count} folds, each of which needs some to "
            f"{'train, to end training' if len(shares) > 1 else 'train'} and to test; use fewer --folds"
        )
    stratum, order = strata(data, unit, size), _order(data, by, unit, size)
    fold = np.empty(size, np.int64)
    fold[order] = draw(stratum[order], [1 / count] * count, np.random.default_rng([seed, STREAM]))

    def cut(number: int, names: Sequence[str]) -> Parts:
        others = order[fold[order] != number]
        part = np.full(size, PART_NAMES.index("test"))
        part[others] = draw(stratum[others], shares, np.random.default_rng([seed, STREAM, 1 + number]))
        if "valid" not in names:
            part[others] = PART_NAMES.index("train")
        pieces = {name: piece(data, part[unit], PART_NAMES.index(name), overlapping) for name in names}
        return finished(pieces, rule, by, "use fewer --folds")

    stratified = ", stratified" if data.schema.classes else ""
    rule = f"{count} folds of {size:,} {what}, seed {seed}{stratified}"
    return Folds(count, rule, data.schema.predict, cut, _names(shares))


def _groups(data: Sequences, by: str) -> tuple[Integers, str, bool]:
    """Return the group of each sequence, as `units` does."""
    if data.parts is None:
        raise UsageError(f"--folds-by {by}: the table was read without that column; give the path, or a DataFrame")
    _, unit = np.unique(data.parts, return_inverse=True)  # codes are hashes: their order is that of no table
    return unit.astype(np.int64), f"groups in {part_column(by)!r}", False


def _names(shares: Sequence[float]) -> tuple[str, ...]:
    """Return the parts that a fold has."""
    return PART_NAMES if len(shares) > 1 else UNDIVIDED


def _order(data: Sequences, by: str, unit: Integers, size: int) -> Integers:
    """Return the units in an order that is the same whatever the order of the rows, where they have ids."""
    if data.schema.id is None or part_column(by):
        return np.arange(size)
    ids = (np.asarray(block.ids, dtype=object) for block in data.blocks(("ids",)))
    keys = [pd.util.hash_array(texts, categorize=False) for texts in ids]
    first = np.unique(unit, return_index=True)[1]
    return np.argsort(np.concatenate(keys)[first], kind="stable")


def _by_time(data: Sequences, count: int, shares: Sequence[float]) -> Folds:
    """Cut the folds of a rolling origin."""
    ends = [(number + 1) / (count + 1) for number in range(count)]
    between = [shares[0] * end for end in ends] if len(shares) > 1 else []
    cuts = cuts_at(data, [*ends, *between], "--folds-by")
    outer, inner = [*cuts.borders[1 : count + 1], cuts.borders[-1]], cuts.borders[count + 1 : -1]
    rule = (
        f"{count} folds in time: each tests a stretch of 1/{count + 1} of {cuts.rows:,} rows, the first from "
        f"{cuts.texts[0]} on, and trains on all that is before it"
    )

    def cut(number: int, names: Sequence[str]) -> Parts:
        held_out = "valid" in names
        borders = [cuts.borders[0], *inner[number : number + held_out], outer[number], outer[number + 1]]
        pieces = [piece_in_time(data, *pair) for pair in pairwise(borders)]
        points = (*cuts.points[count + number : count + number + held_out], cuts.points[number])
        fix = "rows of one time stay together: use fewer --folds, or more rows"
        return finished(dict(zip(names, pieces, strict=True)), rule, TIME, fix, points, reaches(pieces))

    return Folds(count, rule, data.schema.predict, cut, _names(shares), cuts.before[0])


@contextmanager
def naming(number: int, count: int) -> Iterator[None]:
    """Let a DataError name the fold that it is about; number: of the fold, from 0."""
    try:
        yield
    except DataError as error:
        raise DataError(f"fold {number + 1} of {count}: {error}") from None
