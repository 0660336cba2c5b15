"""How columns become inputs: scaling, categories and what empty cells become, as lines for a person."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rnnfast.catalogue import FILLS
from rnnfast.console.text import listed, number
from rnnfast.display import counted
from rnnfast.records import UNSET

if TYPE_CHECKING:
    from rnnfast.data.encoding.record import EncoderRecord
    from rnnfast.data.inspection import TableDescription

CALENDAR = " (calendar)"  # behind the name of the time column
MOST_SHOWN = 8  # of the names of a line, without -v


@dataclass(frozen=True)
class Inputs:
    """What becomes of the columns, all of them by name.

    kinds: scaling of those that hold numbers. categories: of the others. rules, fills: for empty cells, and the values
    that were fitted for them. indicator: whether there is an input for empty cells. calendar: units of the time column.
    embedded: numbers in which the network tells a category. static: columns that are constant in an id.
    """

    kinds: Mapping[str, str]
    categories: Mapping[str, Sequence[str]]
    rules: Mapping[str, str]
    fills: Mapping[str, Any] = field(default_factory=dict)
    indicator: bool = False
    calendar: Mapping[str, Sequence[str]] = field(default_factory=dict)
    embedded: Mapping[str, int] = field(default_factory=dict)
    static: Sequence[str] = ()

    @classmethod
    def of_model(cls, record: EncoderRecord) -> Inputs:
        """Return those of a model."""
        scaler, missing = record.scaler, record.missing
        kinds = dict(zip(scaler.names, scaler.kinds, strict=True))
        return cls(
            kinds, record.categories, missing.rules, missing.fills, missing.indicator, record.calendar or {},
            record.embedded or {}, record.static or (),
        )  # fmt: skip

    @classmethod
    def of_table(cls, table: TableDescription) -> Inputs:
        """Return those of a table, which are not fitted yet."""
        inputs = [column for column in table.columns if column.fill is not UNSET]
        return cls(
            kinds={column.name: column.scale for column in inputs if column.scale},
            categories={column.name: column.categories for column in inputs if column.categories is not UNSET},
            rules={column.name: column.fill for column in inputs if column.fill is not UNSET},
        )


def encoding_rows(inputs: Inputs, verbose: int = 0) -> list[tuple[str, str]]:
    """Return labelled lines on scaling, categories and what empty cells become."""
    most = len(inputs.rules) if verbose else MOST_SHOWN
    rows = []
    if inputs.kinds:
        rows.append(("Scaling", _grouped(list(inputs.kinds), list(inputs.kinds.values()), inputs.kinds, most)))
    for j, (name, categories) in enumerate(inputs.categories.items()):
        shown = listed(list(categories), most=len(categories) if verbose else MOST_SHOWN)
        how = f", each in {counted(inputs.embedded[name], 'number')}" if name in inputs.embedded else ""
        rows.append(("" if j else "Categories", f"{name}: {len(categories):,} ({shown}){how}"))
    for name, units in inputs.calendar.items():
        rows.append(("Calendar", f"{name.removesuffix(CALENDAR)}: {', '.join(units)}"))
    if inputs.static:
        rows.append(("Constant", f"{listed(list(inputs.static), most=most)}, in the first state of each id"))
    rules = {name: rule for name, rule in inputs.rules.items() if FILLS[rule].fills}
    if rules:
        names = [_with_fill(name, inputs.fills.get(name)) for name in rules]
        shown = _grouped(names, [FILLS[rule].phrase for rule in rules.values()], inputs.rules, most)
        indicator = "; an input tells that a cell was empty" if inputs.indicator else ""
        rows.append(("Empty cells", shown + indicator))
    return rows


def _with_fill(name: str, value: Any) -> str:
    """Name a column with what was fitted for its empty cells, None before."""
    return name if value is None else f"{name} ({value if isinstance(value, str) else number(value)})"


def _grouped(names: Sequence[str], words: Sequence[str], columns: Collection[str], most: int) -> str:
    """Say which columns have which word: "minmax: Amount; robust: V1, V2"; one word for all columns stands alone.

    columns: all that could have a word; most: names shown of each word.
    """
    if len(set(words)) == 1 and set(names) == set(columns):
        return words[0]
    groups: dict[str, list[str]] = {}
    for name, word in zip(names, words, strict=True):
        groups.setdefault(word, []).append(name)
    return "; ".join(f"{word}: {listed(group, most=most)}" for word, group in groups.items())
