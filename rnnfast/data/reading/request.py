"""What is asked of a table: the options that decide how it is read, or the schema of a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rnnfast.config.forms import TIME, part_column
from rnnfast.config.sections import DataConfig, reading_options
from rnnfast.data.columns.schema import Schema


@dataclass(frozen=True)
class Request:
    """How to read a table.

    schema: of a training table; columns are then found by name, and of the options only split_by counts.
    require_target: False accepts a table without target, and reads no weights. with_time: whether the times of the rows
    are wanted even so.
    """

    config: DataConfig
    schema: Schema | None = None
    require_target: bool = True
    with_time: bool = False

    @property
    def part(self) -> str | None:
        """Column that says which part a row belongs to."""
        return part_column(self.config.split_by)

    @property
    def by_time(self) -> bool:
        """Whether the times of the rows decide about the parts."""
        return self.config.split_by == TIME

    @property
    def keeps_time(self) -> bool:
        """Whether the times of the rows are wanted as in the table: by a split, and beside predictions."""
        return self.by_time or self.with_time or not self.require_target

    def settings(self) -> dict[str, Any]:
        """Everything that decides what is read, beside the files: as JSON can hold it."""
        if self.schema is None:
            how = {name: getattr(self.config, name) for name in reading_options()}
        else:
            how = self.schema.to_json() | {"split_by": self.config.split_by}
        return {"settings": how, "require_target": self.require_target, "keeps_time": self.keeps_time}
