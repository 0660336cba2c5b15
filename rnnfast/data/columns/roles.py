"""Which column of a table is what: recognised from its header and the options.

Two layouts are recognised without options: `name,t,x1..xF,y1..yL` (also `id` for `name`), and the card layout
`Time,V1..V28,Amount,Class`. Any other table needs its target named. Options win over recognition.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from rnnfast.catalogue import FINDINGS
from rnnfast.config.forms import part_column
from rnnfast.config.sections import DataConfig
from rnnfast.data.columns.targetnames import likely_target
from rnnfast.data.sources.rewriting import in_one_column
from rnnfast.data.sources.source import Source, listing, require
from rnnfast.errors import DataError, UsageError


@dataclass(frozen=True)
class Roles:
    """Which column is what, as far as the header and the options tell.

    features: None for "all other numeric columns", which takes the rows to decide; left_out: columns that are none.
    categorical: features that hold categories; with features None these are features beside the numeric ones.
    weight, part: column with the weight of a row, and with the part it belongs to, or None.
    """

    id: str | None
    time: str | None
    targets: tuple[str, ...]
    features: tuple[str, ...] | None
    left_out: tuple[str, ...]
    layout: str
    categorical: tuple[str, ...] = ()
    weight: str | None = None
    part: str | None = None

    @property
    def text(self) -> tuple[str, ...]:
        """Columns whose text is kept as in the file."""
        return (*(name for name in (self.id, self.time, self.part) if name is not None), *self.categorical)

    @property
    def taken(self) -> tuple[str, ...]:
        """Columns whose role is known, or that are left out."""
        names = (*self.text, *self.targets, *self.left_out, *(self.features or ()), self.weight)
        return tuple(name for name in names if name is not None)


@dataclass(frozen=True)
class _Layout:
    name: str
    id: str | None
    time: str | None
    features: tuple[str, ...]
    targets: tuple[str, ...]
    others: tuple[str, ...] = ()


def roles(source: Source, options: DataConfig, require_target: bool = True) -> Roles:
    """Tell id, time, targets and features of a table from its header and the options.

    Raises DataError for names that are no columns and where no target is known; UsageError for contradictory options.
    """
    columns, there = source.columns, set(source.columns)
    ignored = _expand(source, [name for name in options.ignore if name in there or name not in FINDINGS])
    targets = _expand(source, options.target)
    features = _expand(source, options.features)
    categorical = _expand(source, options.categorical)
    marks = {name for name in (options.weight, part_column(options.split_by)) if name}  # columns that are no feature
    single = [name for name in (options.id, options.time, *sorted(marks)) if name is not None]
    _check_time(source, options.time)
    require(source, single)
    _check_conflicts(options)
    option_columns = {*ignored, *targets, *features, *categorical, *source.nameless, *single}
    layout = next((candidate for match in (_original, _card) if (candidate := match(columns, option_columns))), None)
    if layout is None:
        layout = _by_name(columns, option_columns, options.id)
    id_column = options.id or _unless(layout.id, option_columns)
    time = options.time or _unless(layout.time, option_columns)
    targets = tuple(name for name in targets or layout.targets if name not in ignored and name not in marks)
    if not targets and require_target:
        raise DataError(
            f"{source.header_line()}: it is not known which column to predict; name it with --target COLUMN"
            f"{_perhaps(columns)}. The columns are {listing(columns)}"
        )
    others = {*ignored, *targets, *marks, id_column, time}
    features = features or layout.features
    categorical = tuple(name for name in categorical if name not in others)
    inputs = (
        tuple(name for name in dict.fromkeys((*features, *categorical)) if name not in others) if features else None
    )
    input_set = None if inputs is None else set(inputs)
    by_type = (name for name in source.categorical if name not in others and (input_set is None or name in input_set))
    categorical = tuple(dict.fromkeys((*categorical, *by_type)))
    if inputs == ():
        raise DataError(f"{source.header_line()}: no column is left as a feature; the columns are {listing(columns)}")
    if options.stride is not None and options.window is None and id_column is not None:
        raise UsageError(
            f"stride {options.stride} has no effect without a window: sequences are the rows of each {id_column!r}; "
            "add --window N or leave --stride out"
        )
    if options.dayfirst is not None and time is None:
        raise UsageError("dayfirst has no effect without a time column; name it with --time or leave dayfirst out")
    if options.clock and time is None:
        flag = "--calendar" if options.calendar else "--time-delta"
        raise UsageError(f"{flag}: the table has no time column; name it with --time or leave {flag} out")
    idle = {*ignored, *source.nameless, *layout.others} - {*targets, *(inputs or ()), *categorical, id_column, time}
    left_out = tuple(name for name in columns if name in idle)
    part = part_column(options.split_by)
    return Roles(id_column, time, targets, inputs, left_out, layout.name, categorical, options.weight, part)


def _expand(source: Source, names: Sequence[str]) -> tuple[str, ...]:
    """Replace patterns such as 'x*' by the columns they match, in the order of the table."""
    expansion: dict[str, None] = {}
    columns = set(source.columns)
    for name in names:
        if name in columns:
            expansion[name] = None
            continue
        matches = [column for column in source.columns if fnmatchcase(column, name)]
        if not matches:
            require(source, [name])
        expansion.update(dict.fromkeys(matches))
    return tuple(expansion)


def _check_conflicts(options: DataConfig) -> None:
    """Raise UsageError for a column that is named for two roles (patterns give way)."""
    role_of: dict[str, str] = {}
    for role, names in (
        ("id", (options.id,)),
        ("time", (options.time,)),
        ("target", options.target),
        ("features", options.features),
        ("ignore", options.ignore),
        ("weight", (options.weight,)),
        ("split-by", (part_column(options.split_by),)),
        ("categorical", options.categorical),
    ):
        for name in names:
            if name is None or (role == "categorical" and role_of.get(name) == "features"):
                continue
            if role_of.setdefault(name, role) != role:
                raise UsageError(f"column {name!r} is given as {role_of[name]} and as {role}; give it one role")


def _check_time(source: Source, name: str | None) -> None:
    """Raise DataError where several columns are named as the time, such as a date and its time of day."""
    parts = [part.strip() for part in (name or "").split(",")]
    if name in source.columns or len(parts) == 1 or not set(parts) <= set(source.columns):
        return
    command = in_one_column(source, *parts)
    raise DataError(
        f"{source.header_line()}: --time takes one column, and {name!r} are {len(parts)}; put them into one"
        f"{f', {parts[0]!r}: {command}' if command else ''}"
    )


def _perhaps(columns: Sequence[str]) -> str:
    """Ask whether the likely target is meant."""
    name = likely_target(columns)
    return "" if name is None else f", perhaps --target {shlex.quote(name)}"


def _unless(name: str | None, option_columns: set[str]) -> str | None:
    return None if name in option_columns else name


def _original(columns: Sequence[str], option_columns: set[str]) -> _Layout | None:
    """Match name,t,x1..xF,y1..yL beside columns that are named by options."""
    id_column = next((name for name in ("name", "id") if name in columns), None)
    features = _matching(columns, r"x\d+")
    targets = _matching(columns, r"y\d+")
    core = {id_column, "t", *features, *targets}
    fits = id_column and "t" in columns and features and targets and not set(columns) - core - option_columns
    return _Layout("original", id_column, "t", features, targets) if fits else None


def _card(columns: Sequence[str], option_columns: set[str]) -> _Layout | None:
    """Match Time,V1..V28,Amount,Class beside columns that are named by options."""
    features = (*_matching(columns, r"V\d+"), "Amount")
    core = {"Time", "Class", *features}
    fits = len(features) > 1 and core <= set(columns) and not set(columns) - core - option_columns
    # The card holder is unknown and several payments share a second: the order of the file is the order in time.
    return _Layout("card", None, None, features, ("Class",), others=("Time",)) if fits else None


def _by_name(columns: Sequence[str], option_columns: set[str], id_column: str | None) -> _Layout:
    """Take a column called id for the id (a running number is no feature), and t beside an id for the time."""
    id_name = next((name for name in columns if name in ("id", "ID", "Id") and name not in option_columns), None)
    time = "t" if "t" in columns and (id_name or id_column) else None
    return _Layout("options", id_name, time, (), ())


def _matching(columns: Sequence[str], pattern: str) -> tuple[str, ...]:
    return tuple(name for name in columns if re.fullmatch(pattern, name))
