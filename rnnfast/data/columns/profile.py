"""What the cells of the columns of a table are like, gathered batch by batch in bounded memory.

Nothing here fails: whatever stands in a cell is counted as what it is.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rnnfast.data.columns.novalue import is_no_value
from rnnfast.data.columns.numbers import MOSTLY, Floats, is_quantity, parsed
from rnnfast.data.sources.parsing import EMPTY
from rnnfast.data.sources.source import Source, short
from rnnfast.data.sources.table import Table

MOST_DISTINCT = 10_000  # different values that are counted exactly, of each column
PIECE = 1 << 14  # cells whose different values are looked for at once: many columns need no more of them
EXAMPLES = 5  # texts of a column that are shown
TRUTHS = ("true", "false")
NUMERIC = ("integer", "number", "boolean")  # kinds of what can be a quantity

Place = tuple[Source, int]  # a source and a row of it, from 0


@dataclass(frozen=True)
class Profile:
    """One column.

    kind: integer, number, boolean, date or text, by most of the cells; empty where none has a value. filled, empty: how
    many cells have a value or have none. distinct: different values, None for more than MOST_DISTINCT. texts, infinite:
    cells that hold a text, or an infinite number. low, mean, high, std: of its finite numbers, None without
    any; std is that of the population. examples: the first different texts. first: where the first cell is that is
    "empty", a "text" or "infinite".
    """

    name: str
    kind: str
    filled: int
    empty: int
    distinct: int | None
    texts: int
    infinite: int
    low: float | None
    mean: float | None
    high: float | None
    std: float | None
    examples: tuple[str, ...]
    first: dict[str, Place]

    @property
    def constant(self) -> bool:
        """Whether every cell holds the same value."""
        return self.distinct == 1 and not self.empty

    @property
    def numeric(self) -> bool:
        """Whether the column counts as one of numbers."""
        return self.kind in NUMERIC


class Cells(NamedTuple):
    """Cells of a batch, (rows,) each.

    values: their numbers, NaN for none. empty, word, text: which have no value, which a word that says so (`novalue`),
    and which hold another text. keys: 64 bits that tell different values apart. examples: different texts in the order
    of sight. kind: number, boolean, date or mixed.
    """

    values: Floats
    empty: NDArray[np.bool_]
    word: NDArray[np.bool_]
    text: NDArray[np.bool_]
    keys: NDArray[np.uint64]
    examples: list[str]
    kind: str


class Profiles:
    """Profiles of columns; text: those that keep their text, of which only a cell without any sign is empty."""

    def __init__(self, names: Collection[str], text: Collection[str]) -> None:
        empty = {name: ("",) if name in text else EMPTY for name in names}
        self._columns = {name: _Column(name, empty[name]) for name in names}
        self.rows = 0

    def add(self, batch: Table) -> None:
        """Take the rows of a batch into account."""
        self.rows += batch.rows
        for name, column in self._columns.items():
            column.add(batch, batch.frame[name])

    def finish(self) -> dict[str, Profile]:
        """Return the profiles by name, in the order of the table."""
        return {name: column.finish() for name, column in self._columns.items()}


class _Column:
    """One column so far. empty: texts that count as no value."""

    def __init__(self, name: str, empty: Collection[str]) -> None:
        self.name, self.no_value = name, set(empty)
        self.cells = self.empty = self.words = self.texts = self.infinite = self.count = 0
        self.mean = self.squares = 0.0  # of `count` finite numbers: their mean, the sum of squared deviations from it
        self.low, self.high = np.inf, -np.inf
        self.whole = True
        self.kinds: set[str] = set()
        self.keys: NDArray[np.uint64] | None = np.empty(0, np.uint64)
        self.word_keys = set[int]()  # those of words that say that there is no value
        self.examples: dict[str, None] = {}
        self.first: dict[str, tuple[int, Place]] = {}  # with the number of cells before it

    def add(self, batch: Table, series: pd.Series[Any]) -> None:
        """Take cells of a batch into account."""
        cells = self._read(series)
        infinite = np.isinf(cells.values)
        masks = {"empty": cells.empty, "word": cells.word, "text": cells.text, "infinite": infinite}
        for word, marks in masks.items():
            if word not in self.first and marks.any():
                row = int(marks.argmax())
                self.first[word] = self.cells + row, batch.origin.locate(row)
        self.cells += len(series)
        self.empty += int(cells.empty.sum())
        self.words += int(cells.word.sum())
        self.texts += int(cells.text.sum())
        self.infinite += int(infinite.sum())
        if not cells.empty.all():
            self.kinds.add(cells.kind)
        for text in cells.examples:
            if len(self.examples) == EXAMPLES:
                break
            self.examples.setdefault(text)
        self._add_numbers(cells.values[np.isfinite(cells.values)])
        self._add_keys(cells.keys[~cells.empty])
        self.word_keys.update(pd.unique(cells.keys[cells.word]).tolist())

    def finish(self) -> Profile:
        """Say what the column holds. Words that say that there is no value are texts where it holds no numbers."""
        kind = self._kind()
        shown = self.count > 0 and kind in NUMERIC
        meaning = "empty" if kind in NUMERIC else "text"
        empty = self.empty + (self.words if meaning == "empty" else 0)
        texts = self.texts + (self.words if meaning == "text" else 0)
        words = len(self.word_keys) if meaning == "empty" else 0
        first = dict(self.first)
        if "word" in first:
            word = first.pop("word")
            first[meaning] = min(word, first.get(meaning, word), key=lambda place: place[0])
        return Profile(
            name=self.name,
            kind=kind,
            filled=self.cells - empty,
            empty=empty,
            distinct=None if self.keys is None else len(self.keys) - words,
            texts=texts,
            infinite=self.infinite,
            low=float(self.low) if shown else None,
            mean=float(self.mean) if shown else None,
            high=float(self.high) if shown else None,
            std=float(np.sqrt(self.squares / self.count)) if shown else None,
            examples=() if shown else tuple(self.examples),
            first={word: place for word, (_, place) in first.items()},
        )

    def _kind(self) -> str:
        """Return the kind of most of the cells."""
        filled = self.cells - self.empty
        if not filled:
            return "empty"
        if self.kinds in ({"boolean"}, {"date"}):
            return next(iter(self.kinds))
        if self.count + self.infinite < max(MOSTLY * (filled - self.words), 1):
            return "text"
        return "integer" if self.whole and not self.infinite else "number"

    def _read(self, series: pd.Series[Any]) -> Cells:
        """Look at cells of any type."""
        if is_quantity(series.dtype):
            values = series.to_numpy(dtype=np.float64, na_value=np.nan)
            kind = "boolean" if pd.api.types.is_bool_dtype(series.dtype) else "number"
            nowhere = np.zeros(len(values), bool)
            return Cells(values, np.isnan(values), nowhere, nowhere, _bits(values), [], kind)
        codes, distinct = pd.factorize(series.astype(object))  # code -1 of an empty cell is the last place
        texts = [short(str(value).strip()) for value in distinct]
        empty = np.array([text in self.no_value for text in texts] + [True])
        values, text, kind = self._numbers(distinct, texts, empty[:-1], series.dtype.kind == "M")
        keys = np.zeros(len(texts) + 1, np.uint64)
        keys[:-1] = pd.util.hash_array(np.array([str(value) for value in distinct], object), categorize=False)
        keys = np.where(text | empty, keys, _bits(values))
        word = text & np.array([*map(is_no_value, texts), False])
        examples = [one for one, none in zip(texts, empty[:-1], strict=True) if not none]
        return Cells(values[codes], empty[codes], word[codes], (text & ~word)[codes], keys[codes], examples, kind)

    def _numbers(
        self, distinct: Any, texts: list[str], empty: NDArray[np.bool_], dates: bool
    ) -> tuple[Floats, NDArray[np.bool_], str]:
        """Return numbers of the different cells, which of them are texts, and the kind; a place for no cell at the end.

        dates: whether the type of the cells is that of dates.
        """
        nothing = np.append(empty, True)
        words = {text.lower() for text, none in zip(texts, empty, strict=True) if not none and not is_no_value(text)}
        if dates:
            return np.full(len(nothing), np.nan), ~nothing, "date"
        if words and words <= set(TRUTHS):
            values = np.array([float(text.lower() == TRUTHS[0]) for text in texts] + [np.nan])
            values[nothing | np.array([*map(is_no_value, texts), False])] = np.nan
            return values, np.isnan(values) & ~nothing, "boolean"
        cells = pd.Series(np.asarray(distinct, dtype=object), dtype=object).mask(empty)
        values = np.append(parsed(cells).to_numpy(dtype=np.float64, na_value=np.nan), np.nan)
        return values, np.isnan(values) & ~nothing, "mixed"

    def _add_numbers(self, values: Floats) -> None:
        """Join range, mean and deviation of finite numbers (Chan, Golub and LeVeque 1979, equations 2.1)."""
        if not len(values):
            return
        with np.errstate(over="ignore", invalid="ignore"):
            self.low, self.high = min(self.low, float(values.min())), max(self.high, float(values.max()))
            self.whole = self.whole and bool((values == np.floor(values)).all())
            mean, count = float(values.mean()), self.count + len(values)
            difference = mean - self.mean
            squares = float(np.square(values - mean).sum())
            self.squares += squares + difference * difference * self.count * len(values) / count
            self.mean += difference * len(values) / count
            self.count = count

    def _add_keys(self, keys: NDArray[np.uint64]) -> None:
        """Count different values until there are too many."""
        for start in range(0, len(keys), PIECE):
            if self.keys is None:
                return
            self.keys = np.union1d(self.keys, pd.unique(keys[start : start + PIECE]))
            if len(self.keys) > MOST_DISTINCT:
                self.keys = None


def _bits(values: Floats) -> NDArray[np.uint64]:
    """Return the bits of numbers; those of 0 and -0 are the same."""
    return np.asarray((values + 0.0).view(np.uint64))
