"""An encoder as model files hold it, and whether one that was read can be one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rnnfast.catalogue import FILLS
from rnnfast.data.encoding import calendar
from rnnfast.data.encoding.scaling import ScalerRecord
from rnnfast.records import UNSET, Record, Size, UnsetType

if TYPE_CHECKING:
    from rnnfast.data.encoding.inputs import Inputs


class MissingRecord(Record, frozen=True):
    """What empty cells become, as model files hold it: fields of `Encoder`."""

    rules: dict[str, str]
    fills: dict[str, float | str | None]
    indicator: bool


class EncoderRecord(Record, frozen=True):
    """An `Encoder` as model files hold it, with the names of the inputs that it makes."""

    inputs: tuple[str, ...]
    scaler: ScalerRecord
    categories: dict[str, tuple[str, ...]]
    missing: MissingRecord
    unseen: str
    calendar: dict[str, tuple[str, ...]] | UnsetType = UNSET
    embedded: dict[str, Size] | UnsetType = UNSET
    static: tuple[str, ...] | UnsetType = UNSET


def consistent(encoder: Inputs) -> bool:
    """Whether the fields can be those of one encoder."""
    rules, categories, fills = encoder.rules, encoder.categories, encoder.fills
    numbers = tuple(name for name in rules if name not in categories and name not in encoder.calendar)
    if not set(rules.values()) <= FILLS.keys():
        return False
    filled = {name for name, rule in rules.items() if FILLS[rule].fills}
    return (
        encoder.scaler.names == numbers
        and set(categories) <= set(rules)
        and all(list(texts) == sorted(set(texts)) for texts in categories.values())
        and filled <= set(fills) <= set(rules)
        and all(
            fills[name] in (None, *categories[name]) if name in categories else np.isfinite(np.float64(fills[name]))
            for name in fills
        )
        and set(encoder.calendar) <= set(rules)
        and all(set(units) <= calendar.UNITS.keys() for units in encoder.calendar.values())
        and encoder.unseen in ("bucket", "error")
        and set(encoder.embedded) <= set(categories)
        and set(encoder.static) <= set(rules) - set(encoder.embedded) - set(encoder.calendar)
    )
