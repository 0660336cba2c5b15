"""What the columns of a table mean, as it is stored in the model file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any

from rnnfast.catalogue import TASKS
from rnnfast.config.forms import MOST_HORIZON
from rnnfast.data.sources.source import listing
from rnnfast.display import counted
from rnnfast.errors import ModelError
from rnnfast.records import Meta, Size, decode, plain, shown

DEFAULT_WINDOW = 10  # steps, where there is no id column

Label = bool | int | float | str
Steps = Annotated[int, Meta(ge=0, le=MOST_HORIZON)]


def window_note(window: int | None, reason: str = "the default") -> str:
    """Say how long the windows of a table without id are, and why."""
    return f"no id column: consecutive rows are cut into windows of {window}, {reason} (set by --window)"


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
    horizon: steps from a row to the target that it predicts, inside the same id; of several horizons the farthest.
    horizons: where there are several, all of them, ascending; else ().
    lag_target: whether the last known target is an input, after the features; season: steps of a season.
    delta: whether the change of each feature since the row before is an input; time_delta: "off", or how the time since
    then is one, "linear" or "log"; calendar: whether the place of the time in day, week and year is one.
    dates: whether the times that inputs are made of are dates.
    difference: whether the network learns the change since that target; y and answers hold the targets themselves.
    weight: column with the weight of a row in the loss, or None.
    dayfirst: whether the day stands before the month in the dates of the time column; None where that is no question.
    """

    id: str | None
    time: str | None
    features: tuple[str, ...]
    targets: tuple[str, ...]
    task: str
    classes: tuple[Label, ...] = ()
    predict: str = "every"
    window: Size | None = None
    stride: Size | None = None
    layout: str = "options"
    categorical: tuple[str, ...] = ()
    horizon: Steps = 0
    horizons: tuple[Steps, ...] = ()
    lag_target: bool = False
    season: Size = 1
    weight: str | None = None
    dayfirst: bool | None = None
    difference: bool = False
    delta: bool = False
    time_delta: str = "off"
    calendar: bool = False
    dates: bool = False

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Columns of x: the features, what is derived of them and of the time, then the lagged targets."""
        return (*self.features, *self.derived, *(f"{name} (lag)" for name in self.targets if self.lag_target))

    @cached_property
    def place_of(self) -> dict[str, int]:
        """Where each column of x is among them."""
        return {name: j for j, name in enumerate(self.columns)}

    @cached_property
    def derived(self) -> tuple[str, ...]:
        """Columns of x that follow from features and time; none of their cells is empty."""
        numbers = set(self.features).difference(self.categorical) if self.delta else ()
        changing = (name for name in self.features if name in numbers)
        times = [f"{self.time} (delta)"] if self.time_delta != "off" else []
        return (*(f"{name} (delta)" for name in changing), *times, *self.calendar_columns)

    @property
    def calendar_columns(self) -> tuple[str, ...]:
        """The column of x that holds the time itself, of which the encoder makes inputs; () for none."""
        return (f"{self.time} (calendar)",) if self.calendar else ()

    @cached_property
    def first_lag(self) -> int:
        """Number of the first column of x that is a lagged target."""
        return len(self.features) + len(self.derived)

    @property
    def clock(self) -> bool:
        """Whether inputs are made of the time."""
        return self.calendar or self.time_delta != "off"

    @property
    def ahead(self) -> tuple[int, ...]:
        """Steps to the targets that a row is asked for, ascending: (0,) for its own."""
        return self.horizons or (self.horizon,)

    @cached_property
    def answers(self) -> tuple[str, ...]:
        """What a row is asked for, in the order of the columns of y.

        The targets; with several horizons those of the first one, then those of the next: Temp+1, Rain+1, Temp+2, ..
        """
        if not self.horizons:
            return self.targets
        return tuple(f"{name}+{steps}" for steps in self.horizons for name in self.targets)

    @cached_property
    def outputs(self) -> int:
        """Outputs of a network for this table: one per class of a multiclass task, else one per answer."""
        return len(self.classes) if self.task and TASKS[self.task].output_per_class else len(self.answers)

    @property
    def continues(self) -> bool:
        """Whether a table that ends says enough to answer steps beyond its end."""
        return self.horizon > 0 or self.only_past

    @property
    def only_past(self) -> bool:
        """Whether inputs are the target's past, so that answers can take its place, and the time alone."""
        return (self.lag_target or self.clock) and not self.features

    @property
    def overlapping(self) -> bool:
        """Whether windows share rows."""
        return self.window is not None and self.stride is not None and self.stride < self.window

    def display(self) -> dict[str, str]:
        """Return inputs and target in words, for a person."""
        columns = self.columns
        lines = {"inputs": f"{len(columns)} ({listing(columns)})" if columns else "none"}
        if self.targets:
            classes = f": {listing([str(value) for value in self.classes])}" if self.classes else ""
            step = {"every": "at every step", "last": "at the last step"}[self.predict]
            ahead = f", {counted(self.horizon, 'step')} ahead" if self.horizon else ""
            change = ", learned as its change" if self.difference else ""
            lines["target"] = f"{listing(self.targets)} ({self.task}{classes}) {step}{ahead}{change}"
        return lines

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
        if self.time_delta not in ("off", "linear", "log"):
            raise ValueError(f"time_delta is {self.time_delta!r}: expected off, linear or log")
        if self.difference and not self.lag_target:
            raise ValueError("difference needs lag_target")
        if (self.window is None) != (self.stride is None):
            raise ValueError(f"stride is {self.stride!r}: expected {'none' if self.window is None else 'a number'}")
        if self.horizons and (len(self.horizons) < 2 or self.horizons[-1] != self.horizon or not self.horizons[0]):
            raise ValueError(
                f"horizons is {shown(list(self.horizons))}: expected several from 1, the last of them {self.horizon}"
            )
        if list(self.horizons) != sorted(set(self.horizons)):
            raise ValueError(f"horizons is {shown(list(self.horizons))}: expected each once, ascending")
        for name, values in (("features", self.features), ("targets", self.targets), ("classes", self.classes)):
            if len(set(values)) < len(values):
                raise ValueError(f"{name} is {shown(list(values))}: expected each once")
        if len({type(label) is str for label in self.classes}) > 1:
            raise ValueError(f"classes is {shown(list(self.classes))}: expected texts or numbers")
