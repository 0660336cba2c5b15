"""The parts of a split: what each must have, and that no label comes from a row of another part."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnfast.config.forms import SEQUENCE
from rnnfast.data.columns.parts import PART_NAMES
from rnnfast.data.sequences.base import Sequences
from rnnfast.data.sequences.index import Fence, Limit
from rnnfast.display import Displayed, counted
from rnnfast.errors import DataError


@dataclass(repr=False, eq=False)
class Parts(Displayed):
    """Training, validation and test part, and the rule of the split as a phrase for the user.

    by: "sequence", "time" or "column:NAME"; points: where a split by time cuts: the time as in the table, or the input
    row (from 0) where there is no time column. dropped: labels that stand in a row of another part than theirs.
    merge: of a fold, makes training and validation part as one; None where split can do so.
    """

    train: Sequences
    valid: Sequences | None
    test: Sequences | None
    rule: str
    by: str = SEQUENCE
    points: tuple[Any, ...] = ()
    dropped: int = 0
    merge: Callable[[], Sequences] | None = None

    def named(self) -> dict[str, Sequences]:
        """Return the parts that there are, by name."""
        every = {"train": self.train, "valid": self.valid, "test": self.test}
        return {name: part for name, part in every.items() if part is not None}

    def display(self) -> tuple[str, dict[str, str]]:
        """Return the rule, and the size of each part."""
        lines = {
            name: f"{counted(part.sequences, 'sequence')}, {counted(part.rows, 'row')}"
            for name, part in self.named().items()
        }
        return self.rule, lines

    def decide(self) -> None:
        """Let the labels that train decide which steps all parts predict, where they are to decide it."""
        if self.train.auto_predict:
            rule = self.train.rule()
            for name, part in self.named().items():
                setattr(self, name, part.predicting(rule))


def merged(part: NDArray[Any]) -> NDArray[Any]:
    """Let what would validate train: parts by their numbers in PART_NAMES."""
    return np.where(part == PART_NAMES.index("valid"), PART_NAMES.index("train"), part)


def merged_names(names: Sequence[str]) -> tuple[str, ...]:
    """Return the names of the parts that are left where what would validate trains."""
    return tuple(name for name in names if name != "valid")


def finished(
    pieces: Mapping[str, Sequences],
    rule: str,
    by: str,
    fix: str,
    points: tuple[Any, ...] = (),
    reaches: Sequence[Any] = (),
) -> Parts:
    """Make parts of pieces that share no row: train and, where they are there, valid and test.

    Labels that come from a row of another part are left out; reaches: of each piece, as of Limit.
    Raises DataError, ending with the fix, for a part without rows.
    """
    for name, piece in pieces.items():
        if not piece.rows:
            raise DataError(f"{', '.join(piece.source)}: the {name} part is empty ({rule}); {fix}")
    dropped = 0
    schema = pieces["train"].schema
    if schema.horizon and len(schema.targets):
        inside, dropped = limited_to_parts(tuple(pieces.values()), reaches)
        pieces = dict(zip(pieces, inside, strict=True))
    if dropped:
        rule += f"; {dropped:,} label{'s' if dropped > 1 else ''} from rows of another part {_were(dropped)} left out"
    parts = Parts(pieces["train"], pieces.get("valid"), pieces.get("test"), rule, by, points, dropped)
    parts.decide()
    return parts


def _were(count: int) -> str:
    return "are" if count > 1 else "is"


def limited_to_parts(pieces: Sequence[Sequences], reaches: Sequence[Any] = ()) -> tuple[list[Sequences], int]:
    """Take away the labels that come from rows of another part; return how many there were, too."""
    fence = Fence.of([piece.index for piece in pieces])
    inside, dropped = [], 0
    for number, piece in enumerate(pieces):
        limited, count = piece.limited(Limit(fence, number, reaches[number] if reaches else None))
        inside.append(limited)
        dropped += count
    return inside, dropped
