"""What the columns of a table mean: recognised from its header and the options, and stored in the model file.

Two layouts are recognised without options: `name,t,x1..xF,y1..yL` (also `id` for `name`), and the card layout
`Time,V1..V28,Amount,Class`. Any other table needs its target named. Options win over recognition.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from rnnfast.catalogue import TASKS
from rnnfast.config.forms import part_column
from rnnfast.config.sections import DataConfig
from rnnfast.data.sources.source import Source, listing, require
from rnnfast.errors import DataError, ModelError, UsageError
from rnnfast.records import decode, plain

DEFAULT_WINDOW = 10  # steps, where there is no id column


@dataclass(frozen=True)
class Schema:
    """Meaning of the columns.

    id: column that names the sequence, None for windows of consecutive rows; time: column that orders its rows or None.
    features, targets: column names, in the order of the columns of x and y.
    task: a name of the catalogue; "" where no target is known (only without `require_target`).
    classes: the target values as in the file, sorted: two (negative, positive) of a binary task, two or more of a
    multiclass one, else ().
    predict: "every" or "last" step of a sequence.
    window, stride: rows per window and between the starts of windows, None where sequences are not cut.
    layout: how the columns were recognised: "original", "card" or "options".
    categorical: those of the features that hold categories.
    horizon: steps from a row to the target that it predicts, inside the same id.
    lag_target: whether the last known target is an input, after the features; season: steps of a season.
    weight: column with the weight of a row in the loss, or None.
    """

    id: str | None
    time: str | None
    features: tuple[str, ...]
    targets: tuple[str, ...]
    task: str
    classes: tuple[Any, ...] = ()
    predict: str = "every"
    window: int | None = None
    stride: int | None = None
    layout: str = "options"
    categorical: tuple[str, ...] = ()
    horizon: int = 0
    lag_target: bool = False
    season: int = 1
    weight: str | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of x: the features, then the lagged targets."""
        return (*self.features, *(f"{name} (lag)" for name in self.targets if self.lag_target))

    @property
    def outputs(self) -> int:
        """Outputs of a network for this table: one per class of a multiclass task, else one per target."""
        return len(self.classes) if self.task and TASKS[self.task].output_per_class else len(self.targets)

    @property
    def overlapping(self) -> bool:
        """Whether windows share rows."""
        return self.window is not None and self.stride is not None and self.stride < self.window

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON values."""
        return dict(plain(self))

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Schema:
        """Rebuild a schema from `to_json`; raises ModelError for missing or wrong values."""
        try:
            schema = decode(values, cls)
            schema.check()
        except ValueError as error:
            raise ModelError(f"the columns stored in the model are damaged ({error}); train it again") from None
        return schema

    def check(self) -> None:
        """Raise ValueError where a field holds a word that it cannot."""
        if self.task and self.task not in TASKS:
            raise ValueError(f"task is {self.task!r}: expected {', '.join(TASKS)}")
        if self.predict not in ("every", "last"):
            raise ValueError(f"predict is {self.predict!r}: expected every or last")


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
    columns = source.columns
    ignored = _expand(source, options.ignore)
    targets = _expand(source, options.target)
    features = _expand(source, options.features)
    categorical = _expand(source, options.categorical)
    marks = {name for name in (options.weight, part_column(options.split_by)) if name}  # columns that are no feature
    single = [name for name in (options.id, options.time, *sorted(marks)) if name is not None]
    require(source, single)
    _check_conflicts(options)
    named = {*ignored, *targets, *features, *categorical, *source.nameless, *single}
    layout = next((found for match in (_original, _card) if (found := match(columns, named))), None)
    if layout is None:
        layout = _by_name(columns, named, options.id)
    id_column = options.id or _unless(layout.id, named)
    time = options.time or _unless(layout.time, named)
    targets = tuple(name for name in targets or layout.targets if name not in ignored and name not in marks)
    if not targets and require_target:
        raise DataError(
            f"{source.header_line()}: it is not known which column to predict; name it with --target COLUMN. "
            f"The columns are {listing(columns)}"
        )
    taken = {*ignored, *targets, *marks, id_column, time}
    chosen = features or layout.features
    categorical = tuple(name for name in categorical if name not in taken)
    kept = tuple(name for name in dict.fromkeys((*chosen, *categorical)) if name not in taken) if chosen else None
    wanted = None if kept is None else set(kept)
    by_type = (name for name in source.categorical if name not in taken and (wanted is None or name in wanted))
    categorical = tuple(dict.fromkeys((*categorical, *by_type)))
    if kept == ():
        raise DataError(f"{source.header_line()}: no column is left as a feature; the columns are {listing(columns)}")
    if options.stride is not None and options.window is None and id_column is not None:
        raise UsageError(
            f"stride {options.stride} has no effect without a window: sequences are the rows of each {id_column!r}; "
            "add --window N or leave --stride out"
        )
    idle = {*ignored, *source.nameless, *layout.others} - {*targets, *(kept or ()), *categorical, id_column, time}
    left_out = tuple(name for name in columns if name in idle)
    part = part_column(options.split_by)
    return Roles(id_column, time, targets, kept, left_out, layout.name, categorical, options.weight, part)


def _expand(source: Source, names: Sequence[str]) -> tuple[str, ...]:
    """Replace patterns such as 'x*' by the columns they match, in the order of the table."""
    found: dict[str, None] = {}
    columns = set(source.columns)
    for name in names:
        if name in columns:
            found[name] = None
            continue
        matches = [column for column in source.columns if fnmatchcase(column, name)]
        if not matches:
            require(source, [name])
        found.update(dict.fromkeys(matches))
    return tuple(found)


def _check_conflicts(options: DataConfig) -> None:
    """Raise UsageError for a column that is named for two roles (patterns give way)."""
    named: dict[str, str] = {}
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
            if name is None or (role == "categorical" and named.get(name) == "features"):
                continue
            if named.setdefault(name, role) != role:
                raise UsageError(f"column {name!r} is given as {named[name]} and as {role}; give it one role")


def _unless(name: str | None, named: set[str]) -> str | None:
    return None if name in named else name


def _original(columns: Sequence[str], named: set[str]) -> _Layout | None:
    """Match name,t,x1..xF,y1..yL beside columns that are named by options."""
    id_column = next((name for name in ("name", "id") if name in columns), None)
    features = _matching(columns, r"x\d+")
    targets = _matching(columns, r"y\d+")
    core = {id_column, "t", *features, *targets}
    fits = id_column and "t" in columns and features and targets and not set(columns) - core - named
    return _Layout("original", id_column, "t", features, targets) if fits else None


def _card(columns: Sequence[str], named: set[str]) -> _Layout | None:
    """Match Time,V1..V28,Amount,Class beside columns that are named by options."""
    features = (*_matching(columns, r"V\d+"), "Amount")
    core = {"Time", "Class", *features}
    fits = len(features) > 1 and core <= set(columns) and not set(columns) - core - named
    # The card holder is unknown and several payments share a second: the order of the file is the order in time.
    return _Layout("card", None, None, features, ("Class",), others=("Time",)) if fits else None


def _by_name(columns: Sequence[str], named: set[str], id_column: str | None) -> _Layout:
    """Take a column called id for the id (a running number is no feature), and t beside an id for the time."""
    found = next((name for name in columns if name in ("id", "ID", "Id") and name not in named), None)
    time = "t" if "t" in columns and (found or id_column) else None
    return _Layout("options", found, time, (), ())


def _matching(columns: Sequence[str], pattern: str) -> tuple[str, ...]:
    return tuple(name for name in columns if re.fullmatch(pattern, name))
