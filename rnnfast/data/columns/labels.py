"""Targets as they come batch by batch: what they are is known when the last batch was seen.

A table of one batch is judged as it is. Of several batches y holds values as they are, or numbers for texts; the few
different ones that classes have are kept, each with the place where it was seen first, and are judged at the end as if
they were the table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rnnfast.catalogue import TASKS
from rnnfast.config.sections import DataConfig
from rnnfast.data.columns.numbers import Floats, numbers
from rnnfast.data.columns.recognition import Ordered, few_whole, recognised
from rnnfast.data.columns.targets import (
    MOST_CLASSES,
    Quantities,
    known_targets,
    labels,
    of_quantities,
    quantities,
    quantity,
    stripped,
    targets,
)
from rnnfast.data.sources.batches import no_digest
from rnnfast.data.sources.origin import Origin
from rnnfast.data.sources.source import Source
from rnnfast.data.sources.table import Table
from rnnfast.errors import DataError

Places = list[tuple[Source, int]]


class TextFound(Exception):
    """A target of numbers so far holds text: the table is to be read again, with the target as text."""


@dataclass(frozen=True)
class _FirstCells(Origin):
    """Where each different value of a target was seen first."""

    places: Places = field(default_factory=list)

    def locate(self, row: int) -> tuple[Source, int]:
        return self.places[row]


@dataclass
class _Seen(Table):
    """One row for each different value of a target."""

    places: Places = field(default_factory=list)

    @property
    def origin(self) -> Origin:
        """The first cell with each value."""
        return _FirstCells(self.sources, self.starts, self.places)


class Meaning(NamedTuple):
    """What targets are.

    class_of: (values,) for classes, which one each of `Labels.values` is, which y holds so far; None where y is as it
    should be.
    """

    task: str
    classes: tuple[Any, ...]
    notes: list[str]
    class_of: Floats | None = None


class KnownLabels:
    """Reads targets whose task and classes are known; strict: those that are something else are an error."""

    def __init__(self, names: tuple[str, ...], task: str, classes: tuple[Any, ...], strict: bool) -> None:
        self.names, self.strict, self.notes = names, strict, list[str]()
        self.meaning = Meaning(task, classes, self.notes)
        self.values: NDArray[Any] = np.empty(0)

    def add(self, batch: Table) -> Floats:
        """Return (rows, targets), or (rows, 0) once they turned out to be of no use, unless strict.

        Raises DataError as `known_targets` where strict.
        """
        if self.names:
            try:
                return known_targets(batch, self.names, self.meaning.task, self.meaning.classes)
            except DataError as error:
                if self.strict:
                    raise
                self.names = ()
                self.notes.append(f"the target is not used: {error}")
        return np.empty((batch.rows, 0))

    def finish(self, ordered: Ordered) -> Meaning:
        """Return what is known."""
        return self.meaning


class Labels:
    """Reads targets and finds out what they are.

    names: of the targets; config: says the task and the positive class; several: whether there may be several batches;
    as_text: the target is known to hold text.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        names: tuple[str, ...],
        config: DataConfig,
        several: bool,
        as_text: bool = False,
    ) -> None:
        self.sources, self.names, self.task, self.positive = list(sources), names, config.task, config.positive
        self.forecast = "--horizon" if max(config.horizon) else "--lag-target" if config.lag_target else ""
        self.several, self.as_text = several, as_text
        self.values: NDArray[Any] = np.empty(0, object if as_text else np.float64)  # different ones, in order of sight
        self._quantities = Quantities() if len(names) != 1 or of_quantities(self.task) else None
        self._cells: list[pd.Series[Any]] = []
        self._places: Places = []
        self._meaning: Meaning | None = None

    def add(self, batch: Table) -> Floats:
        """Return (rows, targets) float64; of several batches numbers, or for text the place of its text in `values`.

        Raises TextFound; DataError for text in a quantity, infinite values, more texts than classes may be; and as
        `targets` does where there is one batch.
        """
        if not self.names:
            return np.empty((batch.rows, 0))
        of_classes = self.task in TASKS and not of_quantities(self.task)
        if not self.several or (len(self.names) > 1 and of_classes):  # which is an error
            y, task, classes, notes = targets(batch, self.names, self.task, self.positive)
            self._meaning = Meaning(task, classes, notes)
            if self._undecided(task):
                few = few_whole(y[:, 0])
                self.values = np.full(1, np.nan) if few is None else few
            return y
        if self._quantities is not None:
            y = quantities(batch, self.names)
            self._quantities.add(y)
            return y
        name = self.names[0]
        if self.as_text:
            return self._codes(batch, name, stripped(batch.frame[name]))
        cells = labels(batch, name)
        if cells.dtype == object:
            if len(self.values) > MOST_CLASSES and self.task == "auto":
                numbers(batch, name, "give --task multiclass for the classes of")  # raises: a damaged column of numbers
            raise TextFound
        values = cells.to_numpy(np.float64)
        if np.isinf(values).any():
            quantity(batch, name)  # raises
        if len(self.values) <= MOST_CLASSES:
            different = pd.unique(values[~np.isnan(values)])  # in order of sight
            self._keep(batch, name, values, different[~np.isin(different, self.values)])
        return values[:, None]

    def finish(self, ordered: Ordered) -> Meaning:
        """Judge the values; ordered: as of `recognised`. Raises DataError as `targets` does."""
        meaning = self._meaning or self._judge()
        values = few_whole(self.values) if self._undecided(meaning.task) else None
        if values is None or not len(values):
            return meaning
        classes, note = recognised(self.names[0], values, self.forecast, ordered)
        index = np.searchsorted(values, self.values).astype(np.float64) if classes else None
        return Meaning("multiclass" if classes else meaning.task, classes, [note, *meaning.notes], index)

    def _undecided(self, task: str) -> bool:
        """Whether quantities may turn out to be classes."""
        return self.task == "auto" and of_quantities(task) and len(self.names) == 1

    def _judge(self) -> Meaning:
        """Judge the values of several batches by themselves."""
        if not self.names:
            return Meaning("", (), [])
        if self._quantities is not None:
            task = self.task if of_quantities(self.task) else "regression"
            return Meaning(task, (), self._quantities.notes())
        frame = pd.DataFrame({self.names[0]: pd.concat(self._cells, ignore_index=True) if self._cells else []})
        table = _Seen(frame, self.sources, [0, len(frame)], no_digest(), self._places)
        y, task, classes, notes = targets(table, self.names, self.task, self.positive)
        return Meaning(task, classes, notes, y[:, 0] if classes else None)

    def _codes(self, batch: Table, name: str, texts: pd.Series[Any]) -> Floats:
        """The place of each text in `values`, which grows; NaN where there is none."""
        different = pd.Index(texts.dropna().unique())
        self._keep(batch, name, texts.to_numpy(object), different[~different.isin(self.values)].to_numpy(object))
        if len(self.values) > MOST_CLASSES:
            self._judge()  # raises: too many
        codes = pd.Index(self.values).get_indexer(pd.Index(texts)).astype(np.float64)
        codes[codes < 0] = np.nan
        return np.asarray(codes[:, None])

    def _keep(self, batch: Table, name: str, cells: NDArray[Any], new: NDArray[Any]) -> None:
        """Keep values that were not seen before; one more than classes may be is enough to know."""
        new = new[: MOST_CLASSES + 1 - len(self.values)]
        if len(new):
            rows = [int((cells == value).argmax()) for value in new]
            self.values = np.concatenate((self.values, new))
            self._cells.append(batch.frame[name].iloc[rows])
            self._places += [batch.origin.locate(row) for row in rows]
