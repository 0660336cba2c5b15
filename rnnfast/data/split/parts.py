"""The parts of a split: what each must have, and that no label comes from a row of another part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnfast.config.forms import SEQUENCE
from rnnfast.data.sequences import SequenceData
from rnnfast.data.split.part_column import PART_NAMES
from rnnfast.errors import DataError


@dataclass
class Parts:
    """Training, validation and test part, and the rule of the split as a phrase for the user.

    by: "sequence", "time" or "column:NAME"; points: where a split by time cuts: the time as in the table, or the input
    row (from 0) where there is no time column. dropped: labels that stand in a row of another part than theirs.
    """

    train: SequenceData
    valid: SequenceData | None
    test: SequenceData | None
    rule: str
    by: str = SEQUENCE
    points: tuple[Any, ...] = ()
    dropped: int = 0

    def named(self) -> dict[str, SequenceData]:
        """Return the parts that there are, by name."""
        found = {"train": self.train, "valid": self.valid, "test": self.test}
        return {name: part for name, part in found.items() if part is not None}


def finished(pieces: Sequence[SequenceData], rule: str, by: str, fix: str, points: tuple[Any, ...] = ()) -> Parts:
    """Make parts of pieces that share no row: train, valid and, if there are three, test.

    Labels that come from a row of another part become NaN. Writes: y and label_row of the pieces.
    Raises DataError, ending with the fix, for a part without rows.
    """
    for name, piece in zip(PART_NAMES, pieces, strict=False):
        if not piece.rows:
            raise DataError(f"{', '.join(piece.source)}: the {name} part is empty ({rule}); {fix}")
    dropped = _drop_foreign(pieces)
    if dropped:
        rule += f"; {dropped:,} label{'s' if dropped > 1 else ''} from rows of another part {_were(dropped)} left out"
    return Parts(pieces[0], pieces[1], pieces[2] if len(pieces) > 2 else None, rule, by, points, dropped)


def _were(count: int) -> str:
    return "are" if count > 1 else "is"


def _drop_foreign(pieces: Sequence[SequenceData]) -> int:
    """Take away the labels that come from rows of another part; return how many there were."""
    if pieces[0].label_row is None:
        return 0
    rows = [array for piece in pieces for array in (piece.row, piece.label_row) if array is not None]
    highest = max(int(array.max()) for array in rows)
    owner = np.full(highest + 2, -1, dtype=np.int8)  # the last entry answers for label row -1: no label, no owner
    for index, piece in enumerate(pieces):
        owner[piece.row] = index
    dropped = 0
    for index, piece in enumerate(pieces):
        of_label = owner[piece.label_row]
        dropped += take_labels(piece, (of_label >= 0) & (of_label != index))
    return dropped


def take_labels(piece: SequenceData, chosen: NDArray[np.bool_]) -> int:
    """Make steps unlabelled, in place; chosen: (rows,). Returns how many labels there were among them."""
    assert piece.label_row is not None
    count = int(np.count_nonzero(chosen & (piece.label_row >= 0)))
    piece.y[chosen] = np.nan
    piece.label_row[chosen] = -1
    return count
