"""What sections of options beside those of a training run share: folds, a search, a cluster."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

from rnnfast.config.option import checked
from rnnfast.config.resolve import COMMAND_LINE, flag_of


@dataclass(frozen=True)
class Section:
    """Options of a command, each a field that is declared by `option`."""

    @classmethod
    def of(cls, values: Mapping[str, Any], origin: str) -> Self:
        """Make it of values, which are checked; origin: names their source in messages."""
        where = flag_of if origin == COMMAND_LINE else (lambda name: f"{origin}: {name}")
        declared = {field.name: field for field in fields(cls)}
        return cls(**{name: checked(declared[name], value, where(name)) for name, value in values.items()})
