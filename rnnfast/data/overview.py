"""An overview of the columns of a table: what is in their cells, what role each has, and why."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from rnnfast.config.sections import DataConfig
from rnnfast.data.columns.marked import marked_number
from rnnfast.data.columns.missing import missing_rules
from rnnfast.data.columns.profile import Profile
from rnnfast.data.columns.roles import Roles
from rnnfast.data.encoding.scaling import feature_kinds
from rnnfast.data.sequences.base import Sequences
from rnnfast.data.sources.source import Source
from rnnfast.records import UNSET, Record, UnsetType

UNUSED = "unused"  # role of a column that has no other
LAYOUT = "the layout"
PROPOSED = {  # by the role that a column may have
    "id": "looks like an id",
    "time": "looks like the time",
    "target": "looks like the target",
    "categorical": "few different texts",
}


class ColumnDescription(Record, frozen=True, kw_only=True):
    """One column.

    role: id, time, feature, category, weight, part, target or unused; why: what makes it that. kind: of its cells, as
    of Profile. distinct: different values, None where they are more than 10,000. min, mean, max, std: of numbers, None
    without any. missing: empty cells. first, last: of times that are no numbers, where they are known. examples: of
    texts. categories: those of the table. scale, fill: of inputs, the scaling, where options say it and not the preset,
    and the rule for empty cells.
    """

    name: str
    role: str
    why: str
    kind: str | UnsetType = UNSET
    distinct: int | UnsetType | None = UNSET
    constant: bool | UnsetType = UNSET
    min: float | UnsetType | None = UNSET
    mean: float | UnsetType | None = UNSET
    max: float | UnsetType | None = UNSET
    std: float | UnsetType | None = UNSET
    missing: int | UnsetType = UNSET
    first: str | UnsetType = UNSET
    last: str | UnsetType = UNSET
    examples: tuple[str, ...] | UnsetType = UNSET
    categories: tuple[str, ...] | UnsetType = UNSET
    scale: str | UnsetType | None = UNSET
    fill: str | UnsetType = UNSET


@dataclass(frozen=True)
class Columns:
    """The columns of a table.

    config: the options of the user; roles: what they say; profiles: of each column, by name; proposed: roles that
    columns seem to have, by name.
    """

    source: Source
    config: DataConfig
    roles: Roles
    profiles: Mapping[str, Profile]
    proposed: Mapping[str, str]

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the features: those that are named, or all numeric columns that are nothing else."""
        roles = self.roles
        if roles.features is not None:
            return roles.features
        others = {roles.id, roles.time, roles.part, roles.weight, *roles.targets, *roles.left_out}
        return tuple(
            name
            for name, profile in self.profiles.items()
            if name in roles.categorical or (profile.numeric and name not in others)
        )

    def describe(
        self, data: Sequences | None, config: DataConfig, faulty: Collection[str]
    ) -> Iterator[ColumnDescription]:
        """Yield a description of each column, in the order of the table, and then of each lagged target.

        data: the table as it was read with the options `config`, None where it could not be; faulty: columns with a
        finding, which may be missing there.
        """
        kinds: Mapping[str, str] = {} if data is None else feature_kinds(data.schema, config)
        rules: Mapping[str, str] = {} if data is None else missing_rules(data.schema, config)
        categories = {} if data is None else data.categories
        scaled, times = config.scale != DataConfig().scale, _times(data)
        inputs = set(self.inputs)
        if data is not None:
            inputs &= {*data.schema.features, *faulty}
        for name, profile in self.profiles.items():
            role, why = self._role(name, profile, inputs)
            quantity = profile.numeric and role != "category"
            first, last = times if role == "time" and not profile.numeric else (UNSET, UNSET)
            yield ColumnDescription(
                name=name,
                role=role,
                why=why,
                kind=profile.kind,
                distinct=profile.distinct,
                constant=profile.constant,
                min=profile.low if quantity else UNSET,
                mean=profile.mean if quantity else UNSET,
                max=profile.high if quantity else UNSET,
                std=profile.std if quantity else UNSET,
                missing=profile.empty,
                first=first,
                last=last,
                examples=profile.examples if profile.examples else UNSET,
                categories=tuple(categories[name]) if name in categories else UNSET,
                scale=kinds.get(name) if scaled and name in rules else UNSET,
                fill=rules.get(name, UNSET),
            )
        for name in [name for name in rules if name not in self.profiles]:
            scale = kinds.get(name) if scaled else UNSET
            yield ColumnDescription(name=name, role="feature", why="--lag-target", scale=scale, fill=rules[name])

    def _role(self, name: str, profile: Profile, inputs: set[str]) -> tuple[str, str]:
        """Tell the role of a column, and what makes it that."""
        roles, config = self.roles, self.config
        in_layout = roles.layout != "options"
        if name == roles.id:
            return "id", "--id" if config.id else LAYOUT if in_layout else "its name"
        if name == roles.time:
            return "time", "--time" if config.time else LAYOUT if in_layout else "its name, beside an id"
        if name in roles.targets:
            return "target", "--target" if config.target else LAYOUT
        if name in (roles.weight, roles.part):
            return ("weight", "--weight") if name == roles.weight else ("part", "--split-by")
        if name in roles.categorical:
            return "category", "--categorical" if config.categorical else "its type"
        if name in inputs:
            why = "--features" if config.features else LAYOUT if in_layout else "holds numbers"
            return "feature", f"{why}, all the same" if profile.constant else why
        return UNUSED, self._unused(name, profile)

    def _unused(self, name: str, profile: Profile) -> str:
        """Say why a column is none of the inputs."""
        if name in self.roles.left_out:
            return "without a name" if name in self.source.nameless else "--ignore" if self.config.ignore else LAYOUT
        if self.roles.features is not None:
            return "not in --features" if self.config.features else LAYOUT
        if name in self.proposed:
            return PROPOSED[self.proposed[name]]
        if profile.kind == "empty":
            return "no cell has a value"
        if profile.kind == "text" and marked_number(pd.Series(profile.examples)):
            return "numbers with other signs"
        return "holds numbers" if profile.numeric else "holds dates" if profile.kind == "date" else "holds texts"


def _times(data: Any) -> tuple[Any, Any]:
    """Return the first and the last time of a table in memory, as in the file; UNSET where they are not known."""
    if data is None or data.room is not None or data.key is None or data.time is None:
        return UNSET, UNSET
    first, last = int(np.argmin(data.key)), int(np.argmax(data.key))
    return str(data.time[first]), str(data.time[last])
