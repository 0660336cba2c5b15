"""Targets that come batch by batch: what they are is known when the last one was seen.

Until then y holds values as they are, or numbers for texts; the few different ones that classes have are kept, each
with the place where it was seen first. `targets.targets` then judges these as if they were the table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rnnfast.data.columns import Floats, numbers
from rnnfast.data.disk.batches import Batch, no_digest
from rnnfast.data.sources.origin import Origin
from rnnfast.data.sources.source import Source
from rnnfast.data.sources.table import Table
from rnnfast.data.targets import MOST_CLASSES, labels, quantity, stripped, targets

Places = list[tuple[Source, int]]


class TextFound(Exception):
    """A target of numbers so far holds text: the table is to be read again, with the target as text."""


@dataclass(frozen=True)
class _FirstCells(Origin):
    """Where each different value of a target was seen first."""

    places: Places = field(default_factory=list)

    def _local(self, row: int) -> tuple[Source, int]:
        return self.places[row]


@dataclass
class _Seen(Table):
    """One row for each different value of a target."""

    places: Places = field(default_factory=list)

    @property
    def origin(self) -> Origin:
        """The first cell with each value."""
        return _FirstCells(self.sources, self.starts, self.places)


class Labels:
    """Collects the targets of a table.

    names: of the targets; task: as asked for; as_text: the target is known to hold text.
    """

    def __init__(self, sources: Sequence[Source], names: tuple[str, ...], task: str, as_text: bool) -> None:
        self.sources, self.names, self.task, self.as_text = list(sources), names, task, as_text
        self.quantities = len(names) != 1 or task == "regression"
        self.values: NDArray[Any] = np.empty(0, object if as_text else np.float64)  # different ones, in order of sight
        self._cells: list[pd.Series[Any]] = []
        self._places: Places = []

    def add(self, batch: Batch) -> Floats:
        """Return (rows, targets) float64: numbers, or for text the place of the cell's text in `values`.

        Raises TextFound; DataError for text in a quantity, infinite values, more texts than classes may be.
        """
        if not self.names:
            return np.empty((batch.rows, 0))
        if len(self.names) > 1 and self.task in ("binary", "multiclass"):
            targets(batch, self.names, self.task)  # raises
        if self.quantities:
            return np.column_stack([quantity(batch, name) for name in self.names])
        name = self.names[0]
        if self.as_text:
            return self._codes(batch, name, stripped(batch.frame[name]))
        found = labels(batch, name)
        if found.dtype == object:
            if len(self.values) > MOST_CLASSES and self.task == "auto":
                numbers(batch, name, "give --task multiclass for the classes of")  # raises: a damaged column of numbers
            raise TextFound
        values = found.to_numpy(np.float64)
        if np.isinf(values).any():
            quantity(batch, name)  # raises
        if len(self.values) <= MOST_CLASSES:
            different = np.unique(values[~np.isnan(values)])
            self._keep(batch, name, values, different[~np.isin(different, self.values)])
        return values[:, None]

    def finish(self) -> tuple[str, tuple[Any, ...], list[str], Floats | None]:
        """Judge the values. Returns: task, classes, notes, and for classes the index of each of `values`.

        Raises DataError as `targets` does.
        """
        if not self.names:
            return "", (), [], None
        if self.quantities:
            return "regression", (), [], None
        frame = pd.DataFrame({self.names[0]: pd.concat(self._cells, ignore_index=True) if self._cells else []})
        seen = _Seen(frame, self.sources, [0, len(frame)], no_digest(), self._places)
        y, task, classes, notes = targets(seen, self.names, self.task)
        return task, classes, notes, y[:, 0] if classes else None

    def _codes(self, batch: Batch, name: str, texts: pd.Series[Any]) -> Floats:
        """The place of each text in `values`, which grows; NaN where there is none."""
        different = pd.Index(texts.dropna().unique())
        self._keep(batch, name, texts.to_numpy(object), different[~different.isin(self.values)].to_numpy(object))
        if len(self.values) > MOST_CLASSES:
            self.finish()  # raises: too many
        codes = pd.Index(self.values).get_indexer(pd.Index(texts)).astype(np.float64)
        codes[codes < 0] = np.nan
        found: Floats = codes[:, None]
        return found

    def _keep(self, batch: Batch, name: str, cells: NDArray[Any], new: NDArray[Any]) -> None:
        """Keep values that were not seen before; one more than classes may be is enough to know."""
        new = new[: MOST_CLASSES + 1 - len(self.values)]
        if len(new):
            rows = [int((cells == value).argmax()) for value in new]
            self.values = np.concatenate((self.values, new))
            self._cells.append(batch.frame[name].iloc[rows])
            self._places += [(batch.sources[0], batch.first + row) for row in rows]
