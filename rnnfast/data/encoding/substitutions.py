"""What an encoder puts in the place of cells: fills of empty ones, "(unseen)" for categories that it does not know."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from rnnfast.catalogue import FILLS
from rnnfast.data.encoding.encoder import Encoder
from rnnfast.data.encoding.static import FIELDS
from rnnfast.data.sequences.data import SequenceData
from rnnfast.data.sources.source import listing, plain
from rnnfast.records import UNSET, Record, UnsetType

Integers = NDArray[np.int64]

UNSEEN_RULE = "unseen"
MOST_VALUES = 20  # of a column that a record holds
MOST_NAMED = 3  # of them in a sentence


class Substitution(Record, frozen=True):
    """Cells of a column that a model does not take as they are.

    rule: a fill of the catalogue for empty cells, or "unseen". cells: how many of the table. With "unseen", different:
    how many values they hold; values: the most frequent of these, with the cells of each.
    """

    column: str
    rule: str
    cells: int
    different: int | UnsetType = UNSET
    values: dict[str, int] | UnsetType = UNSET

    def __str__(self) -> str:
        """Name column, number of cells, and the rule or the values: "plan 12 (trial 10, test 2)"."""
        return f"{plain(self.column)} {self.cells:,} ({', '.join(self._details())})"

    def _details(self) -> list[str]:
        if isinstance(self.values, UnsetType) or isinstance(self.different, UnsetType):
            return [FILLS[self.rule].phrase]
        values = [f"{plain(value)} {cells:,}" for value, cells in list(self.values.items())[:MOST_NAMED]]
        more = self.different - len(values)
        return [*values, f"{more:,} other {'value' if more == 1 else 'values'}"] if more else values


def looked_at(encoder: Encoder) -> tuple[str, ...]:
    """Return the fields of blocks that `substitutions` looks at."""
    return ("x", *FIELDS) if encoder.static else ("x",)


def substitutions(encoder: Encoder, blocks: Iterable[SequenceData]) -> tuple[Substitution, ...]:
    """Count the cells of a table, in blocks in their order, that an encoder does not take as they are.

    Rows that windows share count once. The first row of an id has no lagged target, which does not count either.
    Raises DataError as `Encoder.transform`.
    """
    counter = _Counter(encoder)
    for block in blocks:
        encoder.check(block)
        counter.add(block)
    return (*counter.filled(), *counter.unseen())


def sentences(items: Sequence[Substitution]) -> list[str]:
    """Say what was put in the place of which cells."""
    unseen = [str(item) for item in items if item.rule == UNSEEN_RULE]
    filled = [str(item) for item in items if item.rule != UNSEEN_RULE]
    return [
        *([f"empty cells, filled by the rules of the model: {listing(filled)}"] if filled else []),
        *(
            [f"cells with categories that the model does not know, taken as (unseen): {listing(unseen)}"]
            if unseen
            else []
        ),
    ]


class _Counter:
    """Sums up blocks. end: place behind the last row that was looked at."""

    def __init__(self, encoder: Encoder) -> None:
        self.encoder, self.end = encoder, 0
        self._filled = dict.fromkeys(encoder.fills, 0)
        self._values: dict[str, dict[str, int]] = {name: {} for name in encoder.categories}

    def add(self, data: SequenceData) -> None:
        """Take a block into account."""
        start = data.offsets[:-1] if data.start is None else data.start
        with np.errstate(over="ignore", invalid="ignore"):
            some_empty = np.isnan(data.x.sum())
        for name in self._filled if some_empty else ():
            self._filled[name] += len(self._new(data, start, data.gaps(name, answered=True)))
        for name, values in self._values.items():
            categories = set(self.encoder.categories[name])
            unseen = np.array([*(text not in categories for text in data.categories[name]), False])
            if not unseen.any():
                continue
            column = data.x[:, data.schema.place_of[name]]
            codes = np.where(np.isnan(column), -1, column).astype(np.int64)  # -1 finds the False at the end
            cells = np.bincount(codes[self._new(data, start, unseen[codes])], minlength=len(unseen))
            for k in np.flatnonzero(cells).tolist():
                text = data.categories[name][k]
                values[text] = values.get(text, 0) + int(cells[k])
        self.end = max(self.end, int((start + data.lengths).max()))

    def _new(self, data: SequenceData, start: Integers, hits: NDArray[np.bool_]) -> Integers:
        """Return the rows of hits (rows,), each row of the table once, without those of earlier blocks."""
        rows = np.flatnonzero(hits)
        sequence = np.searchsorted(data.offsets, rows, side="right") - 1
        places, first = np.unique(start[sequence] + rows - data.offsets[sequence], return_index=True)
        return np.asarray(rows[first[places >= self.end]])

    def filled(self) -> list[Substitution]:
        """Return what became of empty cells."""
        rules = self.encoder.rules
        return [Substitution(name, rules[name], cells) for name, cells in self._filled.items() if cells]

    def unseen(self) -> list[Substitution]:
        """Return what became of unknown categories."""
        items = []
        for name, values in self._values.items():
            frequent = sorted(values, key=lambda text: (-values[text], text))[:MOST_VALUES]
            if values:
                shown = {text: values[text] for text in frequent}
                items.append(Substitution(name, UNSEEN_RULE, sum(values.values()), len(values), shown))
        return items
