"""Which inputs an encoder makes of its columns, and in which order.

Each column makes a group of inputs, as in encoder.py: numbers come first, then categories, the calendar, indicators of
empty cells, and codes, in the order of the columns. A network reads the inputs of constant columns apart, so that these
come last of all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate
from typing import NamedTuple

from rnnfast.data.encoding import calendar
from rnnfast.data.encoding.scaling import Scaler

UNSEEN = "(unseen)"


class Group(NamedTuple):
    """The inputs of a column.

    categories: whether there is one for each, the last of them "(unseen)"; units: of the calendar, with two waves each.
    """

    column: str
    names: tuple[str, ...]
    categories: bool = False
    units: tuple[str, ...] = ()


@dataclass(frozen=True)
class Inputs:
    """What an encoder knows of its columns.

    rules: of each column of x, in order, a fill of the catalogue for its empty cells.
    scaler: of the columns that hold numbers. categories: of each column of categories, those of the training rows,
    sorted. calendar: of the column that holds the time, the units that are inputs.
    fills: of columns with a rule other than error, what an empty cell becomes, in original units or as a category;
    None for no category. Of a lagged target always, as the first step of a sequence has no step before it.
    unseen: "bucket" gives other categories an input of their own, "error" refuses them.
    indicator: whether there is an input for empty cells. embedded: columns of categories that a code stands for, each
    with the numbers in which the network tells a category. static: columns that are constant in an id.
    """

    rules: Mapping[str, str]
    scaler: Scaler
    categories: Mapping[str, tuple[str, ...]]
    fills: Mapping[str, float | str | None]
    unseen: str = "bucket"
    indicator: bool = False
    calendar: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    embedded: Mapping[str, int] = field(default_factory=dict)
    static: tuple[str, ...] = ()

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Columns of x."""
        return tuple(self.rules)

    @cached_property
    def place_of(self) -> dict[str, int]:
        """Where each of them is among them."""
        return {name: j for j, name in enumerate(self.rules)}

    @property
    def indicated(self) -> tuple[str, ...]:
        """Columns that have an input for empty cells."""
        return tuple(name for name in self.rules if self.indicator and name in self.fills)

    @property
    def expanded(self) -> dict[str, tuple[str, ...]]:
        """Columns with an input for each of their categories, and these."""
        return {name: texts for name, texts in self.categories.items() if name not in self.embedded}

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Inputs of the network: "x1", "colour=red", "colour=(unseen)", "x1 (missing)", and "region" of its codes."""
        return tuple(name for group in self.groups for name in group.names)

    @cached_property
    def order(self) -> list[int]:
        """Where each input is among those of all groups, constant or not."""
        ends = accumulate(len(group.names) for group in self._groups())
        places = {group: range(end - len(group.names), end) for group, end in zip(self._groups(), ends, strict=True)}
        return [place for group in self.groups for place in places[group]]

    @cached_property
    def static_inputs(self) -> int:
        """How many of the inputs are constant in a sequence."""
        static = set(self.static)
        return sum(len(group.names) for group in self._groups() if group.column in static)

    @cached_property
    def numeric_inputs(self) -> int:
        """How many of the inputs, the first ones, are numbers of a step: then come codes, and constant columns."""
        return len(self.names) - self.static_inputs - len(self.embedded)

    @cached_property
    def embeddings(self) -> tuple[tuple[int, int], ...]:
        """Of each column of codes its categories, with "(unseen)" where it is one, and the numbers of each."""
        other = self.unseen == "bucket"
        return tuple((len(self.categories[name]) + other, units) for name, units in self.embedded.items())

    @cached_property
    def hideable(self) -> tuple[slice, ...]:
        """Inputs of each column of categories, the last of them "(unseen)"; none with `unseen` "error"."""
        ends = accumulate(len(group.names) for group in self.groups)
        places = [slice(end - len(group.names), end) for group, end in zip(self.groups, ends, strict=True)
                  if group.categories]  # fmt: skip
        return tuple(places) if self.unseen == "bucket" else ()

    @property
    def hideable_codes(self) -> tuple[tuple[int, int], ...]:
        """Input of each column of codes, and the code of "(unseen)"; none with `unseen` "error"."""
        if self.unseen != "bucket":
            return ()
        return tuple((self.numeric_inputs + k, categories) for k, (categories, _) in enumerate(self.embeddings))

    def _groups(self) -> Iterator[Group]:
        """The inputs of each column, those of one kind after those of another."""
        other = (UNSEEN,) if self.unseen == "bucket" else ()
        for name in self.scaler.names:
            yield Group(name, (name,))
        for name, texts in self.expanded.items():
            yield Group(name, tuple(f"{name}={text}" for text in (*texts, *other)), categories=True)
        for name, units in self.calendar.items():
            yield Group(name, tuple(calendar.names(name, units)), units=units)
        for name in self.indicated:
            yield Group(name, (f"{name} (missing)",))
        for name in self.embedded:
            yield Group(name, (name,))

    @cached_property
    def groups(self) -> list[Group]:
        """The inputs of each column, in their order; a column may have two of them."""
        static = set(self.static)
        return sorted(self._groups(), key=lambda group: group.column in static)
