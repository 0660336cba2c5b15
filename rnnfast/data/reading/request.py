"""What is asked of a table: the options that decide how it is read, or the schema of a model."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from rnnfast.catalogue import TASKS
from rnnfast.config.forms import TIME, part_column
from rnnfast.config.sections import DataConfig, reading_options
from rnnfast.data.columns.horizon import lags
from rnnfast.data.columns.roles import Roles
from rnnfast.data.columns.schema import Schema
from rnnfast.data.sequences.identities import Shard
from rnnfast.data.sources.options import FileOptions

FILES = ("sep", "columns", "query", "ties", "dayfirst")  # options that further tables of a model share


@dataclass(frozen=True)
class Request:
    """How to read a table.

    schema: of a training table; columns are then found by name, and of the options only split_by and FILES count.
    require_target: False accepts a table without target, and reads no weights. with_time: whether the times of the rows
    are wanted even so. groups: whether the column of split_by names groups of any number, in place of parts.
    dated: whether forecasts of one series of quantities see the calendar wherever its times are dates. shard: which ids
    are read; what the columns mean is decided by all of them.
    """

    config: DataConfig
    schema: Schema | None = None
    require_target: bool = True
    with_time: bool = False
    groups: bool = False
    dated: bool = False
    shard: Shard | None = None

    @property
    def part(self) -> str | None:
        """Column that says which part, or group, a row belongs to."""
        return part_column(self.config.split_by)

    @property
    def by_time(self) -> bool:
        """Whether the times of the rows decide about the parts."""
        return self.config.split_by == TIME

    @property
    def keeps_time(self) -> bool:
        """Whether the times of the rows are wanted as in the table: by a split, and beside predictions."""
        return self.by_time or self.with_time or not self.require_target

    @property
    def keeps_keys(self) -> bool:
        """Whether the numbers that sort like the times are wanted: by a split, and for inputs that are made of them."""
        return self.by_time or self.dated or (self.config if self.schema is None else self.schema).clock

    def calendar(self, task: str, roles: Roles) -> bool:
        """Whether the calendar may be an input of a new table; `with_clock` drops it where times are no dates."""
        series = self.dated and roles.id is None and roles.time is not None
        forecast = (max(self.config.horizon) > 0 or lags(self.config)) and not (task and TASKS[task].classes)
        return self.config.calendar or (series and forecast)

    @property
    def files(self) -> FileOptions:
        """How the files are opened. Beside a schema these are habits: files that are written otherwise are read too."""
        config = self.config
        return FileOptions.of(config.sep, config.columns, config.query, sure=self.schema is None)

    @property
    def dayfirst(self) -> bool | None:
        """Whether the day stands before the month in dates, None where they tell themselves."""
        return self.schema.dayfirst if self.config.dayfirst is None and self.schema else self.config.dayfirst

    def settings(self) -> dict[str, Any]:
        """Everything that decides what is read, beside the files: as JSON can hold it."""
        if self.schema is None:
            how = {name: getattr(self.config, name) for name in reading_options()}
        else:
            how = self.schema.to_json() | {name: getattr(self.config, name) for name in ("split_by", *FILES)}
        return {
            "settings": how,
            "require_target": self.require_target,
            "keeps_time": self.keeps_time,
            "groups": self.groups,
            "dated": self.dated,
        }


def writing_options(trained: DataConfig) -> dict[str, Any]:
    """Return the options that further tables of a model share."""
    return {name: getattr(trained, name) for name in FILES}


def like(trained: DataConfig, config: DataConfig) -> DataConfig:
    """Return options for a further table: how files are written is what it was in training, unless options say it."""
    default = DataConfig()
    unsaid = (name for name in FILES if getattr(config, name) == getattr(default, name))
    return replace(config, **{name: getattr(trained, name) for name in unsaid})
